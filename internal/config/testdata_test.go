package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

// update writes the expected files of the tests. Review the files before committing them.
var update = flag.Bool("update", false, "write the expected files anew")

// TestEachMistakeIsReportedAsExpected: each file in testdata/invalid holds one mistake and is named after the
// mistake. The .txt file with the same name holds the expected report.
func TestEachMistakeIsReportedAsExpected(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files to read: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(strings.TrimSuffix(name, ".yaml"), func(t *testing.T) {
			_, err := config.Parse(name, read(t, file), nil)
			if err == nil {
				t.Fatal("no mistake was found")
			}
			if _, ok := errors.AsType[config.Mistakes](err); !ok {
				t.Errorf("the error is a %T, want Mistakes", err)
			}
			if strings.Contains(err.Error(), "s3cr3t-sentinel") {
				t.Error("the error repeats the value")
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

func TestValidFilesHaveNoMistake(t *testing.T) {
	files, err := filepath.Glob("testdata/valid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files to read: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if _, err := config.Load(file, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// golden compares text with the file at path, or writes the file with -update.
func golden(t *testing.T, path, text string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(read(t, path)); text != want {
		t.Errorf("%s differs; go test -update writes it anew\n got: %s\nwant: %s", path, text, want)
	}
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

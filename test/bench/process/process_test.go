package process_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/test/bench/process"
)

// shell starts a script that is ready as soon as a file is there.
func shell(t *testing.T, script string) (*process.Process, error) {
	t.Helper()
	path, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh on this machine")
	}
	folder := t.TempDir()
	p, err := process.Start(t.Context(), process.Spec{
		Name: "script", Path: path, Args: []string{"-c", script}, Folder: folder, Patience: 10 * time.Second,
		Ready: func(context.Context) error {
			_, err := os.Stat(filepath.Join(folder, "ready"))
			return err
		},
	})
	if err == nil {
		t.Cleanup(p.Stop)
	}
	return p, err
}

func measurable(t *testing.T) {
	t.Helper()
	if err := process.Supported(); err != nil {
		t.Skip(err)
	}
}

func TestUsageIsThatOfTheWholeFamily(t *testing.T) {
	measurable(t)
	p, err := shell(t, `(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; touch done; sleep 60) & touch ready; wait`)
	if err != nil {
		t.Fatal(err)
	}
	var used time.Duration
	for end := time.Now().Add(20 * time.Second); used == 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if used, err = p.CPU(); err != nil {
			t.Fatal(err)
		}
		used = max(0, used-5*time.Millisecond) // The parent alone uses less.
	}
	mib, err := p.Resident()
	if used == 0 || err != nil || mib <= 0 {
		t.Errorf("used %s, %v MiB, %v", used, mib, err)
	}
	if p.ToReady <= 0 {
		t.Errorf("it took %s to be ready", p.ToReady)
	}
}

func TestAProgramThatEndsAtOnceIsToldWithWhatItSaid(t *testing.T) {
	_, err := shell(t, `echo no such configuration; exit 3`)
	if err == nil || !strings.Contains(err.Error(), "no such configuration") {
		t.Errorf("got %v", err)
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	_, err := process.Start(t.Context(), process.Spec{
		Name: "nobody", Path: filepath.Join(t.TempDir(), "nobody"), Folder: t.TempDir(), Ready: func(context.Context) error { return errors.New("never") },
	})
	if err == nil {
		t.Error("it was started")
	}
}

func TestWhatIsWrittenAndWaitedForIsCounted(t *testing.T) {
	folder := t.TempDir()
	p, err := shell(t, "touch ready; while [ ! -e "+folder+"/go ]; do sleep 0.01; done; dd if=/dev/zero of="+folder+"/a bs=4096 count=10 conv=fsync; touch "+folder+"/done; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	syncs, err := p.Syncs(t.Context(), func() error {
		if err := os.WriteFile(filepath.Join(folder, "go"), nil, 0o600); err != nil {
			return err
		}
		for _, err := os.Stat(filepath.Join(folder, "done")); err != nil; _, err = os.Stat(filepath.Join(folder, "done")) {
			time.Sleep(time.Millisecond)
		}
		return nil
	})
	if errors.Is(err, process.ErrNoTracer) {
		t.Skip(err)
	}
	if err != nil || syncs != 1 {
		t.Errorf("%v waits for the disk, want that of dd: %v", syncs, err)
	}
	if _, err := p.Written(); err != nil && !errors.Is(err, process.ErrNoProc) {
		t.Error(err)
	}
}

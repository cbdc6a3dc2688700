package telemetry_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"platform.internal/storekeeper/internal/telemetry"
)

func TestLineIsJSONWithTimeLevelAndText(t *testing.T) {
	var out bytes.Buffer
	logger := newLogger(t, "info", &out)
	logger.Info("started", zap.String("address", "127.0.0.1:1\n"), zap.Duration("after", time.Second))

	line := onlyLine(t, &out)
	stamp, _ := line["time"].(string)
	if _, err := time.Parse(time.RFC3339, stamp); err != nil || !strings.HasSuffix(stamp, "Z") {
		t.Errorf("time is %q, want RFC 3339 in UTC", stamp)
	}
	delete(line, "time")
	want := map[string]any{"level": "info", "msg": "started", "address": "127.0.0.1:1\n", "after": "1s"}
	if len(line) != len(want) {
		t.Errorf("got %v, want %v", line, want)
	}
	for key, value := range want {
		if line[key] != value {
			t.Errorf("%s is %v, want %v", key, line[key], value)
		}
	}
}

func TestErrorsCarryNoStack(t *testing.T) {
	var out bytes.Buffer
	newLogger(t, "debug", &out).Error("broken")
	if line := onlyLine(t, &out); len(line) != 3 {
		t.Errorf("got %v, want only time, level and msg", line)
	}
}

func TestLevelIsTheLeastThatIsWritten(t *testing.T) {
	for level, want := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		var out bytes.Buffer
		logger := newLogger(t, level, &out)
		logger.Debug("")
		logger.Info("")
		logger.Warn("")
		logger.Error("")
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("%s wrote %d lines, want %d", level, got, want)
		}
	}
}

func TestUnknownWordsAreRefused(t *testing.T) {
	for _, words := range [][2]string{{"", "json"}, {"INFO", "json"}, {"fatal", "json"}, {"info", ""}, {"info", "xml"}} {
		if _, err := telemetry.NewLogger(words[0], words[1], &bytes.Buffer{}); err == nil {
			t.Errorf("level %q and format %q were taken", words[0], words[1])
		}
	}
}

func TestConsoleIsForPeopleAndKeepsOneLine(t *testing.T) {
	var out bytes.Buffer
	logger, err := telemetry.NewLogger("info", "console", &out)
	if err != nil {
		t.Fatal(err)
	}
	logger.Info("started", zap.String("method", "a\nb"))
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "\tinfo\tstarted\t") {
		t.Errorf("got %q", text)
	}
}

func TestLinesOfManyWritersDoNotMix(t *testing.T) {
	var out bytes.Buffer
	logger := newLogger(t, "info", &out)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				logger.Info("x", zap.String("padding", strings.Repeat("y", 200)))
			}
		})
	}
	all.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 800 {
		t.Errorf("got %d lines, want 800", len(lines))
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Fatalf("not JSON: %s", line)
		}
	}
}

func newLogger(t *testing.T, level string, out *bytes.Buffer) *zap.Logger {
	t.Helper()
	logger, err := telemetry.NewLogger(level, "json", out)
	if err != nil {
		t.Fatal(err)
	}
	return logger
}

// onlyLine reads the only logged line.
func onlyLine(t *testing.T, out *bytes.Buffer) map[string]any {
	t.Helper()
	if strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("want one line, got %q", out.String())
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	return line
}

package docs_test

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"platform.internal/storekeeper/internal/telemetry"
)

var update = flag.Bool("update", false, "write the pages of the reference that are made from the code")

// generated compares a page with the output of the code, or writes the page.
func generated(t *testing.T, page, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code says; write it with: go test ./docs -run Reference -update", page)
	}
}

// cell makes a text fit for a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

const metricsPage = `# Reference: metrics

The admin listener serves these metrics under /metrics, and those of Go and of the process (go_*, process_*). Labels are bounded: callers cannot make series.
This page is made from the code (` + "`go test ./docs -run Reference -update`" + `).

| metric | labels | meaning |
|---|---|---|
`

var described = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), .*variableLabels: \{(.*)\}\}$`)

func TestTheReferenceOfMetricsIsThatOfTheCode(t *testing.T) {
	t.Parallel()
	m, err := telemetry.NewMetrics(telemetry.MetricsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	watchAll(t, m)
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		m.Gatherer().(prometheus.Collector).Describe(descs)
	}()
	var rows []string
	for d := range descs {
		found := described.FindStringSubmatch(d.String())
		if found == nil {
			t.Errorf("a description has another form: %s", d)
			continue
		}
		name, nerr := strconv.Unquote(found[1])
		help, herr := strconv.Unquote(found[2])
		if nerr != nil || herr != nil {
			t.Errorf("%s: %v %v", d, nerr, herr)
		}
		if labels := strings.ReplaceAll(found[3], ",", ", "); strings.HasPrefix(name, "storekeeper_") {
			rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", name, labels, cell(help)))
		}
	}
	slices.Sort(rows)
	if len(rows) < 40 {
		t.Errorf("only %d metrics were found", len(rows))
	}
	generated(t, "reference/metrics.md", metricsPage+strings.Join(slices.Compact(rows), ""))
}

// watchAll registers all metrics that need something to look at.
func watchAll(t *testing.T, m *telemetry.Metrics) {
	t.Helper()
	v := reflect.ValueOf(m)
	for i := range v.NumMethod() {
		if !strings.HasPrefix(v.Type().Method(i).Name, "Watch") {
			continue
		}
		method := v.Method(i)
		var args []reflect.Value
		for n := range method.Type().NumIn() {
			if method.Type().IsVariadic() && n == method.Type().NumIn()-1 {
				break
			}
			args = append(args, something(method.Type().In(n)))
		}
		for _, out := range method.Call(args) {
			if err, failed := reflect.TypeAssert[error](out); failed {
				t.Errorf("%s: %v", v.Type().Method(i).Name, err)
			}
		}
	}
}

// something returns a value whose functions return zero values.
func something(of reflect.Type) reflect.Value {
	v := reflect.New(of).Elem()
	switch of.Kind() {
	case reflect.Func:
		return reflect.MakeFunc(of, func([]reflect.Value) (out []reflect.Value) {
			for result := range of.Outs() {
				out = append(out, reflect.Zero(result))
			}
			return out
		})
	case reflect.Struct:
		for i := range of.NumField() {
			if of.Field(i).IsExported() {
				v.Field(i).Set(something(of.Field(i).Type))
			}
		}
	default:
	}
	return v
}

// zapField is a field of a log line in the code.
var zapField = regexp.MustCompile(`(?:zap\.|to\.Add)(?:String|Strings|Int|Int64|Uint64|Float64|Bool|Duration|Durationp|Time|Any|ByteString|Stringer|Int32|Uint32|Namespace|Stack|StackSkip)\("([^"]+)"`)

// logField is a row of the table of log fields.
var logField = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

func TestTheReferenceOfTheLogHasEachField(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("reference/log.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, row := range logField.FindAllStringSubmatch(string(text), -1) {
		listed[row[1]] = true
	}
	// zap itself writes these.
	written := map[string]bool{"level": true, "time": true, "msg": true, "logger": true, "error": true}
	for _, root := range []string{"../internal", "../cmd/server"} {
		err := filepath.WalkDir(root, func(name string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			code, err := os.ReadFile(name)
			for _, found := range zapField.FindAllStringSubmatch(string(code), -1) {
				written[found[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(written)) {
		if !listed[name] {
			t.Errorf("reference/log.md lacks %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if !written[name] {
			t.Errorf("reference/log.md lists %s, which no line has", name)
		}
	}
}

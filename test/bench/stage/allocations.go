package stage

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"platform.internal/storekeeper/test/bench/figure"
)

// Allocations returns the objects and bytes that the contender has allocated
// since its start, or None if the contender is not a Go program.
func (w *World) Allocations(ctx context.Context) (objects, size float64, err error) {
	switch {
	case w.Name == Direct || w.Name == Nginx:
		return figure.None(), figure.None(), nil
	case ours(w.Name):
		text, err := fetch(ctx, "http://"+w.Admin+"/metrics")
		if err != nil {
			return 0, 0, err
		}
		return metric(text, "go_memstats_mallocs_total"), metric(text, "go_memstats_alloc_bytes_total"), nil
	}
	text, err := fetch(ctx, "http://"+w.Admin+"/debug/vars")
	if err != nil {
		return 0, 0, err
	}
	var vars struct {
		Memory struct {
			Mallocs    float64 `json:"Mallocs"`
			TotalAlloc float64 `json:"TotalAlloc"`
		} `json:"memstats"`
	}
	err = json.Unmarshal(text, &vars)
	return vars.Memory.Mallocs, vars.Memory.TotalAlloc, err
}

// GCPercent returns the value of GOGC that Storekeeper has set: the heap growth
// until the next collection, in percent.
func (w *World) GCPercent(ctx context.Context) (float64, error) {
	text, err := fetch(ctx, "http://"+w.Admin+"/metrics")
	return metric(text, "go_gc_gogc_percent"), err
}

// metric reads a metric without labels from Prometheus' text format, or returns
// None.
func metric(text []byte, name string) float64 {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			if x, err := strconv.ParseFloat(rest, 64); err == nil {
				return x
			}
		}
	}
	return figure.None()
}

// Profile fetches a page of the contender's admin listener.
func (w *World) Profile(ctx context.Context, page string) ([]byte, error) {
	return fetch(ctx, "http://"+w.Admin+page)
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

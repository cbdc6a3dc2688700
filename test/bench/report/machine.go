// Package report shows figures as tables in text and Markdown, as plots, and
// compared with their targets.
//
// It must not know the method of measurement.
package report

import (
	"bufio"
	"os"
	"runtime"
	"strings"
	"time"
)

// About describes the machine and the date of figures.
type About struct {
	// Date is the day, in UTC.
	Date string `json:"date"`
	// Machine is the processor, how many, the memory and the kernel.
	Machine string `json:"machine"`
	// Disk says how long a write takes.
	Disk string `json:"disk"`
	// Go is the version that everything of ours was built with.
	Go string `json:"go"`
	// Peers has the versions of third-party peers.
	Peers map[string]string `json:"peers"`
	// How says how long and how often.
	How string `json:"how"`
	// Connections are the sizes of the closed loops, Rates the rates of the
	// open loop, Crowd the numbers of callers under the budget, Many the number
	// of grown objects.
	Connections []int     `json:"connections"`
	Rates       []float64 `json:"rates"`
	Crowd       []int     `json:"crowd"`
	Many        int       `json:"many"`
	// Kept are the numbers of kept answers in the measurements of creates,
	// KeptAtStart and Records the numbers of answers and records in the
	// measurement of starts.
	Kept        []int `json:"kept"`
	KeptAtStart int   `json:"kept_at_start"`
	Records     int   `json:"records"`
}

// ThisMachine fills in the facts about this machine.
func (a About) ThisMachine() About {
	a.Date, a.Go = time.Now().UTC().Format(time.DateOnly), runtime.Version()
	a.Machine = strings.Join([]string{
		first("/proc/cpuinfo", "model name"), Plural(runtime.NumCPU(), "processor"), memory(), kernel(), runtime.GOOS + "/" + runtime.GOARCH,
	}, ", ")
	return a
}

// first returns the first value of a name in a file of /proc.
func first(file, name string) string {
	f, err := os.Open(file)
	if err != nil {
		return "unknown"
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memory() string {
	var kib float64
	if _, err := scan(first("/proc/meminfo", "MemTotal"), &kib); err != nil {
		return "memory unknown"
	}
	return number(kib/(1<<20)) + " GiB of memory"
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "kernel unknown"
	}
	return "kernel " + strings.TrimSpace(string(text))
}

// middle is the number of connections that ratios are taken at.
func (a About) middle() int {
	if len(a.Connections) == 0 {
		return 0
	}
	return a.Connections[len(a.Connections)/2]
}

// most is the largest number of connections.
func (a About) most() int {
	if len(a.Connections) == 0 {
		return 0
	}
	return a.Connections[len(a.Connections)-1]
}

package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of /proc/PID/stat: 100 a second in every Linux
// that Go supports.
const ticksPerSecond = 100

// ErrNoProc means that this system does not report the usage of processes.
var ErrNoProc = errors.New("this system has no /proc, so what a program uses cannot be measured")

// Supported returns ErrNoProc if usage cannot be read.
func Supported() error {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return ErrNoProc
	}
	return nil
}

// CPU returns the CPU time of the program and its children so far.
func (p *Process) CPU() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range family(p.cmd.Process.Pid) {
		used, err := cpuOf(pid)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.spec.Name, err)
		}
		sum += used
	}
	return sum, nil
}

// Resident returns the resident memory of the program and its children, in MiB.
func (p *Process) Resident() (float64, error) {
	sum := 0.0
	for _, pid := range family(p.cmd.Process.Pid) {
		mib, err := residentOf(pid)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.spec.Name, err)
		}
		sum += mib
	}
	return sum, nil
}

// Written returns the bytes that the kernel writes to disks for the program and
// its children, as /proc/PID/io counts them: whole changed pages. The error is
// ErrNoProc if this system does not report them.
func (p *Process) Written() (float64, error) {
	sum := 0.0
	for _, pid := range family(p.cmd.Process.Pid) {
		n, err := writtenBy(pid)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", p.spec.Name, err)
		}
		sum += n
	}
	return sum, nil
}

// writtenBy reads write_bytes.
func writtenBy(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, errors.Join(ErrNoProc, err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "write_bytes:"); ok {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, ErrNoProc
}

// PID is the number of the program.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// family returns a process and its descendants.
func family(pid int) []int {
	all := []int{pid}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return all
	}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // The thread has ended since.
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

// cpuOf reads user and system time. Their unit is 10 ms, so the nanoseconds of
// the running threads are used if available. These lack ended threads, so the
// greater value counts.
func cpuOf(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	coarse, err := parseStat(string(stat))
	if err != nil {
		return 0, err
	}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var fine time.Duration
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // The thread has ended since.
		}
		if fields := strings.Fields(string(text)); len(fields) > 0 {
			ran, _ := strconv.ParseInt(fields[0], 10, 64) // 0 where it is no number: the coarse time counts then.
			fine += time.Duration(ran)
		}
	}
	return max(coarse, fine), err
}

// parseStat reads utime and stime, the 14th and 15th field. The second is the
// name of the program in parentheses and may hold anything.
func parseStat(stat string) (time.Duration, error) {
	const utime, stime = 11, 12 // Counted from behind the name.
	_, rest, ok := cutLast(stat, ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) <= stime {
		return 0, errors.New("/proc/PID/stat has another form than expected")
	}
	var ticks int64
	for _, i := range []int{utime, stime} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// residentOf reads VmRSS.
func residentOf(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, errors.New("/proc/PID/status has no VmRSS")
}

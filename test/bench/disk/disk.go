// Package disk measures the time of a durable write, which is a lower bound of
// the time of a change.
//
// It must not know the writes of programs.
package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"platform.internal/storekeeper/test/bench/load"
)

const (
	// written is how much is written before each sync.
	written = 1024
	// page is the size of a write that fills the file.
	page = 4096
	// size is that of the file that is written over.
	size = 4 << 20
)

// Appended says how long each of so many syncs takes that follow each other at
// once, each of 512 bytes more in a file.
func Appended(folder string, times int) (took []time.Duration, err error) {
	f, err := os.CreateTemp(folder, "disk-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	const more = 512
	for range times {
		began := time.Now()
		if _, err := f.Write(make([]byte, more)); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// Paced returns the durations of writes with a sync, at a rate per second. Each
// write overwrites 1 KiB of a file with its full size, which is the cheapest
// durable write. At a low rate, disk and processor idle between two writes, so
// each write takes longer than in a burst.
func Paced(ctx context.Context, folder string, rate float64, times int) (took []time.Duration, err error) {
	f, err := filled(filepath.Join(folder, "paced"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	text := make([]byte, written)
	text[0] = 1
	from := time.Now()
	for i := range times {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		load.PauseUntil(from.Add(time.Duration(float64(i) * float64(time.Second) / rate)))
		began := time.Now()
		if _, err := f.WriteAt(text, int64(i*written%size)); err != nil {
			return nil, err
		}
		if err := syncData(f); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// filled creates a file of full size with small writes: the kernel caches a
// large write in large folios, which each sync scans as a whole.
func filled(name string) (*os.File, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, page)
	for range size / page {
		if _, err := f.Write(zeros); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, f.Sync()
}

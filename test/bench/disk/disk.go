// Package disk measures how long it takes until something is on the disk, which
// bounds the time of a change whatever the program does.
//
// It must not know what programs write, or how often.
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
	// page is what a file is filled with at a time.
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

// Paced says how long a write and a sync of its data take, so many times a
// second and so many times in all. 1 KiB is written over in a file that has its
// size already, which is the least that a program can wait for. At a rate the
// disk and the processor rest between two, so each takes longer than one of many
// in a row.
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

// filled makes a file of full size, in small writes: a kernel keeps a large one
// in large pieces, of which each sync looks through all.
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

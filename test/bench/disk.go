package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"platform.internal/storekeeper/test/bench/figure"
)

// disk says how long it takes until something is on the disk, which bounds the
// time of a change whatever the program does.
func disk(folder string) (said string, err error) {
	f, err := os.Create(filepath.Join(folder, "disk"))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	const times, size = 200, 512
	took := make([]time.Duration, times)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(make([]byte, size)); err != nil {
			return "", err
		}
		if err := f.Sync(); err != nil {
			return "", err
		}
		took[i] = time.Since(began)
	}
	return fmt.Sprintf("%d bytes more in a file are on the disk after %.2f ms (p50) and %.2f ms (p99), one write at a time",
		size, figure.Quantile(took, 0.5), figure.Quantile(took, 0.99)), nil
}

package wal_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"platform.internal/storekeeper/internal/store/disk"
	"platform.internal/storekeeper/internal/store/wal"
)

// cpu is how much processor time this process has used.
func cpu() time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkWrite writes frames with the size of one commit and of many commits on a real disk.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{1 << 10, 32 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l, err := wal.Open(wal.Config{FS: disk.OS(), Folder: b.TempDir(), Key: make([]byte, 32)}, wal.Start{}, nil, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			frame := wal.NewFrame(make([]byte, 0, size+1024))
			frame = append(frame, make([]byte, size)...)
			b.ReportAllocs()
			began := cpu()
			for b.Loop() {
				if _, err := l.Write(frame); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu()-began).Nanoseconds())/float64(b.N)/1000, "cpu-µs/op")
		})
	}
}

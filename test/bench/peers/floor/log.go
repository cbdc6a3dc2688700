package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"runtime"
	"sync"
)

const (
	// logSize is the size of the file. A full file is overwritten from its
	// begin; a real log would continue in the next file.
	logSize = 64 << 20
	// page is the size of a write that fills the file.
	page = 4096
	// sector is the alignment of frames, so that no write touches durable data.
	sector = 512
	// headSize is the size of a frame's head: number, length, checksum.
	headSize = 16
)

var checksums = crc32.MakeTable(crc32.Castagnoli)

// log makes texts durable. Concurrent callers share a frame: one write and one
// sync. It is safe for concurrent use.
type log struct {
	// disk is held by the writer.
	disk   sync.Mutex
	file   *os.File
	at     int64
	number uint64

	mu   sync.Mutex
	open *group
}

// group is a frame that is filled.
type group struct {
	frame []byte
	count int
	done  chan struct{}
	err   error
}

// openLog creates the file in its full size, so that no sync has to write a new
// size.
func openLog(name string) (*log, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	zeros := make([]byte, page)
	for at := int64(0); at < logSize; at += page {
		if _, err := f.WriteAt(zeros, at); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return &log{file: f}, f.Sync()
}

// commit returns when the text is durable. The first caller of a group writes
// the group, on its own goroutine.
func (l *log) commit(text []byte) error {
	l.mu.Lock()
	g := l.open
	if g == nil {
		g = &group{frame: make([]byte, headSize, headSize+len(text)), done: make(chan struct{})}
		l.open = g
	}
	g.frame = append(g.frame, text...)
	first := g.count == 0
	g.count++
	l.mu.Unlock()
	if !first {
		<-g.done
		return g.err
	}
	l.disk.Lock() // The group before is durable then, and this one has grown meanwhile.
	l.gather(g)
	g.err = l.write(g.frame)
	l.disk.Unlock()
	close(g.done)
	return g.err
}

// gather closes a group, after a short wait for further callers.
func (l *log) gather(g *group) {
	const yields = 4
	before := 0
	for range yields {
		l.mu.Lock()
		count := g.count
		l.mu.Unlock()
		if count == before {
			break
		}
		before = count
		runtime.Gosched()
	}
	l.mu.Lock()
	l.open = nil
	l.mu.Unlock()
}

// write makes a frame durable.
func (l *log) write(frame []byte) error {
	l.number++
	text := frame[headSize:]
	binary.LittleEndian.PutUint64(frame, l.number)
	binary.LittleEndian.PutUint32(frame[8:], uint32(min(len(text), logSize)))
	binary.LittleEndian.PutUint32(frame[12:], crc32.Checksum(text, checksums))
	length := int64(len(frame)+sector-1) / sector * sector
	if length > logSize {
		return errors.New("the frame is larger than the file")
	}
	if l.at+length > logSize {
		l.at = 0
	}
	if _, err := l.file.WriteAt(frame, l.at); err != nil {
		return err
	}
	l.at += length
	return syncData(l.file)
}

package audit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strconv"
)

// headSuffix makes the path of the head file from that of the audit file.
const headSuffix = ".head"

// HeadPath returns the path of the head file of an audit file.
func HeadPath(path string) string { return path + headSuffix }

const (
	headName  = "storekeeper-audit-head "
	headMagic = headName + "1"
	// headBytes is the length of every head, well within the 512 bytes that a
	// disk writes whole or not at all.
	headBytes = len(headMagic) + len(" ") + 32 + len(" -") + len(" ") + 20 + 2*(len(" ")+2*hashBytes) + len("\n")
)

var errHead = errors.New("not a head in its one form, or not made with this key")

var errHeadFormat = errors.New("it is of another format than 1, which is the one that this build reads: run the build that wrote it, or a later one")

// appendHead writes the last acknowledged place of a chain, bound by a hash of
// its own. It has one form and one length.
func appendHead(dst []byte, at position, o origin, h hash.Hash) []byte {
	start := len(dst)
	keyed := "-"
	if o.keyed {
		keyed = "k"
	}
	dst = append(dst, headMagic...)
	dst = append(dst, ' ')
	dst = append(dst, o.id...)
	dst = append(dst, ' ')
	dst = append(dst, keyed...)
	dst = append(dst, ' ')
	dst = appendPadded(dst, at.seq)
	dst = append(dst, ' ')
	dst = hex.AppendEncode(dst, at.hash[:])
	mac := sum(h, dst[start:])
	dst = append(dst, ' ')
	dst = hex.AppendEncode(dst, mac[:])
	return append(dst, '\n')
}

// appendPadded writes a number with all 20 digits that one can have.
func appendPadded(dst []byte, n uint64) []byte {
	const zeros = "00000000000000000000"
	start := len(dst)
	dst = append(dst, zeros...)
	for i := len(dst) - 1; i >= start; i-- {
		dst[i] += byte(n % 10)
		n /= 10
	}
	return dst
}

func parseHead(text []byte, h hash.Hash) (at position, o origin, err error) {
	if bytes.HasPrefix(text, []byte(headName)) && !bytes.HasPrefix(text, []byte(headMagic+" ")) {
		return at, o, errHeadFormat
	}
	if len(text) != headBytes {
		return at, o, fmt.Errorf("%w: it has %d bytes, not %d", errHead, len(text), headBytes)
	}
	fields := bytes.Split(text[len(headMagic):headBytes-1], []byte(" "))
	if len(fields) != 6 {
		return at, o, errHead
	}
	o = origin{id: string(fields[1]), keyed: string(fields[2]) == "k"}
	at.seq, _ = strconv.ParseUint(string(fields[3]), 10, 64)
	if len(fields[4]) == 2*hashBytes {
		_, _ = hex.Decode(at.hash[:], fields[4])
	}
	// Whatever could not be read differs when it is written again.
	if !bytes.Equal(appendHead(nil, at, o, h), text) {
		return at, o, errHead
	}
	return at, o, nil
}

// readHead reads the head while it may be written. It returns nil where the
// head is empty, as it is before the first record.
func readHead(r io.ReaderAt) ([]byte, error) {
	buf := make([]byte, headBytes+1)
	n, err := r.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf[:n], nil
}

// headFile is the sidecar that names the last acknowledged record, so that a
// missing end of the audit file is found. It is written in place: one sync
// where a rename would take three.
type headFile struct {
	fs     FS
	path   string
	origin origin
	hash   hash.Hash
	file   File
	buf    []byte
}

// open takes the head file for this process.
func (f *headFile) open() error {
	f.close()
	file, err := f.fs.OpenFile(f.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := file.Lock(); err != nil {
		_ = file.Close()
		return fmt.Errorf("%w: %s: %w", ErrLocked, f.path, err)
	}
	f.file = file
	return f.fs.SyncDir(filepath.Dir(f.path))
}

// write makes last the acknowledged place, durable.
func (f *headFile) write(last position) error {
	f.buf = appendHead(f.buf[:0], last, f.origin, f.hash)
	if _, err := f.file.WriteAt(f.buf, 0); err != nil {
		return err
	}
	// Content, and the first time length, are all that has to be kept.
	if err := f.file.SyncData(); err != nil {
		return err
	}
	return inPlace(f.path, f.file, int64(headBytes))
}

// restore writes at again after a fault, through a new handle.
func (f *headFile) restore(at position) error {
	if err := f.open(); err != nil {
		return err
	}
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	// What has another length was not written here.
	if size := info.Size(); size != 0 && size != int64(headBytes) {
		if err := f.file.Truncate(0); err != nil {
			return err
		}
	}
	return f.write(at)
}

func (f *headFile) close() {
	if f.file != nil {
		_ = f.file.Close()
		f.file = nil
	}
}

// inPlace says whether the open file is still the one at path and has the size
// that was written.
func inPlace(path string, file File, size int64) error {
	found, here, err := file.At(path)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errMoved, err)
	case !here:
		return errMoved
	case found != size:
		return fmt.Errorf("%w: %d bytes, not %d", errResized, found, size)
	default:
		return nil
	}
}

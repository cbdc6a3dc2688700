package audit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
)

// headSuffix makes the path of the head file from that of the audit file.
const headSuffix = ".head"

// HeadPath returns the path of the head file of an audit file.
func HeadPath(path string) string { return path + headSuffix }

const (
	headName  = "storekeeper-audit-head "
	headMagic = headName + "1"
	// headBytes is the length of every head. It is less than the 512 bytes that a disk writes
	// atomically.
	headBytes = len(headMagic) + len(" ") + 32 + len(" -") + len(" ") + 20 + 2*(len(" ")+2*hashBytes) + len("\n")
)

var errHead = errors.New("not a head in its one form, or not made with this key")

var errHeadFormat = errors.New("it is of another format than 1, which is the one that this build reads: run the build that wrote it, or a later one")

// appendHead writes the last acknowledged position of a chain and a hash over it. The form and the
// length are fixed.
func appendHead(dst []byte, at linePosition, o origin, h hash.Hash) []byte {
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

// appendPadded writes a number with leading zeros, 20 digits in total.
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

func parseHead(text []byte, h hash.Hash) (at linePosition, o origin, err error) {
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
	// A part that could not be parsed makes the re-encoded head differ.
	if !bytes.Equal(appendHead(nil, at, o, h), text) {
		return at, o, errHead
	}
	return at, o, nil
}

// readHead reads the head, possibly during a write. Before the first record the head is empty, and
// so is the result.
func readHead(r io.ReaderAt) ([]byte, error) {
	buf := make([]byte, headBytes+1)
	n, err := r.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf[:n], nil
}

// keyedText describes a chain whose use of a key differs from the configuration.
func keyedText(keyed bool) string {
	if keyed {
		return "with a key, and none is configured"
	}
	return "without a key, and one is configured"
}

package wal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"
)

// A frame is a header and its content. All numbers are little-endian:
//
//	 0  magic
//	 4  length of the content in bytes
//	 8  number of the frame
//	16  number of the frame that it follows
//	24  first 16 bytes of the HMAC-SHA256 of the segment's number, the 24 bytes
//	    before, and the content
//	40  CRC-32C of the 40 bytes before, begun with the key and the segment's number
//	44  zeros
const (
	magic      = "\xf5SKW"
	atLength   = 4
	atNumber   = 8
	atBefore   = 16
	atMAC      = 24
	atChecksum = 40
	headerSize = 48
	macSize    = atChecksum - atMAC

	// sector is the unit that a disk writes atomically.
	sector = 512
)

// aligned rounds up to a multiple of a sector.
func aligned(n int64) int64 { return (n + sector - 1) / sector * sector }

// codec encodes and decodes frames. It is not safe for concurrent use.
type codec struct {
	table *crc32.Table
	seed  uint32
	mac   hash.Hash
	sum   []byte
	// number is the segment number as encoded for checksums.
	number []byte
}

func newCodec(key []byte) codec {
	table := crc32.MakeTable(crc32.Castagnoli)
	return codec{table: table, seed: crc32.Checksum(key, table), mac: hmac.New(sha256.New, key)}
}

// checksum returns the checksum of a header in a segment.
func (c *codec) checksum(segment uint64, header []byte) uint32 {
	c.number = binary.LittleEndian.AppendUint64(c.number[:0], segment)
	return crc32.Update(crc32.Update(c.seed, c.table, c.number), c.table, header)
}

// digest returns the MAC of a header and a content. The result is valid until the next call.
func (c *codec) digest(segment uint64, header, content []byte) []byte {
	c.number = binary.LittleEndian.AppendUint64(c.number[:0], segment)
	c.mac.Reset()
	_, _ = c.mac.Write(c.number) // a hash never fails
	_, _ = c.mac.Write(header)
	_, _ = c.mac.Write(content)
	c.sum = c.mac.Sum(c.sum[:0])
	return c.sum[:macSize]
}

// seal writes the header in front of the content.
func (c *codec) seal(frame []byte, segment, number, before uint64) {
	header, content := frame[:headerSize], frame[headerSize:]
	clear(header)
	copy(header, magic)
	//nolint:gosec // Write refuses what is longer than MaxFrame.
	binary.LittleEndian.PutUint32(header[atLength:], uint32(len(content)))
	binary.LittleEndian.PutUint64(header[atNumber:], number)
	binary.LittleEndian.PutUint64(header[atBefore:], before)
	copy(header[atMAC:], c.digest(segment, header[:atMAC], content))
	binary.LittleEndian.PutUint32(header[atChecksum:], c.checksum(segment, header[:atChecksum]))
}

// header is the header of a frame.
type header struct {
	length         int64
	number, before uint64
}

// header decodes the header at the start of text, which has at least headerSize bytes. ok is false
// if there is no valid header.
func (c *codec) header(segment uint64, text []byte) (h header, ok bool) {
	if string(text[:len(magic)]) != magic || c.checksum(segment, text[:atChecksum]) != binary.LittleEndian.Uint32(text[atChecksum:]) {
		return h, false
	}
	h.length = int64(binary.LittleEndian.Uint32(text[atLength:]))
	h.number = binary.LittleEndian.Uint64(text[atNumber:])
	h.before = binary.LittleEndian.Uint64(text[atBefore:])
	return h, h.before < h.number && h.length <= MaxFrame
}

// whole reports whether the MAC of a frame is valid. text begins with the header and ends with the
// content.
func (c *codec) whole(segment uint64, text []byte) bool {
	return hmac.Equal(text[atMAC:atChecksum], c.digest(segment, text[:atMAC], text[headerSize:]))
}

package audit

import (
	"errors"
	"fmt"
	"io/fs"

	"go.uber.org/zap"
)

// rotatedSuffix stands between the name of the audit file and the number of the
// last record in a file that was rotated. The numbers have 20 digits, so that
// the names sort as the records do.
const rotatedSuffix = ".rotated-"

// RotatedPattern returns a pattern for filepath.Glob that fits the rotated files
// of an audit file.
func RotatedPattern(path string) string { return path + rotatedSuffix + "*" }

// rotatedPath is the name of the file that ends with the record of a number.
func rotatedPath(path string, last uint64) string {
	return fmt.Sprintf("%s%s%020d", path, rotatedSuffix, last)
}

// rotate gives the file another name and begins the next one. Where the name
// cannot be given the file goes on growing: a trail that cannot be rotated must
// not refuse changes.
func (m *fileMedium) rotate() error {
	if err := m.giveName(rotatedPath(m.path, m.at.seq)); err != nil {
		m.logger.Error("the audit file could not be rotated and goes on growing", zap.Error(err))
		// Tried again when there is twice as much.
		m.rotateSize = 2 * m.size
		return nil
	}
	m.close()
	if err := m.begin(ReasonRotated); err != nil {
		return fmt.Errorf("beginning the audit file after a rotation: %w", err)
	}
	return nil
}

// giveName renames the audit file, and never over another one, which may be of
// another chain.
func (m *fileMedium) giveName(to string) error {
	switch _, err := m.fs.Stat(to); {
	case err == nil:
		return fmt.Errorf("%s: %w", to, fs.ErrExist)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return m.fs.Rename(m.path, to)
}

// whyGone says why the file with the last acknowledged record is not at its
// path.
func (m *fileMedium) whyGone() string {
	if _, err := m.fs.Stat(rotatedPath(m.path, m.at.seq)); err == nil {
		return ReasonRotated
	}
	return ReasonFileLost
}

// noteLoss counts a file that was lost, once the new file that says so is
// durable. One that lives on under another name was rotated by somebody else.
func (m *fileMedium) noteLoss() {
	moved := m.moved
	m.moved = false
	if m.at.seq == 0 || m.note != ReasonFileLost && m.note != ReasonFileDamaged || m.note == ReasonFileLost && moved {
		return
	}
	m.lost.Add(1)
	m.logger.Error("audit records that were written are gone from their file",
		zap.String("reason", m.note), zap.Uint64("last_record", m.at.seq))
}

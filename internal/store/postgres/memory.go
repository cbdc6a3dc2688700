package postgres

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// memory is the file in which a replica records the store across restarts.
type memory struct {
	path string
	last point
}

// remembered is the format of the file.
type remembered struct {
	// Note explains the file to a reader.
	Note   string `json:"note"`
	Store  string `json:"store"`
	Commit int64  `json:"commit"`
	Mark   string `json:"mark"`
}

const memoryNote = "The last commit of the PostgreSQL store that this replica has seen. " +
	"Remove this file to accept a store that was emptied or restored from an older copy."

// load reads the file. A missing file gives the zero point.
func (m *memory) load() (point, error) {
	if m.path == "" {
		return point{}, nil
	}
	text, err := os.ReadFile(m.path)
	if errors.Is(err, os.ErrNotExist) {
		return point{}, nil
	}
	if err != nil {
		return point{}, fmt.Errorf("the memory of the store: %w", err)
	}
	var r remembered
	var p point
	err = json.Unmarshal(text, &r)
	if err == nil {
		_, err = hex.Decode(p.Mark[:], []byte(r.Mark[:min(len(r.Mark), 2*len(p.Mark))]))
	}
	if err != nil || len(r.Mark) != 2*len(p.Mark) || r.Store == "" {
		return point{}, fmt.Errorf("the memory of the store, %s, is damaged: remove it where the store is known to be whole", m.path)
	}
	p.Store, p.Commit = r.Store, r.Commit
	m.last = p
	return p, nil
}

// save writes the file atomically.
func (m *memory) save(p point) error {
	if m.path == "" || !p.known() || p == m.last {
		return nil
	}
	text, err := json.MarshalIndent(remembered{Note: memoryNote, Store: p.Store, Commit: p.Commit, Mark: hex.EncodeToString(p.Mark[:])}, "", "  ")
	if err != nil {
		return err
	}
	if err := replace(m.path, append(text, '\n')); err != nil {
		return fmt.Errorf("the memory of the store: %w", err)
	}
	m.last = p
	return nil
}

func replace(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// keyForm begins a key file that Storekeeper created. The format number, the
// key, and the identifier of the state follow.
const keyForm = "storekeeper-state-key"

// ownKey is the key file of a state in a folder.
type ownKey struct {
	name, file string
	// made allows the creation of a missing key file.
	made bool

	key   []byte
	state string // the state that the key file is for, where it says
	fresh bool   // nothing was ever kept in the state
	err   error
}

// read reads the key file. A missing file may be created later.
func (k *ownKey) read() (err error) {
	k.key, k.state, err = readKey(k.name)
	if k.made && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// of returns the key of a state. fresh means that the state is new: only then a
// key is created.
func (k *ownKey) of(state string, fresh bool) ([]byte, error) {
	k.fresh = fresh
	switch {
	case k.key == nil && fresh:
		k.err = k.make(state)
	case k.key == nil:
		k.err = fmt.Errorf("%s is missing, and %s was written with it: restore it, or move %s away to begin a new state, "+
			"which forgets earlier changes (docs/state.md)", k.name, k.file, k.file)
	case k.state != "" && k.state != state && fresh:
		k.err = fmt.Errorf("%s is for a state whose folder %s is gone (state %s): restore the folder, or move the key file away too to begin a new state, "+
			"which forgets earlier changes (docs/state.md)", k.name, k.file, k.state)
	case k.state != "" && k.state != state:
		k.err = fmt.Errorf("%s is for state %s, and %s is state %s: restore the files from one backup (docs/state.md)", k.name, k.state, k.file, state)
	}
	return k.key, k.err
}

func (k *ownKey) make(state string) error {
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return err
	}
	text := fmt.Sprintf("%s 1 %s %s\n", keyForm, hex.EncodeToString(fresh), state)
	if err := keep(k.name, []byte(text)); err != nil {
		return err
	}
	return k.read()
}

// keep writes a new file whole or not at all: a key that was cut short would
// stop every later start.
func keep(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new-")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// readKey reads a key of at least 32 bytes, and the identifier of its state if
// the file has one.
func readKey(name string) (key []byte, state string, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, "", err
	}
	key = []byte(strings.TrimSpace(string(text)))
	if made, ours := strings.CutPrefix(string(key), keyForm+" "); ours {
		fields := strings.Fields(made)
		if fields[0] != "1" {
			return nil, "", fmt.Errorf("%s has form %s, and this build reads form 1: run the build that made it, or a later one", name, fields[0])
		}
		if len(fields) != 3 || len(fields[2]) != 32 {
			return nil, "", fmt.Errorf("%s is damaged: behind %s 1 it must hold a key and the identifier of a state", name, keyForm)
		}
		key, state = []byte(fields[1]), fields[2]
	}
	if len(key) < 32 {
		return nil, "", fmt.Errorf("%s must hold at least 32 bytes", name)
	}
	return key, state, nil
}

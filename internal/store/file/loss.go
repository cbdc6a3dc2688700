package file

import (
	"fmt"
	"path/filepath"

	"go.uber.org/zap"
)

// inPlace checks that the files that the next start needs are at their paths. A start can rebuild
// an index, so indexes are not checked.
func (s *Store) inPlace() error {
	if err := s.identity.inPlace(s.c.Folder); err != nil {
		return err
	}
	if err := s.log.Check(); err != nil {
		return err
	}
	for {
		chain := s.maintain.chain.Load()
		if s.log.Oldest() == 1 {
			return nil // the segments hold all records
		}
		err := s.chainInPlace(chain)
		if err == nil || chain == s.maintain.chain.Load() {
			return err
		}
	}
}

// chainInPlace checks a snapshot and those that it continues.
func (s *Store) chainInPlace(chain *snapshotChain) error {
	for _, segment := range chain.segments {
		path := filepath.Join(s.c.Folder, segmentFile(snapshotPrefix, segment))
		if _, err := s.c.FS.Stat(path); err != nil {
			return fmt.Errorf("%s is not in its place any more: %w", path, err)
		}
	}
	return nil
}

// miss sets or clears the missing file that makes commits fail. mu is held.
func (s *Store) miss(lost error) {
	switch {
	case lost != nil && s.lost == nil:
		s.c.Logger.Error("a file of the state is lost: changes are refused until it is back", zap.Error(lost))
	case lost == nil && s.lost != nil:
		s.c.Logger.Info("the file of the state is back")
	}
	s.lost = lost
}

package fileindex

import "context"

// Scan visits the lines of a trail with a sequence number above after, in order, without line feeds. It uses
// no index: Folder and Known are ignored. After all lines were visited, the error is audit.ErrDamaged if parts
// of the trail are no records.
func Scan(ctx context.Context, c Config, after uint64, visit func(line []byte) error) error {
	t := tail{files: files{path: c.Path, paths: c.Paths, firsts: map[string]uint64{}}, last: after}
	defer t.close()
	for {
		lines, err := t.next()
		if err != nil {
			return err
		}
		if lines == nil {
			return t.damaged()
		}
		for _, l := range lines {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := visit(l.text); err != nil {
				return err
			}
		}
	}
}

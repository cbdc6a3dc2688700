package fileindex

import "context"

// Scan visits the lines of a trail whose number is above after, in order, each without
// its line feed. It needs no index: Folder and Known are not used.
func Scan(ctx context.Context, c Config, after uint64, visit func(line []byte) error) error {
	t := tail{files: files{path: c.Path, paths: c.Paths, firsts: map[string]uint64{}}, last: after}
	defer t.close()
	for {
		lines, err := t.next()
		if err != nil || lines == nil {
			return err
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

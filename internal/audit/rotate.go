package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// rotatedSuffix stands between the name of the audit file and the number of the
// last record in a file that was rotated. The numbers have 20 digits, so that
// the names sort as the records do.
const rotatedSuffix = ".rotated-"

// RotatedFiles returns the rotated files of an audit file in the order of their records. A folder
// that does not exist has none.
func RotatedFiles(path string) ([]string, error) {
	folder, name := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Clean(folder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name+rotatedSuffix) {
			files = append(files, folder+e.Name())
		}
	}
	return files, nil
}

// RotatedPath is the name of the rotated file that ends with the record of a
// number.
func RotatedPath(path string, last uint64) string {
	return fmt.Sprintf("%s%s%020d", path, rotatedSuffix, last)
}

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
// last record in a file that was rotated. The numbers have numberDigits digits, so
// that the names sort as the records do.
const (
	rotatedSuffix = ".rotated-"
	numberDigits  = 20
)

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
		if IsRotated(name, e.Name()) {
			files = append(files, folder+e.Name())
		}
	}
	return files, nil
}

// IsRotated reports whether a name is that of a rotated file of an audit file with the name of.
// Other files that begin with that name, such as compressed copies, are not part of the trail.
func IsRotated(of, name string) bool {
	number, found := strings.CutPrefix(name, of+rotatedSuffix)
	return found && len(number) == numberDigits && strings.Trim(number, "0123456789") == ""
}

// RotatedPath is the name of the rotated file that ends with the record of a
// number.
func RotatedPath(path string, last uint64) string {
	return fmt.Sprintf("%s%s%0*d", path, rotatedSuffix, numberDigits, last)
}

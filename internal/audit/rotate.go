package audit

import "fmt"

// rotatedSuffix stands between the name of the audit file and the number of the
// last record in a file that was rotated. The numbers have 20 digits, so that
// the names sort as the records do.
const rotatedSuffix = ".rotated-"

// RotatedPattern returns a pattern for filepath.Glob that fits the rotated files
// of an audit file.
func RotatedPattern(path string) string { return path + rotatedSuffix + "*" }

// RotatedPath is the name of the rotated file that ends with the record of a
// number.
func RotatedPath(path string, last uint64) string {
	return fmt.Sprintf("%s%s%020d", path, rotatedSuffix, last)
}

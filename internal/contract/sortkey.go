package contract

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/fault"
)

// sortByPosition sorts fields by their position in the message: by item, and
// within an item by field number. Unknown names are last.
func sortByPosition(md protoreflect.MessageDescriptor, fields []fault.Field) {
	slices.SortStableFunc(fields, func(a, b fault.Field) int {
		return slices.Compare(sortKey(md, a.Path), sortKey(md, b.Path))
	})
}

// sortKey converts a path such as "secrets[2].name" to numbers that can be
// compared.
func sortKey(md protoreflect.MessageDescriptor, path string) []int {
	var numbers []int
	for name := range strings.SplitSeq(path, ".") {
		name, index, indexed := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		number := math.MaxInt
		if md != nil {
			fd := md.Fields().ByName(protoreflect.Name(name))
			md = nil
			if fd != nil {
				number, md = int(fd.Number()), fd.Message()
			}
		}
		numbers = append(numbers, number)
		if indexed {
			at, _ := strconv.Atoi(index)
			numbers = append(numbers, at)
		}
	}
	return numbers
}

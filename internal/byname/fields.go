package byname

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"platform.internal/storekeeper/internal/fault"
)

// inRequest names the wrong fields of a fault as in the request of the caller. from is the path of the secret in
// the request of the change, and to is its path in the request of the caller. The path of the request itself is "".
func inRequest(err error, from, to string) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Fields) == 0 {
		return err
	}
	own := *f
	own.Fields = slices.Clone(f.Fields)
	for i, field := range own.Fields {
		if path, is := moved(field.Path, from, to); is {
			own.Fields[i].Path, own.Fields[i].Pointer = path, ""
		}
	}
	return &own
}

// moved returns the path of a field or of the secret itself below to in place of from.
func moved(path, from, to string) (string, bool) {
	rest, is := strings.CutPrefix(path, from)
	rest = strings.TrimPrefix(rest, ".")
	if to != "" && rest != "" {
		rest = "." + rest
	}
	return to + rest, is
}

// ofPut converts the fault of the change of a PutSecret. A create is the first item of a list of secrets.
func ofPut(err error) error {
	err = inRequest(err, createdField(0), "")
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	own := *f
	own.Notices, own.Errors = aboutItem(f.Notices, 0), aboutItem(f.Errors, 0)
	return &own
}

// createdField is the path of a secret in the request of a create.
func createdField(item int) string { return fmt.Sprintf("secrets[%d]", item) }

// ofAnItem matches the beginning of a text or of a JSON pointer about an item of a list.
var ofAnItem = regexp.MustCompile(`^(\[[0-9]+\]\.|/[0-9]+(/|$))`)

// aboutItem returns the texts of Cloudflare without those about other items of a list, and names the fields
// of the item itself without the position of the item.
func aboutItem(texts []fault.Notice, item int) []fault.Notice {
	var own []fault.Notice
	for _, n := range texts {
		text, inText := strings.CutPrefix(n.Text, fmt.Sprintf("[%d].", item))
		pointer, inPointer := strings.CutPrefix(n.Pointer+"/", fmt.Sprintf("/%d/", item))
		switch {
		case inPointer && pointer != "":
			n.Text, n.Pointer = text, "/"+strings.TrimSuffix(pointer, "/")
		case inPointer:
			n.Text, n.Pointer = text, ""
		case inText:
			n.Text = text
		case ofAnItem.MatchString(n.Text) || ofAnItem.MatchString(n.Pointer):
			continue
		}
		own = append(own, n)
	}
	return own
}

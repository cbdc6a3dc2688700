package main

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/compiler/protogen"
)

func TestParagraphs(t *testing.T) {
	for _, tc := range []struct {
		name    string
		comment protogen.Comments
		want    []string
	}{
		{"nothing", "", nil},
		{"lines of a paragraph are joined", " One\n two.\n", []string{"One two."}},
		{"an empty line parts", " One.\n\n Two.\n", []string{"One.", "Two."}},
		{"items keep their lines", " List:\n - a\n   b\n - c\n", []string{"List:", "- a b", "- c"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := paragraphs(tc.comment); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestStatusOf(t *testing.T) {
	for _, tc := range []struct{ code, rest, want string }{
		{"NOT_FOUND", " when there is no such store", "404"},
		{"ALREADY_EXISTS", " when the name is taken", "400"},
		{"FAILED_PRECONDITION", " when the plan allows no more", "400"},
		{"FAILED_PRECONDITION", " with reason STORE_NOT_EMPTY when it holds secrets", "409"},
		{"ABORTED", " when it likes", ""},
	} {
		if got, _ := statusOf(tc.code, tc.rest); got != tc.want {
			t.Errorf("%s%s: got %q, want %q", tc.code, tc.rest, got, tc.want)
		}
	}
}

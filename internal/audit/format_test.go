package audit_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

func TestAHeadOfALaterFormatSaysSo(t *testing.T) {
	p := path(t)
	trail := chainOf(t, p, key, 2)
	head, err := os.ReadFile(p + ".head")
	if err != nil {
		t.Fatal(err)
	}
	later := bytes.Replace(head, []byte("audit-head 1 "), []byte("audit-head 2 "), 1)
	write(t, p+".head", later)
	if _, err := audit.OpenFile(t.Context(), audit.FileConfig{Path: p, Key: key}); err == nil || !strings.Contains(err.Error(), "another format than 1") {
		t.Errorf("got %v", err)
	}
	for name, want := range map[string][]byte{p: trail, p + ".head": later} {
		if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, want) {
			t.Errorf("%s was changed (%v)", name, err)
		}
	}
}

package audit_test

import (
	"bytes"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/audit"
)

func TestAHeadOfALaterFormatSaysSo(t *testing.T) {
	head := audit.AppendHead(nil, audit.Place{}, audit.NewOrigin(key), key)
	if _, _, err := audit.ParseHead(head, key); err != nil {
		t.Fatal(err)
	}
	later := bytes.Replace(head, []byte("audit-head 1 "), []byte("audit-head 2 "), 1)
	if _, _, err := audit.ParseHead(later, key); err == nil || !strings.Contains(err.Error(), "another format than 1") {
		t.Errorf("got %v", err)
	}
}

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stateSize returns the bytes written to the files of the state. Segments have
// their full size from the beginning, with trailing zeros.
func (p *program) stateSize() int64 {
	p.t.Helper()
	var size int64
	for _, name := range stateFiles(p.t, p.folder) {
		text, err := os.ReadFile(filepath.Join(p.folder, name))
		must(p.t, err)
		size += int64(len(bytes.TrimRight(text, "\x00")))
	}
	return size
}

// A create that the tenant's quota refuses leaves no record, and a later create
// can use its key.
func TestARefusalAtTheOwnQuotaIsNotKept(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{"quotas[0].tenant=" + callerName, "quotas[0].account=main", "quotas[0].secrets=1"}})
	w := p.given("store")
	path := "stores/" + w.store + "/secrets"
	kept := p.must("POST", path, newSecret).id()
	items := make([]string, 50)
	for i := range items {
		items[i] = fmt.Sprintf(`{"name":"N%d","value":"%s","scopes":["dex"],"comment":"%s"}`, i, strings.Repeat("v", 10_000), strings.Repeat("c", 10_000))
	}
	large := "[" + strings.Join(items, ",") + "]"
	before, sent := p.stateSize(), p.sent()
	for i := range 10 {
		if got := p.do("POST", path, large, fmt.Sprint("Idempotency-Key: k", i)); got.status != http.StatusBadRequest || !strings.HasPrefix(got.errors()[0], "1003 maximum_secrets_exceeded") {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if grown := p.stateSize() - before; grown > 100_000 {
		t.Errorf("the state has grown by %d bytes", grown)
	}
	if n := p.sent() - sent; n != 0 {
		t.Errorf("%d changes were sent", n)
	}
	other := strings.Replace(newSecret, `"A"`, `"B"`, 1)
	if got := p.do("POST", path, other, "Idempotency-Key: k"); got.status != http.StatusBadRequest {
		t.Errorf("%d %s", got.status, got.body)
	}
	p.must("DELETE", path+"/"+kept, "")
	if got := p.do("POST", path, other, "Idempotency-Key: k"); got.status != http.StatusOK || got.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("after there is room: %d %s", got.status, got.body)
	}
}

package byname

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
)

// plain is a digest of any text.
func plain(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

func TestThePrintOfAPutTellsPutsApart(t *testing.T) {
	s := New(Config{Fingerprint: plain})
	at := place{key: "main", storeID: "s"}
	put := func(value string, comment *string, scopes ...string) *storekeeperv1.SecretPut {
		return &storekeeperv1.SecretPut{Name: "A", Value: value, Comment: comment, Scopes: scopes}
	}
	first := s.print(at, put("v", nil, "dex", "workers"))
	if first == "" || first != s.print(at, put("v", nil, "workers", "dex", "dex")) {
		t.Error("the order of scopes makes another put")
	}
	prints := map[string]string{first: "the first"}
	for name, of := range map[string]struct {
		place
		put *storekeeperv1.SecretPut
	}{
		"another value":                 {at, put("w", nil, "dex", "workers")},
		"another scope":                 {at, put("v", nil, "dex")},
		"an empty comment":              {at, put("v", new(""), "dex", "workers")},
		"a comment":                     {at, put("v", new("c"), "dex", "workers")},
		"scopes as one":                 {at, put("v", nil, "dexworkers")},
		"a comment in place of a scope": {at, put("v", new("workers"), "dex")},
		"another store":                 {place{key: "main", storeID: "t"}, put("v", nil, "dex", "workers")},
		"another account":               {place{key: "other", storeID: "s"}, put("v", nil, "dex", "workers")},
		"another name":                  {at, &storekeeperv1.SecretPut{Name: "B", Value: "v", Scopes: []string{"dex", "workers"}}},
	} {
		digest := s.print(of.place, of.put)
		if other, taken := prints[digest]; taken {
			t.Errorf("%s has the print of %s", name, other)
		}
		prints[digest] = name
	}
	if digest := New(Config{}).print(at, put("v", nil, "dex")); digest != "" {
		t.Errorf("without fingerprints there is the print %s", digest)
	}
}

func TestAPutThatWasMadeIsRememberedWithTheTimeOfItsChange(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	answer := &secretsstorev1.CreateSecretsResponse{Secrets: []*secretsstorev1.Secret{
		{Id: "1", Name: "A", Modified: timestamppb.New(at)}, {Id: "2", Name: "another", Modified: timestamppb.New(at)},
	}}
	s, p := New(Config{Fingerprint: plain}), place{key: "main", storeID: "s"}
	puts := []*storekeeperv1.SecretPut{{Name: "A", Value: "a value"}, {Name: "B", Value: "a value"}}
	records := s.remember(p, puts...)(answer)
	if len(records) != 1 {
		t.Fatalf("it writes %v", records)
	}
	text := records["put/main/s/1"].Value
	var kept putRecord
	if err := json.Unmarshal(text, &kept); err != nil || kept.Print != s.print(p, puts[0]) || !kept.Modified.Equal(at) {
		t.Errorf("%v, %+v", err, kept)
	}
	if end := records["put/main/s/1"].Expires; !end.After(time.Now()) || strings.Contains(string(text), "a value") {
		t.Errorf("it ends at %s: %s", end, text)
	}
	if records := s.remember(p, puts...)(nil); len(records) != 0 {
		t.Errorf("without an answer it writes %v", records)
	}
	if New(Config{}).remember(p, puts...) != nil {
		t.Error("without fingerprints something is remembered")
	}
}

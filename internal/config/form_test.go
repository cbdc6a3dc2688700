package config_test

import (
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

func TestTextsMayBeSoLongAndNoLonger(t *testing.T) {
	const issuer, postgres = "callers.issuers[0].", "store.postgres."
	whole := []string{issuer + "name=a", issuer + "issuer=https://a", issuer + "audiences[0]=a", issuer + "subjects[0].match=x"}
	server := []string{"store.kind=postgres", "store.key_file=key", "audit.sink=store", "audit.file=", postgres + "hosts[0]=127.0.0.1:5432"}
	for _, c := range []struct {
		key     string
		longest int
		sets    []string
		form    func(text string) string
	}{
		{key: "accounts[0].name", longest: 63},
		{key: "callers.api_keys[0].name", longest: 128},
		{key: "callers.api_keys[0].groups[0]", longest: 128},
		{key: issuer + "name", longest: 63, sets: whole},
		{key: issuer + "audiences[0]", longest: 256, sets: whole},
		{key: "quotas[0].tenant", longest: 512, sets: []string{"quotas[0].stores=1"}},
		{key: postgres + "user", longest: 63, sets: server},
		{key: postgres + "database", longest: 63, sets: server},
		{key: postgres + "schema", longest: 63, sets: server},
		{key: postgres + "hosts[0]", longest: 253 + len(":5432"), sets: server, form: func(text string) string { return text[len(":5432"):] + ":5432" }},
	} {
		try := func(length int) error {
			text := strings.Repeat("a", length)
			if c.form != nil {
				text = c.form(text)
			}
			_, err := config.Load(minimal, append(slices.Clone(c.sets), c.key+"="+text))
			return err
		}
		if err := try(c.longest); err != nil {
			t.Errorf("%s refuses %d characters: %v", c.key, c.longest, err)
		}
		if try(c.longest+1) == nil {
			t.Errorf("%s accepts %d characters", c.key, c.longest+1)
		}
	}
}

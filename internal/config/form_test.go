package config_test

import (
	"slices"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/config"
)

func TestTextsMayBeSoLongAndNoLonger(t *testing.T) {
	const issuer, valkey = "callers.issuers[0].", "idempotency.valkey."
	whole := []string{issuer + "name=a", issuer + "issuer=https://a", issuer + "audiences[0]=a", issuer + "subjects[0].match=x"}
	server := []string{"idempotency.store=valkey", "idempotency.key_file=key", valkey + "address=127.0.0.1:6379", valkey + "password_file=password", valkey + "username=a"}
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
		{key: valkey + "username", longest: 128, sets: server},
		{key: valkey + "prefix", longest: 64, sets: server},
		{key: valkey + "address", longest: 253 + len(":6379"), sets: server, form: func(text string) string { return text[len(":6379"):] + ":6379" }},
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

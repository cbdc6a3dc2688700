package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/config"
)

const mainFile = `accounts:
  - {id: 023e105f4ecef8ad9ca31a8372d0c353, name: main, credential: {api_token_file: token}}
callers: {file: callers.yaml}
policy: {file: policy.yaml}
audit: {sink: file, file: audit.log}
`

var (
	oneKey   = "api_keys:\n- {name: team-a, sha256: " + strings.Repeat("1", 64) + "}\n"
	otherKey = "- {name: team-b, sha256: " + strings.Repeat("2", 64) + ", tenant: payments}\n"
)

// written writes a configuration and its callers.file, and returns the name of the configuration file.
func written(t *testing.T, main, callers string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{"config.yaml": main, "callers.yaml": callers} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "config.yaml")
}

func TestCallersMayBeInAFileOfTheirOwn(t *testing.T) {
	file := written(t, mainFile, oneKey+otherKey+"tenants: [{name: payments, id: old}]\n")
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Callers{
		File:    filepath.Join(filepath.Dir(file), "callers.yaml"),
		APIKeys: []config.APIKey{{Name: "team-a", SHA256: strings.Repeat("1", 64)}, {Name: "team-b", SHA256: strings.Repeat("2", 64), Tenant: "payments"}},
		Tenants: []config.Tenant{{Name: "payments", ID: "old"}},
	}
	if !reflect.DeepEqual(c.Callers, want) {
		t.Errorf("got  %+v\nwant %+v", c.Callers, want)
	}
}

func TestACallersFileMaySayThatNobodyMayCall(t *testing.T) {
	for text, right := range map[string]bool{
		"api_keys: []\n": true, "issuers: []\ncertificates: []\napi_keys: []\n": true,
		// These may be half of a file.
		"": false, "api_keys:\n": false, "api_keys: null\n": false, "tenants: []\n": false, "# api_keys: []\n": false,
		"issuers: []\n": false, "issuers: []\ncertificates: []\n": false, "issuers: []\napi_keys: null\n": false, "api_keys: []\nissuers:\n": false,
		"certificates: []\napi_keys:\n": false, "api_keys: []\ncertificates:\n#  - name: a\n": false,
	} {
		c, err := config.Load(written(t, mainFile, text), nil)
		if right && (err != nil || len(c.Callers.APIKeys) != 0) {
			t.Errorf("%q: %v", text, err)
		}
		if !right && (err == nil || !strings.Contains(err.Error(), "write api_keys: [] to say that nobody may call")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestARelativeCallersFileStartsAtTheConfigurationFile(t *testing.T) {
	const issuer = "issuers: [{name: a, issuer: https://a, audiences: [a], subjects: [{match: x}], jwks_file: keys.json}]\n"
	file := written(t, mainFile, oneKey+issuer)
	folder := filepath.Base(filepath.Dir(file))
	t.Chdir(filepath.Dir(filepath.Dir(file)))
	c, err := config.Load(filepath.Join(folder, "config.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	next, err := c.Reparse([]byte(mainFile), []byte(oneKey+issuer), c.Callers)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*config.Config{c, next} {
		if c.Callers.File != filepath.Join(folder, "callers.yaml") || c.Callers.Issuers[0].JWKSFile != filepath.Join(folder, "keys.json") {
			t.Errorf("got %s and %s", c.Callers.File, c.Callers.Issuers[0].JWKSFile)
		}
	}
}

func TestMistakesInTheCallersFileAreFoundThere(t *testing.T) {
	for name, c := range map[string]struct {
		main, callers string
		sets          []string
		want          []string
	}{
		"a value":          {mainFile, oneKey + "- {name: Team-B, sha256: s3cr3t-sentinel}\n", nil, []string{"callers.yaml:3: callers.api_keys[1].name: must", "callers.yaml:3: callers.api_keys[1].sha256: must"}},
		"an unknown key":   {mainFile, oneKey + "s3cr3t: x\n", nil, []string{"callers.yaml:3: callers.s3cr3t: unknown key"}},
		"the file again":   {mainFile, oneKey + "file: other.yaml\n", nil, []string{"callers.yaml:3: callers.file: must not"}},
		"nobody":           {mainFile, "", nil, []string{"callers.yaml:1: callers.api_keys: is missing"}},
		"no YAML":          {mainFile, "api_keys: [", nil, []string{"callers.yaml:1: callers: is not YAML"}},
		"no text":          {mainFile, "api_keys: \x01", nil, []string{"callers.yaml:1: callers: must be text"}},
		"keys beside it":   {strings.Replace(mainFile, "callers.yaml}", "callers.yaml, api_keys: []}", 1), oneKey, nil, []string{"config.yaml:3: callers.api_keys: must not stand beside callers.file"}},
		"keys by --set":    {mainFile, oneKey, []string{"callers.api_keys[0].name=x"}, []string{"--set callers.api_keys: must not stand beside callers.file"}},
		"another file":     {mainFile, oneKey, []string{"callers.file=nowhere.yaml"}, []string{"--set callers.file: must name a file that can be read"}},
		"a folder":         {mainFile, oneKey, []string{"callers.file=."}, []string{"--set callers.file: must name a file that can be read: it is not a regular file"}},
		"mistakes in both": {strings.Replace(mainFile, "name: main", "name: MAIN", 1), oneKey + "- {}\n", nil, []string{"config.yaml:2: accounts[0].name", "callers.yaml:3: callers.api_keys[1].name: is missing", "callers.yaml:3: callers.api_keys[1].sha256: is missing"}},
	} {
		_, err := config.Load(written(t, c.main, c.callers), c.sets)
		if err == nil {
			t.Errorf("%s: no mistake", name)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) || strings.Contains(err.Error(), "s3cr3t-sentinel") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%s: %s, want %s", name, lines[i], want)
			}
		}
	}
}

func TestAKeyHasTimesOfRFC3339(t *testing.T) {
	for times, want := range map[string]string{
		"not_before: 2026-01-02T03:04:05Z, expires: 2027-01-01T00:00:00+02:00": "",
		`expires: "2027-01-01T00:00:00.5Z"`:                                    "",
		"expires: 2027-01-01":                                                  "callers.api_keys[1].expires: must be a time with a zone",
		"expires: never":                                                       "callers.api_keys[1].expires: must be a time with a zone",
		"not_before: 1969-01-01T00:00:00Z":                                     "callers.api_keys[1].not_before: must be a time with a zone",
		"not_before: 2027-01-01T00:00:00Z, expires: 2027-01-01T00:00:00Z":      "callers.api_keys[1].expires: must be after not_before",
		"not_before: 2027-01-01T00:00:00Z, expires: 2027-01-01T01:00:00+02:00": "callers.api_keys[1].expires: must be after not_before",
	} {
		c, err := config.Load(written(t, mainFile, oneKey+strings.Replace(otherKey, "}", ", "+times+"}", 1)), nil)
		switch {
		case want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", times, err, want)
		case want == "" && c.Callers.APIKeys[1].Expires.Time().IsZero():
			t.Errorf("%s: it never expires", times)
		}
	}
}

func TestAReloadTellsWhichKeysNeedARestart(t *testing.T) {
	file := written(t, mainFile, oneKey)
	c, err := config.Load(file, []string{"reads.max_staleness=10s"})
	if err != nil {
		t.Fatal(err)
	}
	live := `quotas: [{tenant: a, stores: 1}]
budget: {weights: [{tenant: a, weight: 2}]}
`
	shown := strings.Replace(mainFile, "name: main,", "name: main, display_name: Main Inc.,", 1)
	for name, test := range map[string]struct {
		main string
		want []string
	}{
		"nothing":           {mainFile, nil},
		"live keys":         {shown + live, nil},
		"an empty list":     {mainFile + "listen: {trusted_proxies: []}\n", nil},
		"what --set has":    {mainFile + "reads: {max_staleness: 20s}\n", nil},
		"others":            {strings.Replace(shown, "audit.log", "audit2.log", 1) + live + "listen: {rest: 127.0.0.1:1}\n", []string{"audit.file", "listen.rest"}},
		"an account":        {strings.Replace(mainFile, "callers: {", "  - {id: 123e105f4ecef8ad9ca31a8372d0c353, name: other, credential: {api_token_file: token}}\ncallers: {", 1), []string{"accounts"}},
		"of an account":     {strings.Replace(mainFile, "file: token", "file: token2", 1), []string{"accounts[0].credential.api_token_file"}},
		"the callers' file": {strings.Replace(mainFile, "{file: callers.yaml}", "{"+strings.Replace(strings.TrimSpace(oneKey), "\n- {", " [{", 1)+"]}", 1), []string{"callers.file"}},
	} {
		next, err := c.Reparse([]byte(test.main), []byte(oneKey+otherKey), c.Callers)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := next.NeedRestart(c); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
		if keys := len(next.Callers.APIKeys); keys != 2 || next.Callers.File != c.Callers.File {
			t.Errorf("%s: %d keys of %s", name, keys, next.Callers.File)
		}
	}
}

func TestCallersThatMoveToAFileOfTheirOwnStayUntilARestart(t *testing.T) {
	inline := strings.Replace(mainFile, "{file: callers.yaml}", "{api_keys: [{name: team-a, sha256: "+strings.Repeat("1", 64)+"}]}", 1)
	c, err := config.Load(written(t, inline, oneKey), nil)
	if err != nil {
		t.Fatal(err)
	}
	inForce := config.Callers{
		APIKeys: []config.APIKey{{Name: "team-b", SHA256: strings.Repeat("2", 64)}},
		Issuers: []config.Issuer{{Name: "a", Issuer: "https://a", Audiences: []string{"a"}, JWKSFile: "conf/keys.json", RefreshInterval: time.Hour, RefreshMinInterval: time.Minute, KeysMaxAge: time.Hour, Subjects: []config.Subject{{Match: "x", Claim: "sub"}}}},
	}
	next, err := c.Reparse([]byte(mainFile), nil, inForce)
	if err != nil || !reflect.DeepEqual(next.Callers, inForce) || !reflect.DeepEqual(next.NeedRestart(c), []string{"callers.file"}) {
		t.Errorf("%v: %+v, restart for %v", err, next.Callers, next.NeedRestart(c))
	}
}

func TestDevModeMayHaveACallersFile(t *testing.T) {
	file := written(t, mainFile, oneKey)
	c, err := config.Dev([]string{"callers.file=" + filepath.Join(filepath.Dir(file), "callers.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	next, err := c.Reparse(nil, []byte(oneKey+otherKey), c.Callers)
	if err != nil || len(c.Callers.APIKeys) != 1 || len(next.Callers.APIKeys) != 2 {
		t.Fatalf("%v: %+v, then %+v", err, c.Callers, next)
	}
}

func TestOnlyNewFilesOfCallersAreChecked(t *testing.T) {
	const issuer = "issuers: [{name: a, issuer: https://a, audiences: [a], subjects: [{match: x}], jwks_file: keys.json}]\n"
	file := written(t, mainFile, oneKey+issuer)
	c, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	same, err := c.Reparse([]byte(mainFile), []byte(oneKey+otherKey+issuer), c.Callers)
	if err != nil || same.CheckNewFiles(c) != nil {
		t.Errorf("%v, %v", err, same.CheckNewFiles(c))
	}
	next, err := c.Reparse([]byte(mainFile), []byte(oneKey+strings.Replace(issuer, "keys.json", "other.json", 1)), c.Callers)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.CheckNewFiles(c); err == nil || !strings.Contains(err.Error(), "callers.yaml:3: callers.issuers[0].jwks_file: must name a file that exists") {
		t.Errorf("got %v", err)
	}
}

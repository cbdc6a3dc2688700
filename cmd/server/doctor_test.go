package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/authn/authntest"
	"platform.internal/storekeeper/internal/porttest"
)

// report is doctor's JSON output.
type report struct {
	OK     bool
	Checks []finding
}

// find picks a check of a report.
func (r report) find(check string) finding {
	i := slices.IndexFunc(r.Checks, func(f finding) bool { return f.Check == check })
	if i < 0 {
		return finding{}
	}
	return r.Checks[i]
}

// diagnosed returns doctor's JSON output for a program's configuration.
func diagnosed(t *testing.T, p *program, sets ...string) report {
	t.Helper()
	args := append([]string{"doctor", "--config", filepath.Join(p.folder, "config.yaml"), "--output", "json"}, anyPorts()...)
	for _, set := range sets {
		args = append(args, "--set", set)
	}
	got := runToEnd(args...)
	var r report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v: %d %s%s", err, got.code, got.out, got.err)
	}
	if r.OK != (got.code == exitOK) {
		t.Errorf("ok is %v and the exit code %d", r.OK, got.code)
	}
	for _, f := range r.Checks {
		if (f.Status == checkOK) != (f.Fix == "") || f.Message == "" || f.Check == "" {
			t.Errorf("a finding lacks its fix or text: %+v", f)
		}
	}
	return r
}

// prepared writes files as for a program that does not run.
func prepared(t *testing.T, s setup) *program {
	t.Helper()
	p := &program{t: t, folder: t.TempDir(), setup: s}
	p.serveCloudflare(s)
	p.writeConfig(s)
	return p
}

func issuerEntry(i *authntest.Issuer, more string) string {
	return fmt.Sprintf(`  issuers:
  - name: cluster
    issuer: %s
    audiences: [storekeeper.test]
    subjects: [{match: "system:serviceaccount:payments:api", tenant: payments}]
%s`, i.URL, more)
}

func TestDoctorReadsTheKeysOfEachIssuerAsTheServiceDoes(t *testing.T) {
	t.Parallel()
	i := authntest.NewIssuer(t)
	i.NeedToken("t0k3n-for-the-issuer")
	p := prepared(t, setup{callers: issuerEntry(i, "")})
	refused := diagnosed(t, p).find("issuer cluster")
	if refused.Status != checkFailed || !strings.Contains(refused.Message, "answered with status 403") || !strings.Contains(refused.Fix, "token_file") {
		t.Errorf("without a token: %+v", refused)
	}
	file := filepath.Join(p.folder, "issuer-token")
	p.writeFile(file, "t0k3n-for-the-issuer")
	r := diagnosed(t, p, "callers.issuers[0].token_file="+file)
	if f := r.find("issuer cluster"); !r.OK || f.Status != checkOK || f.Message != "1 keys from "+i.URL+authntest.KeysPath {
		t.Errorf("with the token: %+v in %+v", f, r)
	}
	if f := r.find("issuer cluster clock"); f.Status != checkOK {
		t.Errorf("the clock: %+v", f)
	}
	p.writeFile(file, "t0k3n-of-somebody-else")
	wrong := diagnosed(t, p, "callers.issuers[0].token_file="+file)
	if f := wrong.find("issuer cluster"); f.Status != checkFailed || !strings.Contains(f.Fix, "renew the token") || strings.Contains(fmt.Sprint(wrong), "t0k3n") {
		t.Errorf("with another token: %+v", wrong)
	}
}

func TestDoctorFindsTheUsualFaultsOfIssuers(t *testing.T) {
	t.Parallel()
	authority := authntest.NewAuthority(t)
	private := authntest.NewTLSIssuer(t, authority)
	behind := authntest.NewIssuer(t)
	behind.Instead(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-2*time.Minute).UTC().Format(http.TimeFormat))
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": behind.URL, "jwks_uri": behind.URL + "/keys", "keys": json.RawMessage(keysOf(t, behind))})
	})
	down := authntest.NewIssuer(t)
	down.URL = "http://" + porttest.Address(t)
	page := authntest.NewIssuer(t)
	page.Instead(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") })
	for name, test := range map[string]struct {
		issuer               *authntest.Issuer
		check, says, mending string
	}{
		"a private authority": {private, "issuer cluster", "unknown authority", "kube-root-ca.crt"},
		"a clock behind":      {behind, "issuer cluster clock", "behind this machine's", "NTP"},
		"nobody there":        {down, "issuer cluster", "refused", "let this machine reach the issuer"},
		"a page":              {page, "issuer cluster", "discovery document is not JSON", "jwks_url"},
	} {
		p := prepared(t, setup{callers: issuerEntry(test.issuer, "")})
		f := diagnosed(t, p).find(test.check)
		if f.Status != checkFailed || !strings.Contains(f.Message, test.says) || !strings.Contains(f.Fix, test.mending) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// keysOf is the list of keys of an issuer.
func keysOf(t *testing.T, i *authntest.Issuer) []byte {
	t.Helper()
	var set map[string]json.RawMessage
	if err := json.Unmarshal(i.KeySet(), &set); err != nil {
		t.Fatal(err)
	}
	return set["keys"]
}

func TestDoctorTellsWhenCertificatesEnd(t *testing.T) {
	t.Parallel()
	authority := authntest.NewAuthority(t)
	p := prepared(t, setup{})
	with := func(leaf authntest.Leaf) report {
		folder := t.TempDir()
		cert, key := authntest.WriteFiles(t, folder, authority.Sign(leaf))
		clients := filepath.Join(folder, "clients.pem")
		if err := os.WriteFile(clients, authority.PEM, 0o600); err != nil {
			t.Fatal(err)
		}
		return diagnosed(t, p, "listen.tls.cert_file="+cert, "listen.tls.key_file="+key, "listen.tls.client_ca_file="+clients)
	}
	now := time.Now()
	good := with(authntest.Leaf{})
	for _, check := range []string{"listen.tls", "listen.tls.cert_file", "listen.tls.client_ca_file"} {
		if f := good.find(check); f.Status != checkOK {
			t.Errorf("a good certificate: %+v", f)
		}
	}
	if f := with(authntest.Leaf{NotBefore: now.Add(-80 * 24 * time.Hour), NotAfter: now.Add(10 * 24 * time.Hour)}).find("listen.tls.cert_file"); f.Status != checkWarning || !strings.Contains(f.Message, "9 days") {
		t.Errorf("ten days before the end: %+v", f)
	}
	ended := with(authntest.Leaf{NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)})
	if f := ended.find("listen.tls"); ended.OK || f.Status != checkFailed || !strings.Contains(f.Message, "valid from") {
		t.Errorf("after the end: %+v", f)
	}
}

func TestDoctorReportsAConfigurationThatIsWrongAsJSON(t *testing.T) {
	t.Parallel()
	p := prepared(t, setup{})
	r := diagnosed(t, p, "budget.calls=0")
	if f := r.find("configuration"); r.OK || f.Status != checkFailed || !strings.Contains(f.Message, "budget.calls") {
		t.Errorf("got %+v", r)
	}
	if got := runToEnd("doctor", "--config", p.folder, "--output", "xml"); got.code != exitUsage || !strings.Contains(got.err, "text or json") {
		t.Errorf("got %+v", got)
	}
}

func TestDoctorNamesAFixBesideEachFailure(t *testing.T) {
	t.Parallel()
	p := prepared(t, setup{policy: `rules: []`})
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	if err := os.Mkdir(filepath.Join(p.folder, "trail"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := diagnosed(t, p, "listen.grpc="+taken.Addr().String(), "accounts[0].base_url=http://"+porttest.Address(t)+"/client/v4",
		"quotas[0].tenant=nobody", "quotas[0].secrets=1", "budget.calls=2000")
	for check, want := range map[string][2]string{
		"listen.grpc":             {checkFailed, "--set listen.grpc=HOST:PORT"},
		"policy":                  {checkWarning, "write rules"},
		"account main credential": {checkFailed, "let this machine reach Cloudflare"},
		"quotas[0].tenant":        {checkWarning, "correct the tenant"},
		"budget":                  {checkWarning, "lower budget.calls"},
		"audit":                   {checkOK, ""},
		"callers":                 {checkOK, ""},
	} {
		if f := r.find(check); f.Status != want[0] || !strings.Contains(f.Fix, want[1]) {
			t.Errorf("%s: %+v", check, f)
		}
	}
}

func TestDoctorJudgesTheFreeSpaceOfADisk(t *testing.T) {
	t.Parallel()
	for free, want := range map[uint64]string{0: checkFailed, 99 << 20: checkFailed, 500 << 20: checkWarning, 2 << 30: checkOK} {
		d := &doctor{}
		d.checkFreeSpace("audit disk", "/var/lib/storekeeper", free, true)
		if f := d.findings[0]; f.Status != want || !strings.Contains(f.Message, fmt.Sprint(free>>20, " MiB are free")) || d.failed != (want == checkFailed) {
			t.Errorf("%d bytes: %+v", free, f)
		}
	}
	if free, known := freeBytes(t.TempDir()); known && free == 0 {
		t.Error("the disk of this test is said to be full")
	}
	if _, known := freeBytes(filepath.Join(t.TempDir(), "absent")); known {
		t.Error("the space of no folder is known")
	}
}

func TestDoctorFindsATrailThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := prepared(t, setup{})
	d := &doctor{}
	d.checkAppendable("audit", p.folder, "audit.file") // a folder in place of the file
	if f := d.findings[0]; f.Status != checkFailed || !strings.Contains(f.Fix, "audit.file") {
		t.Errorf("got %+v", f)
	}
	d = &doctor{}
	d.checkAppendable("audit", filepath.Join(p.folder, "absent", "audit.log"), "audit.file")
	if f := d.findings[0]; f.Status != checkFailed {
		t.Errorf("got %+v", f)
	}
}

func TestDoctorFindsAStateThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	written(t, filepath.Join(folder, "file"), "")
	must(t, os.Mkdir(filepath.Join(folder, "there"), 0o700))
	for name, want := range map[string]string{"there": checkOK, "new": checkOK, "file": checkFailed, "absent/new": checkFailed} {
		d := &doctor{}
		d.checkFolder("store.folder", filepath.Join(folder, name), "store.folder")
		if f := d.findings[0]; f.Status != want || want == checkFailed && !strings.Contains(f.Fix, "store.folder") {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	for _, name := range []string{".", "there"} {
		entries, err := os.ReadDir(filepath.Join(folder, name))
		must(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".storekeeper-doctor-") {
				t.Errorf("the check leaves %s", e.Name())
			}
		}
	}
}

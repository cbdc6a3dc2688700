package main

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn/authntest"
)

func TestAnIssuerThatIsDownLeavesTheServiceReadyAndIsTold(t *testing.T) {
	t.Parallel()
	i := authntest.NewIssuer(t)
	i.NeedToken("nobody has it")
	p := start(t, setup{callers: issuerEntry(i, "")})
	var page string
	p.await("readiness tells of the issuer", func() bool {
		_, page = p.page("/readyz?verbose")
		return strings.Contains(page, "answered with status 403")
	})
	status, page := p.page("/readyz")
	if status != http.StatusOK || !strings.Contains(page, `"name":"issuer cluster","ok":false`) || !strings.Contains(page, `"advisory":true`) || !strings.Contains(page, "fix: set token_file") {
		t.Errorf("%d %s", status, page)
	}
	if _, metrics := p.page("/metrics"); !strings.Contains(metrics, `storekeeper_issuer_up{issuer="cluster"} 0`) || !strings.Contains(metrics, `storekeeper_issuer_keys{issuer="cluster"} 0`) {
		t.Error("the metrics do not tell of the issuer")
	}
	p.must("GET", "stores", "")
}

// No caller could be authenticated: load balancers must know, and a rollout that
// broke the only issuer must stop.
func TestAServiceThatCanLetInNobodyIsNotReady(t *testing.T) {
	t.Parallel()
	i := authntest.NewIssuer(t)
	i.NeedToken("nobody has it")
	p := prepared(t, setup{callers: issuerEntry(i, "")})
	p.file = filepath.Join(p.folder, "config.yaml")
	whole, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	keys := fmt.Sprintf("  api_keys:\n  - {name: %s, sha256: %x}\n", callerName, sha256.Sum256([]byte(callerKey)))
	p.writeFile(p.file, strings.Replace(string(whole), keys, "", 1))
	p.serve()
	p.await("it is not ready", func() bool {
		status, page := p.page("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(page, "no caller can be let in")
	})
	i.NeedToken("")
	p.restart()
	p.await("it is ready with the keys of the issuer", func() bool {
		status, _ := p.page("/readyz")
		return status == http.StatusOK
	})
}

func TestMetricsTellWhenCertificatesEnd(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{})
	d.await("the issuer was asked", func() bool {
		_, metrics := d.page("/metrics")
		return strings.Contains(metrics, `storekeeper_issuer_up{issuer="ci"} 1`)
	})
	_, metrics := d.page("/metrics")
	for _, want := range []string{
		`storekeeper_certificate_end_timestamp_seconds{certificate="listener"}`, `storekeeper_certificate_end_timestamp_seconds{certificate="client_ca"}`,
		`storekeeper_issuer_keys_read_timestamp_seconds{issuer="ci"} 1.`, `storekeeper_issuer_clock_ahead_seconds{issuer="ci"}`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%s is not shown", want)
		}
	}
}

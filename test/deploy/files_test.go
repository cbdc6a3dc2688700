package deploy_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// repository is the root of the repository, seen from here.
const repository = "../.."

// deployed names a file in deploy/.
func deployed(name string) string { return filepath.Join(repository, "deploy", name) }

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// configuration is the part of a configuration file that other files repeat.
type configuration struct {
	Listen struct {
		REST  string `json:"rest"`
		GRPC  string `json:"grpc"`
		Admin string `json:"admin"`
		Delay string `json:"drain_delay"`
		Grace string `json:"shutdown_grace"`
		TLS   struct {
			CertFile string `json:"cert_file"`
			KeyFile  string `json:"key_file"`
		} `json:"tls"`
	} `json:"listen"`
	Accounts []struct {
		ID         string `json:"id"`
		Credential struct {
			APITokenFile string `json:"api_token_file"`
		} `json:"credential"`
	} `json:"accounts"`
	Callers struct {
		Issuers []struct {
			CAFile    string `json:"ca_file"`
			TokenFile string `json:"token_file"`
		} `json:"issuers"`
	} `json:"callers"`
	Policy struct {
		File string `json:"file"`
	} `json:"policy"`
	Store struct {
		Kind     string `json:"kind"`
		Folder   string `json:"folder"`
		KeyFile  string `json:"key_file"`
		Postgres struct {
			Hosts        []string `json:"hosts"`
			PasswordFile string   `json:"password_file"`
			CAFile       string   `json:"ca_file"`
		} `json:"postgres"`
	} `json:"store"`
	Audit struct {
		Sink string `json:"sink"`
		File string `json:"file"`
	} `json:"audit"`
}

// reads are the files that the program reads.
func (c configuration) reads() []string {
	files := []string{c.Accounts[0].Credential.APITokenFile, c.Listen.TLS.CertFile, c.Listen.TLS.KeyFile, c.Policy.File}
	if c.Store.Kind == "postgres" {
		files = append(files, c.Store.KeyFile, c.Store.Postgres.PasswordFile, c.Store.Postgres.CAFile)
	}
	for _, issuer := range c.Callers.Issuers {
		files = append(files, issuer.CAFile, issuer.TokenFile)
	}
	return files
}

func readConfiguration(t testing.TB, name string) configuration {
	t.Helper()
	var c configuration
	if err := yaml.Unmarshal(readFile(t, name), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// ports returns the ports of the configuration by the name of the listener.
func (c configuration) ports(t testing.TB) map[string]string {
	t.Helper()
	ports := map[string]string{}
	for name, address := range map[string]string{"rest": c.Listen.REST, "grpc": c.Listen.GRPC, "admin": c.Listen.Admin} {
		_, port, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatal(err)
		}
		ports[name] = port
	}
	return ports
}

// usualDelay is the default of listen.drain_delay off loopback.
const usualDelay = 5 * time.Second

// delay returns how long the program continues to serve after the signal to stop.
func (c configuration) delay(t testing.TB) time.Duration {
	t.Helper()
	if c.Listen.Delay == "" {
		return usualDelay
	}
	delay, err := time.ParseDuration(c.Listen.Delay)
	if err != nil {
		t.Fatal(err)
	}
	return delay
}

// grace is how long the program may take to stop.
func (c configuration) grace(t testing.TB) time.Duration {
	t.Helper()
	grace, err := time.ParseDuration(c.Listen.Grace)
	if err != nil {
		t.Fatal(err)
	}
	return c.delay(t) + grace
}

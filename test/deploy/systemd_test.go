package deploy_test

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// unit is deploy/systemd/storekeeper.service: the values of each setting.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	settings := map[string][]string{}
	for line := range strings.Lines(string(readFile(t, deployed("systemd/storekeeper.service")))) {
		if name, value, is := strings.Cut(strings.TrimSpace(line), "="); is && !strings.HasPrefix(name, "#") {
			settings[name] = append(settings[name], value)
		}
	}
	return settings
}

// The installer of the unit creates program and user, so the verified copy
// names a program and a user of this machine.
func installable(t *testing.T) string {
	t.Helper()
	text := string(readFile(t, deployed("systemd/storekeeper.service")))
	text = strings.Replace(text, "/usr/local/bin/storekeeper", theImage(t).program, 1)
	text = regexp.MustCompile(`(?m)^(User|Group)=.*$`).ReplaceAllString(text, "$1=daemon")
	file := filepath.Join(t.TempDir(), "storekeeper.service")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestUnitIsValidAndConfined(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze on this machine")
	}
	file := installable(t)
	// verify also checks units of this machine, so only messages about this
	// unit count.
	said, err := exec.Command(analyze, "verify", "--recursive-errors=no", file).CombinedOutput()
	if err != nil || strings.Contains(string(said), "storekeeper.service") {
		t.Errorf("verify: %v\n%s", err, said)
	}
	// The exposure is a number of 0 to 100; units that confine nothing have 96.
	if said, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", file).CombinedOutput(); err != nil {
		t.Errorf("security: %v\n%s", err, said)
	}
}

func TestUnitGivesTimeToStop(t *testing.T) {
	given, err := time.ParseDuration(unit(t)["TimeoutStopSec"][0])
	if err != nil {
		t.Fatal(err)
	}
	own := readConfiguration(t, deployed("systemd/config.yaml"))
	if own.Listen.Grace == "" {
		own.Listen.Grace = "20s" // The default.
	}
	if need := own.grace(t); given < need+5*time.Second {
		t.Errorf("the unit gives %s, and a stop may take %s and some time to end", given, need)
	}
}

// onOneMachine starts the unit's command line with its configuration, installed
// as in deploy/README.md.
func onOneMachine(t *testing.T, before ...func(*container)) doors {
	t.Helper()
	command := strings.Fields(unit(t)["ExecStart"][0])
	service := newContainer(t, theImage(t), 65532, 65532)
	service.put(mount{path: "/etc/storekeeper/config.yaml", content: string(readFile(t, deployed("systemd/config.yaml"))), mode: 0o444})
	service.put(mount{path: "/etc/storekeeper/policy.yaml", content: string(readFile(t, deployed("policy.example.yaml"))), mode: 0o444})
	callers := string(readFile(t, deployed("systemd/callers.yaml")))
	for _, key := range []string{platformKey, teamKey} {
		digest := regexp.MustCompile(`(?m)^    sha256: [0-9a-f]+$`).FindString(callers)
		callers = strings.Replace(callers, digest, fmt.Sprintf("    sha256: \"%x\"", sha256.Sum256([]byte(key))), 1)
	}
	service.put(mount{path: "/etc/storekeeper/callers.yaml", content: callers, mode: 0o444})
	shown := theCertificate(t)
	for name, content := range map[string]string{"tls.crt": shown.cert, "tls.key": shown.key, "cloudflare-api-token": "what-is-long-enough-for-a-token\n"} {
		service.put(mount{path: "/etc/storekeeper/" + name, content: content, mode: 0o400, user: service.user, group: service.group})
	}
	service.volume("/var/lib/"+unit(t)["StateDirectory"][0], 0o700, service.user, service.group)
	cloudflare := startEmulator(newContainer(t, theImage(t), 65532, 65532), "/server", "emulator")
	for _, prepare := range before {
		prepare(service)
	}
	argv := append([]string{"/server"}, command[1:]...)
	for _, set := range elsewhere(cloudflare) {
		argv = append(argv, "--set", set)
	}
	return service.start(argv...).serving()
}

func TestUnitRuns(t *testing.T) {
	var told func() string
	var root string
	at := onOneMachine(t, func(service *container) { told, root = systemd(t, service), service.root })
	if state := told(); state != "READY=1" {
		t.Errorf("systemd is told %q", state)
	}
	expectService(t, at, readConfiguration(t, deployed("systemd/config.yaml")).Accounts[0].ID)
	expectRecordIn(t, filepath.Join(root, "/var/lib/storekeeper/audit.log"))
}

// systemd replaces the service manager: it returns the status messages of the
// program, and checks the message at the stop.
func systemd(t *testing.T, service *container) (told func() string) {
	t.Helper()
	name := fmt.Sprintf("@storekeeper-test-%d", os.Getpid())
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skipf("there are no abstract sockets on this machine: %v", err)
	}
	told = func() string {
		state := make([]byte, 100)
		if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, err := socket.Read(state)
		if err != nil {
			t.Fatal(err)
		}
		return string(state[:n])
	}
	// After the end of the program, which is registered later.
	t.Cleanup(func() {
		defer socket.Close()
		if state := told(); state != "STOPPING=1" {
			t.Errorf("systemd is told %q at the end", state)
		}
	})
	service.env = append(service.env, "NOTIFY_SOCKET="+name)
	return told
}

package deploy_test

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// compose reads deploy/compose.yaml as `docker compose` does, against its
// schema, with an empty environment.
func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{deployed("compose.yaml")}, cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func composeConfiguration(t *testing.T) (file string, c configuration) {
	t.Helper()
	file = compose(t).Configs["config"].File
	return file, readConfiguration(t, file)
}

func TestComposeServicesAreConfined(t *testing.T) {
	user := one[*instructions.UserCommand](t, theRecipe(t)).User
	for name, service := range compose(t).Services {
		t.Run(name, func(t *testing.T) {
			if !service.ReadOnly {
				t.Error("the root file system can be written")
			}
			if !slices.Equal(service.CapDrop, []string{"ALL"}) || len(service.CapAdd) > 0 || service.Privileged {
				t.Error("capabilities are left")
			}
			if !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
				t.Error("privileges can be gained")
			}
			if service.User != user {
				t.Errorf("runs as %s, and the image as %s", service.User, user)
			}
			if service.MemLimit == 0 || service.PidsLimit == 0 {
				t.Error("memory or processes have no limit")
			}
			if len(service.Entrypoint) > 0 {
				t.Error("has an entrypoint of its own")
			}
		})
	}
}

func TestComposeBuildsTheImage(t *testing.T) {
	root, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	for name, service := range compose(t).Services {
		if service.Build == nil || service.Build.Context != root || filepath.Join(root, "deploy", "Dockerfile") != filepath.Join(root, service.Build.Dockerfile) {
			t.Errorf("%s builds %+v", name, service.Build)
		}
	}
}

func TestComposePortsAreThoseOfTheConfigurationAndOnLoopback(t *testing.T) {
	_, c := composeConfiguration(t)
	want := []string{c.ports(t)["rest"], c.ports(t)["grpc"]}
	var got []string
	for _, port := range compose(t).Services["storekeeper"].Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("port %s is open on %q", port.Published, port.HostIP)
		}
		got = append(got, strconv.Itoa(int(port.Target)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("ports are %v, and the configuration has %v", got, want)
	}
	if ports := compose(t).Services["emulator"].Ports; len(ports) > 0 {
		t.Errorf("the emulator is open to the outside: %v", ports)
	}
}

func TestComposeMountsWhatTheCommandAndTheConfigurationName(t *testing.T) {
	_, c := composeConfiguration(t)
	service := compose(t).Services["storekeeper"]
	i := slices.Index(service.Command, "--config")
	want := append(c.reads(), service.Command[i+1])
	var got []string
	for _, config := range service.Configs {
		got = append(got, config.Target)
	}
	for _, secret := range service.Secrets {
		got = append(got, secret.Target)
	}
	for _, volume := range service.Volumes {
		if volume.Type == types.VolumeTypeBind {
			got = append(got, path.Join(volume.Target, "tls.crt"), path.Join(volume.Target, "tls.key"))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("mounted are %v, and the program reads %v", got, want)
	}
}

// The service can write only its audit trail.
func TestComposeKeepsTheAuditTrailAndNothingElse(t *testing.T) {
	_, c := composeConfiguration(t)
	project := compose(t)
	if len(project.Services["emulator"].Volumes) > 0 {
		t.Error("the emulator has volumes")
	}
	kept := 0
	for _, volume := range project.Services["storekeeper"].Volumes {
		switch volume.Type {
		case types.VolumeTypeVolume:
			kept++
			if _, named := project.Volumes[volume.Source]; !named || volume.Target != path.Dir(c.Audit.File) || c.Audit.Sink != "file" {
				t.Errorf("%s is mounted at %s, and the trail is %+v", volume.Source, volume.Target, c.Audit)
			}
		case types.VolumeTypeBind:
			if !volume.ReadOnly || volume.Bind == nil || bool(volume.Bind.CreateHostPath) {
				t.Errorf("%s can be written, or is made where it is missing", volume.Target)
			}
		default:
			t.Errorf("%s is a %s", volume.Target, volume.Type)
		}
	}
	if kept != 1 {
		t.Errorf("%d volumes are kept, want 1", kept)
	}
}

func TestComposeWaitsLongerThanTheGrace(t *testing.T) {
	_, c := composeConfiguration(t)
	if stop := compose(t).Services["storekeeper"].StopGracePeriod; stop == nil || time.Duration(*stop) <= c.grace(t) {
		t.Errorf("stop_grace_period is %v, and the program may take %s", stop, c.grace(t))
	}
}

// Both share a network, so that the address can be loopback.
func TestComposeEmulatorIsWhereStorekeeperLooks(t *testing.T) {
	services := compose(t).Services
	if mode := services["emulator"].NetworkMode; mode != "service:storekeeper" {
		t.Errorf("network_mode of the emulator is %s", mode)
	}
	command := services["emulator"].Command
	listen := command[slices.Index(command, "--listen")+1]
	if want := "accounts[0].base_url=http://" + listen + "/client/v4"; !slices.Contains(services["storekeeper"].Command, want) {
		t.Errorf("the emulator listens on %s, and the command is %v", listen, services["storekeeper"].Command)
	}
}

// composed lays out a service with the mounts of the compose file.
func composed(t *testing.T, service types.ServiceConfig) *container {
	t.Helper()
	user, group := owner(t, service.User)
	c := newContainer(t, theImage(t), user, group)
	c.compose(service)
	return c
}

func (c *container) compose(service types.ServiceConfig) {
	c.t.Helper()
	for name, value := range service.Environment {
		c.env = append(c.env, name+"="+*value)
	}
	// Modes and owners as deploy/README.md requires.
	for _, config := range service.Configs {
		file := compose(c.t).Configs[config.Source].File
		c.put(mount{path: config.Target, content: string(readFile(c.t, file)), mode: 0o444})
	}
	for _, secret := range service.Secrets {
		c.put(mount{path: secret.Target, content: "what-is-long-enough-for-a-token-and-a-key\n", mode: 0o400, user: c.user, group: c.group})
	}
	for _, volume := range service.Volumes {
		if volume.Type == types.VolumeTypeVolume {
			c.volume(volume.Target, theImage(c.t).kept(c.t, volume.Target), c.user, c.group)
			continue
		}
		shown := theCertificate(c.t)
		c.put(mount{path: path.Join(volume.Target, "tls.crt"), content: shown.cert, mode: 0o444, user: c.user, group: c.group})
		c.put(mount{path: path.Join(volume.Target, "tls.key"), content: shown.key, mode: 0o400, user: c.user, group: c.group})
	}
}

func TestComposeRuns(t *testing.T) {
	services := compose(t).Services
	entry := one[*instructions.EntrypointCommand](t, theRecipe(t)).CmdLine
	cloudflare := startEmulator(composed(t, services["emulator"]), slices.Concat(entry, services["emulator"].Command)...)

	service := composed(t, services["storekeeper"])
	at := service.start(slices.Concat(entry, services["storekeeper"].Command, additions(cloudflare))...).serving()
	_, c := composeConfiguration(t)
	expectService(t, at, c.Accounts[0].ID)
	expectRecordIn(t, filepath.Join(service.root, c.Audit.File))
	if code, said := service.run("/server", "audit", "verify", "--file", c.Audit.File); code != 0 {
		t.Errorf("the audit trail cannot be verified: %d: %s", code, said)
	}
	expectHealthCheck(t, service, at)
}

// expectHealthCheck runs the health check of the compose file.
func expectHealthCheck(t *testing.T, service *container, at doors) {
	t.Helper()
	_, c := composeConfiguration(t)
	test := compose(t).Services["storekeeper"].HealthCheck.Test
	if test[0] != "CMD" {
		t.Fatalf("the health check is %v, which needs a shell", test)
	}
	i := slices.Index(test, "--admin") + 1
	if i == 0 || test[i] != c.Listen.Admin {
		t.Fatalf("the health check is %v, and the configuration has admin at %s", test, c.Listen.Admin)
	}
	probe := slices.Clone(test[1:])
	probe[i-1] = at.Admin
	if code, said := service.run(probe...); code != 0 || !strings.Contains(said, "ready") {
		t.Errorf("the health check gave %d: %s", code, said)
	}
	probe[i-1] = "127.0.0.1:1"
	if code, _ := service.run(probe...); code == 0 {
		t.Error("the health check succeeds where nothing listens")
	}
}

// The command of the image itself, with the mounts of the compose file.
func TestImageRunsByItself(t *testing.T) {
	r := theRecipe(t)
	services := compose(t).Services
	cloudflare := startEmulator(composed(t, services["emulator"]), "/server", "emulator")
	line := slices.Concat(one[*instructions.EntrypointCommand](t, r).CmdLine, one[*instructions.CmdCommand](t, r).CmdLine, additions(cloudflare))
	at := composed(t, services["storekeeper"]).start(line...).serving()
	_, c := composeConfiguration(t)
	expectService(t, at, c.Accounts[0].ID)
}

// deploy/README.md describes how to replace a credential, and the log line that follows.
func TestReplacedCredentialIsReadWithoutARestart(t *testing.T) {
	services := compose(t).Services
	cloudflare := startEmulator(composed(t, services["emulator"]), "/server", "emulator")
	c := composed(t, services["storekeeper"])
	line := slices.Concat([]string{"/server"}, services["storekeeper"].Command, additions(cloudflare))
	process := c.start(line...)
	at := process.serving()
	_, own := composeConfiguration(t)
	expectService(t, at, own.Accounts[0].ID)

	c.rewrite(services["storekeeper"].Secrets[0].Target, "another-token\n", 0o400)
	const said = "the changed platform credential is in use"
	if !strings.Contains(string(readFile(t, deployed("README.md"))), "`"+said+"`") {
		t.Error("README.md says something else")
	}
	process.await("it read the credential again", func(line string) bool { return strings.Contains(line, said) }, func() {
		expectOK(t, "https://"+at.REST+"/client/v4/accounts/"+own.Accounts[0].ID+"/secrets_store/stores")
	})
}

func TestCredentialThatOthersCanReadIsRefused(t *testing.T) {
	service := compose(t).Services["storekeeper"]
	c := composed(t, service)
	c.rewrite(service.Secrets[0].Target, "token", 0o444)
	code, said := c.run(slices.Concat([]string{"/server"}, service.Command, additions("http://127.0.0.1:1/client/v4"))...)
	if code != 1 || !strings.Contains(said, "closed to other users") {
		t.Errorf("got %d: %s", code, said)
	}
}

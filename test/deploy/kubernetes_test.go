package deploy_test

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func (c *cluster) pod() corev1.PodSpec { return c.deployment.Spec.Template.Spec }

func (c *cluster) container(t *testing.T) corev1.Container {
	t.Helper()
	if n := len(c.pod().Containers) + len(c.pod().InitContainers); n != 1 {
		t.Fatalf("the pod has %d containers, want 1", n)
	}
	return c.pod().Containers[0]
}

// configuration returns the configuration in the ConfigMap.
func (c *cluster) configuration(t *testing.T) (own configuration) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(c.config.Data["config.yaml"]), &own); err != nil {
		t.Fatal(err)
	}
	return own
}

func TestSelectorsChooseThePods(t *testing.T) {
	c := applied(t)
	labels := c.deployment.Spec.Template.Labels
	selectors := map[string]map[string]string{
		"Deployment": c.deployment.Spec.Selector.MatchLabels, "Service": c.service.Spec.Selector,
		"NetworkPolicy": c.network.Spec.PodSelector.MatchLabels, "PodDisruptionBudget": c.disruption.Spec.Selector.MatchLabels,
	}
	for _, spread := range c.pod().TopologySpreadConstraints {
		selectors["spread over "+spread.TopologyKey] = spread.LabelSelector.MatchLabels
	}
	for who, selector := range selectors {
		if len(selector) == 0 {
			t.Errorf("%s chooses every pod", who)
		}
		for name, value := range selector {
			if labels[name] != value {
				t.Errorf("%s chooses %s=%s, and the pods have %v", who, name, value, labels)
			}
		}
	}
}

func TestPodIsConfined(t *testing.T) {
	c := applied(t)
	pod, security := c.pod(), c.pod().SecurityContext
	user, group := owner(t, one[*instructions.UserCommand](t, theRecipe(t)).User)
	for fact, holds := range map[string]bool{
		"is not root":               is(security.RunAsNonRoot, true),
		"has the user of the image": is(security.RunAsUser, int64(user)) && is(security.RunAsGroup, int64(group)),
		"has the seccomp profile":   security.SeccompProfile != nil && security.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"has no token of the cluster": is(pod.AutomountServiceAccountToken, false) && is(c.account.AutomountServiceAccountToken, false) &&
			pod.ServiceAccountName == c.account.Name,
		"shares nothing with the node": !pod.HostNetwork && !pod.HostPID && !pod.HostIPC,
	} {
		if !holds {
			t.Errorf("it is not so that the pod %s", fact)
		}
	}
}

func TestContainerIsConfined(t *testing.T) {
	security := applied(t).container(t).SecurityContext
	if !is(security.ReadOnlyRootFilesystem, true) || !is(security.AllowPrivilegeEscalation, false) || is(security.Privileged, true) {
		t.Error("the container can write to its root or gain privileges")
	}
	if drop := security.Capabilities.Drop; !slices.Equal(drop, []corev1.Capability{"ALL"}) || len(security.Capabilities.Add) > 0 {
		t.Errorf("the container drops %v", drop)
	}
}

// is reports whether an optional field is set to a value.
func is[V comparable](field *V, value V) bool { return field != nil && *field == value }

func TestMemoryIsBoundedAndTheCollectorKnows(t *testing.T) {
	container := applied(t).container(t)
	limit, request := container.Resources.Limits.Memory().Value(), container.Resources.Requests.Memory().Value()
	if limit == 0 || request == 0 || request > limit || container.Resources.Requests.Cpu().IsZero() {
		t.Errorf("resources are %v", container.Resources)
	}
	for _, variable := range container.Env {
		if variable.Name != "GOMEMLIMIT" {
			t.Errorf("the program does not read %s", variable.Name)
			continue
		}
		if soft, err := strconv.ParseInt(strings.TrimSuffix(variable.Value, "MiB"), 10, 64); err != nil || soft<<20 >= limit {
			t.Errorf("GOMEMLIMIT is %s, and the limit %d bytes", variable.Value, limit)
		}
	}
}

// named returns the ports of the container by name.
func (c *cluster) named(t *testing.T) map[string]string {
	t.Helper()
	ports := map[string]string{}
	for _, port := range c.container(t).Ports {
		ports[port.Name] = strconv.Itoa(int(port.ContainerPort))
	}
	return ports
}

func TestPortsOfThePodAreThoseOfTheConfiguration(t *testing.T) {
	c := applied(t)
	if got, want := c.named(t), c.configuration(t).ports(t); !maps.Equal(got, want) {
		t.Errorf("the container has %v, and the configuration %v", got, want)
	}
	listen := c.configuration(t).Listen
	for _, address := range []string{listen.REST, listen.GRPC, listen.Admin} {
		if !strings.HasPrefix(address, "0.0.0.0:") {
			t.Errorf("%s cannot be reached from outside the pod", address)
		}
	}
}

func TestServiceOffersRESTAndGRPCOnly(t *testing.T) {
	c := applied(t)
	offered := map[string]string{}
	for _, port := range c.service.Spec.Ports {
		if port.Name != port.TargetPort.StrVal {
			t.Errorf("port %s leads to %s", port.Name, port.TargetPort.String())
		}
		offered[port.Name] = strconv.Itoa(int(port.Port))
	}
	want := c.named(t)
	delete(want, "admin")
	if !maps.Equal(offered, want) {
		t.Errorf("the Service offers %v, want %v", offered, want)
	}
}

func TestNetworkPolicyKeepsCallersFromTheAdminPort(t *testing.T) {
	c := applied(t)
	ports := c.named(t)
	for _, rule := range c.network.Spec.Ingress {
		if len(rule.From) == 0 || len(rule.Ports) == 0 {
			t.Error("a rule lets in everybody, or to every port")
		}
		var names []string
		for _, port := range rule.Ports {
			if names = append(names, port.Port.StrVal); ports[port.Port.StrVal] == "" {
				t.Errorf("the pods have no port %s", port.Port)
			}
		}
		if slices.Contains(names, "admin") && len(names) > 1 {
			t.Errorf("who may reach admin may reach %v", names)
		}
	}
	if types := c.network.Spec.PolicyTypes; len(types) != 2 || len(c.network.Spec.Ingress) != 2 {
		t.Errorf("the policy is about %v", types)
	}
}

func TestCommandAndConfigurationNameWhatIsMounted(t *testing.T) {
	c := applied(t)
	container := c.container(t)
	files := c.mounts(t)
	command := one[*instructions.CmdCommand](t, theRecipe(t)).CmdLine
	if !slices.Equal(container.Args, command) || len(container.Command) > 0 {
		t.Errorf("the container runs %v %v, and the image %v", container.Command, container.Args, command)
	}
	config := container.Args[slices.Index(container.Args, "--config")+1]
	for _, name := range append(c.configuration(t).reads(), config) {
		if !slices.ContainsFunc(files, func(m mount) bool { return m.path == name }) {
			t.Errorf("nothing is mounted at %s", name)
		}
	}
}

// A single mounted file is not updated when its Secret changes.
func TestFoldersAreMountedAndNoSingleFiles(t *testing.T) {
	for _, m := range applied(t).container(t).VolumeMounts {
		if m.SubPath != "" || m.SubPathExpr != "" || !m.ReadOnly {
			t.Errorf("%s is mounted as a single file, or writable", m.MountPath)
		}
	}
}

// mounts lists the files that the pod sees, with the owner and mode that
// Kubernetes returns them: that of root and of the group fsGroup.
func (c *cluster) mounts(t *testing.T) (all []mount) {
	t.Helper()
	for _, m := range c.container(t).VolumeMounts {
		i := slices.IndexFunc(c.pod().Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			t.Fatalf("there is no volume %s", m.Name)
		}
		volume := c.pod().Volumes[i]
		var files map[string]string
		mode := int32(0o644)
		switch {
		case volume.ConfigMap != nil && volume.ConfigMap.Name == c.config.Name:
			files = c.config.Data
		case volume.Secret != nil && volume.Secret.SecretName == c.secret.Name && volume.Secret.DefaultMode != nil:
			files, mode = c.secret.StringData, *volume.Secret.DefaultMode
		case volume.Secret != nil && volume.Secret.SecretName == c.shown.Spec.SecretName && volume.Secret.DefaultMode != nil:
			shown := theCertificate(t)
			files, mode = map[string]string{"tls.crt": shown.cert, "tls.key": shown.key}, *volume.Secret.DefaultMode
		case volume.Projected != nil && volume.Projected.DefaultMode != nil:
			files, mode = projected(t, volume.Projected), *volume.Projected.DefaultMode
		default:
			t.Fatalf("volume %s is of a ConfigMap or Secret that there is not, or has no mode", m.Name)
		}
		for name, content := range files {
			all = append(all, mount{
				path: path.Join(m.MountPath, name), content: content, mode: fs.FileMode(mode), group: int(*c.pod().SecurityContext.FSGroup),
			})
		}
	}
	return all
}

func TestCredentialIsForTheGroupAndNobodyElse(t *testing.T) {
	c := applied(t)
	for _, m := range c.mounts(t) {
		if strings.HasPrefix(m.path, "/run/secrets/") && m.mode != 0o440 {
			t.Errorf("%s has mode %o", m.path, m.mode)
		}
	}
}

func TestSecretIsOnlyAnExample(t *testing.T) {
	for name, value := range applied(t).secret.StringData {
		if !strings.Contains(value, "REPLACE") {
			t.Errorf("%s looks like a real one", name)
		}
	}
}

// The delay, the grace and the time to end must fit, or calls are cut.
func TestPodHasTimeToStop(t *testing.T) {
	c := applied(t)
	if c.configuration(t).delay(t) < usualDelay {
		t.Error("the pod is stopped while nodes still send calls to it")
	}
	if c.container(t).Lifecycle != nil {
		t.Error("the pod waits before the program hears of the stop, and is ready meanwhile")
	}
	given := time.Duration(*c.pod().TerminationGracePeriodSeconds) * time.Second
	if need := c.configuration(t).grace(t); given < need+5*time.Second {
		t.Errorf("the pod has %s, and needs %s and some time to end", given, need)
	}
}

func TestReplicasSurviveAnUpdateAndADrain(t *testing.T) {
	c := applied(t)
	if c.deployment.Spec.Replicas == nil || *c.deployment.Spec.Replicas < 2 {
		t.Error("there is no second replica")
	}
	update := c.deployment.Spec.Strategy.RollingUpdate
	if update == nil || update.MaxUnavailable.IntValue() != 0 || update.MaxSurge.IntValue() < 1 {
		t.Errorf("updates are rolled as %v", update)
	}
	if away := c.disruption.Spec.MaxUnavailable; away == nil || away.IntValue() != 1 {
		t.Errorf("disruptions may take %v", away)
	}
}

func TestImageIsToBeReplaced(t *testing.T) {
	if image := applied(t).container(t).Image; !strings.HasPrefix(image, "registry.example.com/") || strings.HasSuffix(image, ":latest") {
		t.Errorf("the image is %s", image)
	}
}

// Labels put on by the kustomization must not get into selectors, which cannot
// be changed later.
func TestSelectorIsTheNameAndTheInstance(t *testing.T) {
	want := metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/name": "storekeeper", "app.kubernetes.io/instance": "storekeeper"}}
	if got := applied(t).deployment.Spec.Selector; !maps.Equal(got.MatchLabels, want.MatchLabels) {
		t.Errorf("the selector is %v", got)
	}
}

func TestPodRunsAndItsProbesSucceed(t *testing.T) {
	c := applied(t)
	security := c.pod().SecurityContext
	pod := newContainer(t, theImage(t), int(*security.RunAsUser), int(*security.RunAsGroup))
	for _, variable := range c.container(t).Env {
		pod.env = append(pod.env, variable.Name+"="+variable.Value)
	}
	for _, m := range c.mounts(t) {
		pod.put(m)
	}
	cloudflare := startEmulator(newContainer(t, theImage(t), 65532, 65532), "/server", "emulator")
	entry := one[*instructions.EntrypointCommand](t, theRecipe(t)).CmdLine
	sets := slices.Concat(c.container(t).Args[1:], additions(cloudflare), withPostgres(t))
	at := pod.start(slices.Concat(entry, c.container(t).Args[:1], sets)...).serving()
	expectService(t, at, c.configuration(t).Accounts[0].ID)
	expectTrail(t, pod, sets)
	for name, probe := range map[string]*corev1.Probe{
		"startup": c.container(t).StartupProbe, "liveness": c.container(t).LivenessProbe, "readiness": c.container(t).ReadinessProbe,
	} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Port.StrVal != "admin" || probe.HTTPGet.Scheme != corev1.URISchemeHTTPS {
			t.Errorf("the %s probe is %v", name, probe)
			continue
		}
		expectOK(t, "https://"+at.Admin+probe.HTTPGet.Path)
		// The checks of /readyz take up to 2 s.
		if probe.TimeoutSeconds <= 2 {
			t.Errorf("the %s probe gives up after %d s", name, probe.TimeoutSeconds)
		}
	}
}

// Files of a pod are deleted with the pod, and two pods cannot write one file.
func TestTrailOfAPodIsNotKeptInIt(t *testing.T) {
	if c := applied(t).configuration(t); c.Audit.Sink != "store" || c.Audit.File != "" || c.Store.Kind != "postgres" || c.Store.Folder != "" {
		t.Errorf("the audit trail is %+v, and the store %+v", c.Audit, c.Store)
	}
}

func TestCertificateHasTheNamesOfTheService(t *testing.T) {
	c := applied(t)
	name := c.service.Name + ".storekeeper.svc" // The namespace of README.md.
	if want := []string{name, name + ".cluster.local"}; !slices.Equal(c.shown.Spec.DNSNames, want) {
		t.Errorf("the certificate has %v, and callers ask for %v", c.shown.Spec.DNSNames, want)
	}
	if issuer := c.shown.Spec.IssuerRef; issuer.Kind == "" || !strings.Contains(issuer.Name, "REPLACE") {
		t.Errorf("the issuer is %v", issuer)
	}
	for _, port := range c.service.Spec.Ports {
		if !is(port.AppProtocol, "https") {
			t.Errorf("port %s is not said to have TLS", port.Name)
		}
	}
}

// A liveness probe must not check conditions that a restart does not fix.
func TestOnlyReadinessAsksWhetherTheServiceIsReady(t *testing.T) {
	container := applied(t).container(t)
	for probe, want := range map[*corev1.Probe]string{
		container.StartupProbe: "/livez", container.LivenessProbe: "/livez", container.ReadinessProbe: "/readyz",
	} {
		if probe.HTTPGet.Path != want {
			t.Errorf("a probe asks %s, want %s", probe.HTTPGet.Path, want)
		}
	}
}

func TestPrometheusIsSentToTheMetrics(t *testing.T) {
	c := applied(t)
	notes := c.deployment.Spec.Template.Annotations
	if notes["prometheus.io/port"] != c.named(t)["admin"] || notes["prometheus.io/path"] != metricsPath || notes["prometheus.io/scheme"] != "https" {
		t.Errorf("annotations are %v, and admin is at %s", notes, c.named(t)["admin"])
	}
}

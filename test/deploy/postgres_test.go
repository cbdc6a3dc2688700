package deploy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"platform.internal/storekeeper/internal/store/postgrestest"
)

// withPostgres returns a pod or service a server on this machine in place of the one
// that its configuration names. There the superuser needs no password.
func withPostgres(t *testing.T) (args []string) {
	t.Helper()
	server := postgrestest.Start(t)
	for _, set := range []string{
		"store.postgres.hosts[0]=" + server.Address(), "store.postgres.user=" + postgrestest.Superuser,
		"store.postgres.database=" + postgrestest.Superuser, "store.postgres.tls=off", "store.postgres.ca_file=",
	} {
		args = append(args, "--set", set)
	}
	return args
}

// database has the resources of `kubectl apply -k deploy/postgres`.
type database struct {
	set     appsv1.StatefulSet
	service corev1.Service
	network networkingv1.NetworkPolicy
}

func appliedDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{}
	left := map[string]any{"StatefulSet": &d.set, "Service": &d.service, "NetworkPolicy": &d.network}
	for _, resource := range kustomized(t, "postgres") {
		kind := text(t, resource, "kind")
		into, known := left[kind]
		if !known {
			t.Fatalf("there is an unexpected or second %s", kind)
		}
		delete(left, kind)
		if err := readStrictly(resource, into); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if err := conforms(resource); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for kind := range left {
		t.Errorf("there is no %s", kind)
	}
	return d
}

func TestDatabaseForTryingIsTheOneOfTheConfiguration(t *testing.T) {
	d, c := appliedDatabase(t), applied(t)
	at := c.configuration(t).Store.Postgres
	if want := []string{d.service.Name + ".storekeeper.svc:5432"}; !slices.Equal(at.Hosts, want) {
		t.Errorf("the hosts are %v, want %v", at.Hosts, want)
	}
	pod := d.set.Spec.Template
	for _, selector := range []map[string]string{d.service.Spec.Selector, d.network.Spec.PodSelector.MatchLabels, d.set.Spec.Selector.MatchLabels} {
		for name, value := range selector {
			if pod.Labels[name] != value {
				t.Errorf("no pod has the label %s=%s", name, value)
			}
		}
	}
	if from := d.network.Spec.Ingress[0].From[0].PodSelector.MatchLabels; from["app.kubernetes.io/name"] != c.deployment.Spec.Template.Labels["app.kubernetes.io/name"] {
		t.Errorf("%v may connect", from)
	}
	reached := slices.ContainsFunc(c.network.Spec.Egress, func(rule networkingv1.NetworkPolicyEgressRule) bool {
		return len(rule.To) == 1 && rule.To[0].PodSelector.MatchLabels["app.kubernetes.io/name"] == pod.Labels["app.kubernetes.io/name"] &&
			rule.Ports[0].Port.IntVal == pod.Spec.Containers[0].Ports[0].ContainerPort
	})
	if !reached {
		t.Error("the network policy of Storekeeper lets it not reach the database")
	}
	server := pod.Spec.Containers[0]
	for _, name := range []string{"POSTGRES_USER", "POSTGRES_DB"} {
		if !slices.Contains(server.Env, corev1.EnvVar{Name: name, Value: "storekeeper"}) {
			t.Errorf("%s is not the default of store.postgres", name)
		}
	}
	if !slices.Contains(server.Args, "ssl=on") || strings.Contains(strings.Join(server.Args, " "), "fsync") {
		t.Errorf("the server runs with %v", server.Args)
	}
	if s := server.SecurityContext; *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || !*pod.Spec.SecurityContext.RunAsNonRoot {
		t.Error("the pod is not confined")
	}
	if len(d.set.Spec.VolumeClaimTemplates) != 1 || !strings.HasPrefix(server.VolumeMounts[0].MountPath, "/var/lib/postgresql/data") {
		t.Error("the data is on no volume of its own")
	}
}

// composeWithPostgres reads both compose files as `docker compose` does.
func composeWithPostgres(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{deployed("compose.yaml"), deployed("compose.postgres.yaml")}, cli.WithInterpolation(true), cli.WithResolvedPaths(true))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeWithPostgresWaitsForItAndKeepsIt(t *testing.T) {
	project := composeWithPostgres(t)
	server := project.Services["postgres"]
	if project.Services["storekeeper"].DependsOn["postgres"].Condition != types.ServiceConditionHealthy || server.HealthCheck == nil {
		t.Error("Storekeeper does not wait for the database")
	}
	if len(server.Ports) > 0 {
		t.Error("the database is open to the outside")
	}
	if !server.ReadOnly || !slices.Equal(server.CapDrop, []string{"ALL"}) || !slices.Contains(server.SecurityOpt, "no-new-privileges:true") {
		t.Error("the server is not confined")
	}
	// The password belongs to the user of Storekeeper, and its group may read it.
	if _, own, _ := strings.Cut(project.Services["storekeeper"].User, ":"); !strings.HasSuffix(server.User, ":"+own) {
		t.Errorf("the server runs as %s", server.User)
	}
	if len(server.Volumes) != 1 || project.Volumes[server.Volumes[0].Source].Name == "" {
		t.Errorf("the data is on %v", server.Volumes)
	}
	if got := *server.Environment["POSTGRES_PASSWORD_FILE"]; got != server.Secrets[0].Target {
		t.Errorf("the password is read from %s", got)
	}
}

func TestComposeWithPostgresRuns(t *testing.T) {
	services := composeWithPostgres(t).Services
	cloudflare := startEmulator(composed(t, services["emulator"]), "/server", "emulator")
	c := composed(t, services["storekeeper"])
	sets := slices.Concat(services["storekeeper"].Command[1:], additions(cloudflare), withPostgres(t))
	at := c.start(slices.Concat([]string{"/server", "serve"}, sets)...).serving()
	_, own := composeConfiguration(t)
	expectService(t, at, own.Accounts[0].ID)
	expectTrail(t, c, sets)
}

// expectTrail checks the trail in the database with the program's own commands.
func expectTrail(t *testing.T, c *container, sets []string) {
	t.Helper()
	if code, said := c.run(slices.Concat([]string{"/server", "audit", "verify"}, sets)...); code != 0 {
		t.Errorf("the audit trail cannot be verified: %d: %s", code, said)
	}
	_, said := c.run(slices.Concat([]string{"/server", "audit", "export"}, sets)...)
	expectRecord(t, said)
}

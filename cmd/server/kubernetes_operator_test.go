package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Programs and definitions for the tests on a cluster: `make test-kubernetes` builds
// and names them.
const (
	helmVariable    = "STOREKEEPER_HELM"
	kubectlVariable = "STOREKEEPER_KUBECTL"
	// The folders of modules with definitions of resources, separated by spaces.
	definitionsVariable = "STOREKEEPER_KUBE_DEFINITIONS"
)

// definitions are the files, in the folders of those modules, that define what the
// chart and the recipes make and Kubernetes itself does not have.
var definitions = []string{
	"config/crd/standard/gateway.networking.k8s.io_*routes.yaml", "config/crd/standard/gateway.networking.k8s.io_backendtlspolicies.yaml",
	"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml", "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
	"deploy/crds/cert-manager.io_certificates.yaml",
	"config/crds/bases/external-secrets.io_secretstores.yaml", "config/crds/bases/external-secrets.io_pushsecrets.yaml",
}

// kubeOperator is a folder with a copy of deploy/, and a shell with kubectl and helm.
type kubeOperator struct {
	c      *cluster
	folder string
	env    []string
}

// operate gives an operator of a cluster that knows the definitions.
func operate(t *testing.T, c *cluster) *kubeOperator {
	t.Helper()
	o := &kubeOperator{c: c, folder: t.TempDir()}
	programs := filepath.Join(o.folder, "programs")
	must(t, os.Mkdir(programs, 0o700))
	for name, variable := range map[string]string{"helm": helmVariable, "kubectl": kubectlVariable} {
		program := os.Getenv(variable)
		if program == "" {
			t.Skipf("needs %s: make test-kubernetes builds it and runs this test", name)
		}
		must(t, os.Symlink(program, filepath.Join(programs, name)))
	}
	o.write("kubeconfig", fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
clusters: [{name: test, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: test, user: {token: admin-of-the-test}}]
contexts: [{name: test, context: {cluster: test, user: test}}]
`, c.url, c.file("ca.crt")))
	o.env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "KUBECONFIG="+filepath.Join(o.folder, "kubeconfig"),
		"HOME="+o.folder, "XDG_CACHE_HOME="+o.folder, "XDG_CONFIG_HOME="+o.folder, "XDG_DATA_HOME="+o.folder)
	copied, err := exec.CommandContext(t.Context(), "cp", "-R", "-P", "../../deploy", o.folder).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, copied)
	}
	return o
}

// define gives the definitions to the cluster, and waits until it serves them.
func (o *kubeOperator) define() {
	o.c.t.Helper()
	found := 0
	for folder := range strings.FieldsSeq(os.Getenv(definitionsVariable)) {
		for _, pattern := range definitions {
			files, err := filepath.Glob(filepath.Join(folder, pattern))
			must(o.c.t, err)
			for _, file := range files {
				o.must("kubectl apply --server-side --filename " + file)
				found++
			}
		}
	}
	if found < len(definitions) {
		o.c.t.Fatalf("%d definitions were found in %q", found, os.Getenv(definitionsVariable))
	}
	o.must("kubectl wait --for condition=Established crd --all --timeout 60s")
}

func (o *kubeOperator) write(name, text string) {
	o.c.t.Helper()
	must(o.c.t, os.WriteFile(filepath.Join(o.folder, name), []byte(text), 0o600))
}

// try runs commands of a shell in the folder.
func (o *kubeOperator) try(commands string) (string, error) {
	cmd := exec.CommandContext(o.c.t.Context(), "sh", "-euc", commands)
	cmd.Dir, cmd.Env = o.folder, o.env
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// must is try for commands that succeed. The API server warns of fields that it does
// not know, of versions that end, and of pods that a namespace would refuse.
func (o *kubeOperator) must(commands string) string {
	o.c.t.Helper()
	said, err := o.try(commands)
	if err != nil {
		o.c.t.Fatalf("%s: %v\n%s", commands, err, said)
	}
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "Warning:") {
			o.c.t.Errorf("%s: %s", commands, line)
		}
	}
	return said
}

// namespace makes one that refuses pods with more rights than they need.
func (o *kubeOperator) namespace(name string) {
	o.c.t.Helper()
	o.must("kubectl create namespace " + name)
	o.must("kubectl label namespace " + name + " pod-security.kubernetes.io/enforce=restricted")
}

// accepts expects that a pod of a workload is let into its namespace. Nothing else
// makes pods in a cluster without controllers.
func (o *kubeOperator) accepts(namespace, workload string) {
	o.c.t.Helper()
	o.must("kubectl -n " + namespace + " get " + workload + ` -o json |
		jq '(.items[0] // .).spec | [.volumeClaimTemplates[]? | {name: .metadata.name, emptyDir: {}}] as $claims |
			.template | .spec.volumes += $claims | .apiVersion = "v1" | .kind = "Pod" | .metadata.name = "one"' |
		kubectl -n ` + namespace + " create --dry-run=server --filename -")
}

// needsPods are commands on pods that run. A cluster without nodes has none.
var needsPods = regexp.MustCompile(`(?m)^kubectl .*(rollout status|exec) .*\n`)

var (
	blockOfReadme = regexp.MustCompile("(?s)```(sh|yaml)\n(.*?)```")
	dockerOrSudo  = regexp.MustCompile(`(?m)^(# compose|sudo|docker) .*\n`)
)

// The section of deploy/README.md about Kubernetes, block by block: its commands are
// run, and its resources applied.
func TestKubernetesTakesWhatTheReadmeSays(t *testing.T) {
	o := operate(t, startCluster(t))
	o.define()
	readme, err := os.ReadFile("../../deploy/README.md")
	must(t, err)
	_, section, found := strings.Cut(string(readme), "\n## With Kubernetes\n")
	section, _, closed := strings.Cut(section, "\n### The certificate\n")
	if !found || !closed {
		t.Fatal("deploy/README.md has no section about Kubernetes")
	}
	must(t, os.Mkdir(filepath.Join(o.folder, "overlay"), 0o700))
	for name, text := range map[string]string{
		"cloudflare-api-token": "token", "postgres-password": "password", "postgres-ca.crt": string(o.c.authority.PEM),
		"values.yaml": "image: {tag: v1.2.3}\n",
	} {
		o.write(name, text)
	}
	o.must("cp " + o.c.file("tls.crt") + " " + o.c.file("tls.key") + " . && cp tls.crt postgres.crt && cp tls.key postgres.key")
	o.must("cp deploy/kubernetes/config.yaml deploy/kubernetes/policy.yaml overlay")
	for _, name := range []string{"payments", "monitoring"} {
		o.must("kubectl create namespace " + name)
	}
	o.must("kubectl -n payments create serviceaccount api")
	ran := 0
	for _, block := range blockOfReadme.FindAllStringSubmatch(section, -1) {
		text := dockerOrSudo.ReplaceAllString(needsPods.ReplaceAllString(block[2], ""), "")
		switch {
		case strings.Contains(text, "kind: Kustomization"):
			o.write("overlay/kustomization.yaml", text)
			o.must("helm --namespace storekeeper uninstall storekeeper")
		case block[1] == "yaml":
			o.write("resource.yaml", text)
			o.must("kubectl apply --filename resource.yaml")
		case text != "":
			o.must(text)
			ran++
		}
		if strings.Contains(text, "helm ") || strings.Contains(text, "-k overlay") {
			o.accepts("storekeeper", "deployment/storekeeper")
		}
	}
	if ran < 6 {
		t.Errorf("only %d blocks of commands were run", ran)
	}
	o.must("kubectl -n storekeeper create serviceaccount default") // Which a controller makes elsewhere.
	o.accepts("storekeeper", "statefulset/postgres")
	o.must("rm deploy/kubernetes/secret.example.yaml") // The real one is there.
	o.must("for file in deploy/kubernetes/*.example.yaml; do kubectl -n storekeeper apply --filename $file; done")
	if kinds := o.must("kubectl -n storekeeper get configmaps --output name"); !strings.Contains(kinds, "configmap/storekeeper-config-") {
		t.Errorf("there are %s", kinds)
	}
}

// The resources of the recipes for users of a cluster.
func TestKubernetesTakesTheResourcesOfTheRecipes(t *testing.T) {
	o := operate(t, startCluster(t))
	o.define()
	o.must("kubectl create namespace payments && kubectl -n payments create serviceaccount api")
	for page, want := range map[string]int{"kubernetes.md": 1, "argo-cd.md": 1, "external-secrets.md": 2} {
		text, err := os.ReadFile("../../docs/recipes/" + page)
		must(t, err)
		taken := 0
		for _, block := range blockOfReadme.FindAllStringSubmatch(string(text), -1) {
			switch {
			case strings.HasPrefix(block[2], "apiVersion:"):
				o.write("resource.yaml", block[2])
				o.must("kubectl apply --server-side --filename resource.yaml && kubectl delete --filename resource.yaml --wait=false")
				taken++
			case strings.HasPrefix(block[2], "kubectl "):
				o.must(block[2])
			}
		}
		if taken != want {
			t.Errorf("%s: %d resources were taken, want %d", page, taken, want)
		}
	}
}

package deploy_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	kubernetesyaml "sigs.k8s.io/yaml"
)

// update writes the manifests of deploy/kubernetes anew from deploy/chart.
var update = flag.Bool("update", false, "write the manifests of deploy/kubernetes anew from deploy/chart")

const generatedNote = "# Generated from deploy/chart: do not edit. `go test ./... -run Generated -update` in\n# test/deploy writes it anew.\n"

// examplesOfTheChart are files of deploy/kubernetes that are no part of the
// kustomization: the template and the values of each.
var examplesOfTheChart = map[string][2]string{
	"certificate.example.yaml":             {"certificate.yaml", "{certificate: {enabled: true}}"},
	"ingress.example.yaml":                 {"ingress.yaml", "{ingress: {enabled: true}}"},
	"gateway.example.yaml":                 {"gateway.yaml", "{gateway: {enabled: true}}"},
	"horizontalpodautoscaler.example.yaml": {"horizontalpodautoscaler.yaml", "{autoscaling: {enabled: true}}"},
	"servicemonitor.example.yaml":          {"servicemonitor.yaml", "{serviceMonitor: {enabled: true}}"},
}

// forKustomize removes the parts for Helm.
func forKustomize(text string) string {
	text = strings.TrimPrefix(strings.TrimLeft(text, "\n"), "---\n")
	lines := slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool {
		name, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		return slices.Contains([]string{"helm.sh/chart", "app.kubernetes.io/managed-by", "checksum/config"}, name)
	})
	return generatedNote + strings.TrimRight(strings.Join(lines, ""), "\n") + "\n"
}

// sectionOfValues returns a section of values.yaml with its comments.
func sectionOfValues(t *testing.T, name string) string {
	t.Helper()
	var file yaml.Node
	if err := yaml.Unmarshal(readFile(t, deployed("chart/values.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	sections := file.Content[0].Content
	at := slices.IndexFunc(sections, func(n *yaml.Node) bool { return n.Value == name })
	var written bytes.Buffer
	encoder := yaml.NewEncoder(&written)
	encoder.SetIndent(2)
	if err := encoder.Encode(sections[at+1]); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(generatedNote, "deploy/chart", "deploy/chart/values.yaml") + "\n" + written.String()
}

// generatedFiles are the files of deploy/kubernetes that the chart makes.
func generatedFiles(t *testing.T) map[string]string {
	t.Helper()
	texts, err := rendered(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"config.yaml": sectionOfValues(t, "config"), "policy.yaml": sectionOfValues(t, "policy")}
	for name, text := range texts {
		if strings.Contains(text, "apiVersion:") && name != "configmap.yaml" {
			files[name] = forKustomize(text)
		}
	}
	for name, example := range examplesOfTheChart {
		values, err := chartutil.ReadValues([]byte(example[1]))
		if err != nil {
			t.Fatal(err)
		}
		texts, err := rendered(t, values)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = forKustomize(texts[example[0]])
	}
	return files
}

func TestGeneratedManifestsAreWhatTheChartMakes(t *testing.T) {
	files := generatedFiles(t)
	for name, want := range files {
		if *update {
			if err := os.WriteFile(deployed("kubernetes/"+name), []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(deployed("kubernetes/" + name)); err != nil || string(got) != want {
			t.Errorf("deploy/kubernetes/%s is not what deploy/chart makes (%v): run `go test ./... -run Generated -update` in test/deploy", name, err)
		}
	}
	entries, err := os.ReadDir(deployed("kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); files[name] == "" && name != "kustomization.yaml" && name != "secret.example.yaml" {
			t.Errorf("deploy/kubernetes/%s is not made by the chart", name)
		}
	}
}

// The files of the kustomization equal the ConfigMap of the chart.
func TestTheConfigMapOfTheChartIsThatOfTheKustomization(t *testing.T) {
	texts, err := rendered(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	var own corev1.ConfigMap
	if err := readStrictly([]byte(texts["configmap.yaml"]), &own); err != nil {
		t.Fatal(err)
	}
	theirs := applied(t).config
	for _, name := range []string{"config.yaml", "policy.yaml"} {
		var a, b any
		if err := kubernetesyaml.Unmarshal([]byte(own.Data[name]), &a); err != nil {
			t.Fatal(err)
		}
		if err := kubernetesyaml.Unmarshal([]byte(theirs.Data[name]), &b); err != nil {
			t.Fatal(err)
		}
		if a == nil || !reflect.DeepEqual(a, b) {
			t.Errorf("%s of the chart is\n%v\nand of the kustomization\n%v", name, a, b)
		}
	}
}

// The overlay of deploy/README.md, built as kustomize does.
func TestTheOverlayOfTheReadmeReplacesTheConfiguration(t *testing.T) {
	_, rest, _ := strings.Cut(string(readFile(t, deployed("README.md"))), "```yaml\napiVersion: kustomize.config.k8s.io/v1beta1\n")
	overlay, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("README.md shows no overlay")
	}
	root := filesys.MakeFsInMemory()
	put := func(name string, content []byte) {
		if err := root.WriteFile(name, content); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(deployed("kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		put("/deploy/kubernetes/"+entry.Name(), readFile(t, deployed("kubernetes/"+entry.Name())))
	}
	put("/overlay/kustomization.yaml", []byte("apiVersion: kustomize.config.k8s.io/v1beta1\n"+overlay))
	put("/overlay/config.yaml", []byte("own: configuration\n"))
	put("/overlay/policy.yaml", []byte("own: rules\n"))
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(root, "/overlay")
	if err != nil {
		t.Fatal(err)
	}
	said, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"own: configuration", "own: rules", "image: registry.example.com/platform/storekeeper:v1.2.3", "namespace: storekeeper"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the overlay makes no %q:\n%s", want, said)
		}
	}
}

package deploy_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/yaml"
)

// cluster has the resources of `kubectl apply -k deploy/kubernetes`, and the
// required Secrets of the credential and the certificate.
type cluster struct {
	account    corev1.ServiceAccount
	config     corev1.ConfigMap
	deployment appsv1.Deployment
	service    corev1.Service
	network    networkingv1.NetworkPolicy
	disruption policyv1.PodDisruptionBudget
	secret     corev1.Secret
	shown      certManager
}

// certManager is the part of cert-manager's Certificate that is used here.
type certManager struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec struct {
		SecretName string   `json:"secretName"`
		DNSNames   []string `json:"dnsNames"`
		PrivateKey struct {
			Algorithm      string `json:"algorithm"`
			Size           int    `json:"size"`
			RotationPolicy string `json:"rotationPolicy"`
		} `json:"privateKey"`
		IssuerRef struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"issuerRef"`
	} `json:"spec"`
}

// kinds maps each kind to its Go type.
func (c *cluster) kinds() map[string]any {
	return map[string]any{
		"ServiceAccount": &c.account, "ConfigMap": &c.config, "Deployment": &c.deployment, "Service": &c.service,
		"NetworkPolicy": &c.network, "PodDisruptionBudget": &c.disruption, "Secret": &c.secret,
		"Certificate": &c.shown,
	}
}

// applied builds the kustomization and reads each resource into Kubernetes' own
// type; a field that the type has not, or of another type, is an error.
func applied(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{}
	left := c.kinds()
	examples := [][]byte{readFile(t, deployed("kubernetes/secret.example.yaml")), readFile(t, deployed("kubernetes/certificate.example.yaml"))}
	for _, resource := range append(kustomized(t, "kubernetes"), examples...) {
		kind := text(t, resource, "kind")
		into, known := left[kind]
		if !known {
			t.Fatalf("there is an unexpected or second %s", kind)
		}
		delete(left, kind)
		if err := readStrictly(resource, into); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for kind := range left {
		t.Errorf("there is no %s", kind)
	}
	return c
}

// readStrictly reads as the API server does: a field in the wrong case is
// another field.
func readStrictly(resource []byte, into any) error {
	data, err := yaml.YAMLToJSONStrict(resource)
	if err != nil {
		return err
	}
	strict, err := json.UnmarshalStrict(data, into)
	return errors.Join(append(strict, err)...)
}

// kustomized returns the resources of a kustomization that are applied.
func kustomized(t *testing.T, folder string) [][]byte {
	t.Helper()
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), deployed(folder))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, resource := range built.Resources() {
		data, err := resource.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// text returns a field of the top level.
func text(t *testing.T, data []byte, field string) string {
	t.Helper()
	var all map[string]any
	if err := yaml.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	value, _ := all[field].(string)
	return value
}

func TestEveryManifestIsPartOfTheKustomizationOrAnExample(t *testing.T) {
	kustomization := string(readFile(t, deployed("kubernetes/kustomization.yaml")))
	entries, err := os.ReadDir(deployed("kubernetes"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "kustomization.yaml" && strings.Contains(kustomization, name) == strings.Contains(name, ".example.") {
			t.Errorf("%s is in the kustomization and an example, or neither", name)
		}
	}
}

// The types know of every field but not which are required. Kubernetes' own
// OpenAPI document does.
func TestManifestsAreValidUnderTheSchemasOfKubernetes(t *testing.T) {
	documents := kustomized(t, "kubernetes")
	files, err := filepath.Glob(deployed("kubernetes/*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, document := range documentEnd.Split(string(readFile(t, file)), -1) {
			// Others are not Kubernetes' own, or no resource.
			if groups[text(t, []byte(document), "apiVersion")] != "" {
				documents = append(documents, []byte(document))
			}
		}
	}
	for _, document := range documents {
		if err := conforms(document); err != nil {
			t.Errorf("%s: %v", text(t, document, "kind"), err)
		}
	}
}

func TestSchemasFindWhatIsMissingOrWrong(t *testing.T) {
	for name, document := range map[string]string{
		"no selector":     "{apiVersion: apps/v1, kind: Deployment, spec: {template: {}}}",
		"text for number": "{apiVersion: apps/v1, kind: Deployment, spec: {replicas: two, selector: {}, template: {}}}",
		"port of no kind": "{apiVersion: v1, kind: Service, spec: {ports: [{port: 1, targetPort: [1]}]}}",
	} {
		if err := conforms([]byte(document)); err == nil {
			t.Errorf("%s is not found", name)
		}
	}
	if err := conforms([]byte("{apiVersion: v1, kind: Service, spec: {ports: [{port: 1, targetPort: rest}, {port: 2, targetPort: 2}]}}")); err != nil {
		t.Error(err)
	}
}

// schemas compiles the definitions of Kubernetes that kustomize carries.
var schemas = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	definitions := map[string]any{}
	for name, schema := range openapi.Schema().Definitions {
		data, err := schema.MarshalJSON()
		if err != nil {
			return nil, err
		}
		var definition any
		if err := yaml.Unmarshal(data, &definition); err != nil {
			return nil, err
		}
		definitions[name] = definition
	}
	// The document declares a string with a special format.
	definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = map[string]any{"type": []any{"integer", "string"}}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	return compiler, compiler.AddResource("kubernetes.json", map[string]any{"definitions": definitions})
})

// groups maps APIs to their definitions. kustomize has no autoscaling/v2: only
// the Go type of Kubernetes checks that.
var groups = map[string]string{
	"v1": "io.k8s.api.core.v1.", "apps/v1": "io.k8s.api.apps.v1.",
	"networking.k8s.io/v1": "io.k8s.api.networking.v1.", "policy/v1": "io.k8s.api.policy.v1.",
}

// conforms checks a resource against the schema of its kind.
func conforms(document []byte) error {
	compiler, err := schemas()
	if err != nil {
		return err
	}
	var resource map[string]any
	if err := yaml.Unmarshal(document, &resource); err != nil {
		return err
	}
	group, _ := resource["apiVersion"].(string)
	kind, _ := resource["kind"].(string)
	schema, err := compiler.Compile("kubernetes.json#/definitions/" + groups[group] + kind)
	if err != nil {
		return err
	}
	return schema.Validate(resource)
}

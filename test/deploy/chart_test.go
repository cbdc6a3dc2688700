package deploy_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

// loaded is deploy/chart.
var loaded = sync.OnceValues(func() (*chart.Chart, error) { return loader.LoadDir(deployed("chart")) })

func theChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loaded()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rendered returns Helm's output for the chart: the text of each template, by
// file name.
func rendered(t *testing.T, values map[string]any) (map[string]string, error) {
	t.Helper()
	c := theChart(t)
	release := chartutil.ReleaseOptions{Name: "storekeeper", Namespace: "storekeeper", IsInstall: true, Revision: 1}
	all, err := chartutil.ToRenderValues(c, values, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	texts, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	named := map[string]string{}
	for file, text := range texts {
		named[filepath.Base(file)] = text
	}
	return named, nil
}

var documentEnd = regexp.MustCompile(`(?m)^---\n`)

// documents returns the resources of a rendering.
func documents(texts map[string]string) (all [][]byte) {
	for _, file := range slices.Sorted(maps.Keys(texts)) {
		if filepath.Ext(file) != ".yaml" {
			continue
		}
		for _, text := range documentEnd.Split(texts[file], -1) {
			if strings.Contains(text, "apiVersion:") {
				all = append(all, []byte(text))
			}
		}
	}
	return all
}

// kindsOfTheChart makes a value of the type of each kind.
func kindsOfTheChart(kind string) any {
	switch kind {
	case "Deployment":
		return &appsv1.Deployment{}
	case "HorizontalPodAutoscaler":
		return &autoscalingv2.HorizontalPodAutoscaler{}
	case "Service":
		return &corev1.Service{}
	case "ServiceAccount":
		return &corev1.ServiceAccount{}
	case "ConfigMap":
		return &corev1.ConfigMap{}
	case "PersistentVolumeClaim":
		return &corev1.PersistentVolumeClaim{}
	case "NetworkPolicy":
		return &networkingv1.NetworkPolicy{}
	case "Ingress":
		return &networkingv1.Ingress{}
	case "PodDisruptionBudget":
		return &policyv1.PodDisruptionBudget{}
	case "HTTPRoute":
		return &gatewayv1.HTTPRoute{}
	case "GRPCRoute":
		return &gatewayv1.GRPCRoute{}
	case "BackendTLSPolicy":
		return &gatewayv1.BackendTLSPolicy{}
	case "ServiceMonitor":
		return &monitoringv1.ServiceMonitor{}
	case "PrometheusRule":
		return &monitoringv1.PrometheusRule{}
	case "Certificate":
		return &certManager{}
	}
	return nil
}

// valueSets are the files of values that the chart is tried with. The first has
// none, which means the defaults.
func valueSets(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(deployed("chart/ci/*.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files of values were found: %v", len(files), err)
	}
	sets := map[string]map[string]any{"defaults": {}}
	for _, file := range files {
		values, err := chartutil.ReadValuesFile(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		sets[strings.TrimSuffix(filepath.Base(file), ".yaml")] = values
	}
	return sets
}

// The kinds that only this set of values renders.
var kindsOfSets = map[string][]string{
	"defaults":   {"PodDisruptionBudget"},
	"single":     {"PersistentVolumeClaim"},
	"ingress":    {"Ingress", "Ingress", "PodDisruptionBudget"},
	"gateway":    {"BackendTLSPolicy", "GRPCRoute", "HTTPRoute", "PodDisruptionBudget"},
	"everything": {"Certificate", "HorizontalPodAutoscaler", "PodDisruptionBudget", "PrometheusRule", "Service", "ServiceMonitor"},
}

func TestTheChartMakesValidResourcesOfEverySetOfValues(t *testing.T) {
	for name, values := range valueSets(t) {
		t.Run(name, func(t *testing.T) {
			texts, err := rendered(t, values)
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			seen := map[string]bool{}
			for _, document := range documents(texts) {
				kind := text(t, document, "kind")
				kinds = append(kinds, kind)
				into := kindsOfTheChart(kind)
				if into == nil {
					t.Fatalf("a %s is not expected:\n%s", kind, document)
				}
				if err := readStrictly(document, into); err != nil {
					t.Errorf("%s: %v\n%s", kind, err, document)
				}
				if version := text(t, document, "apiVersion"); groups[version] != "" {
					if err := conforms(document); err != nil {
						t.Errorf("%s: %v\n%s", kind, err, document)
					}
				}
				object := kind + "/" + nameOf(t, document)
				if seen[object] {
					t.Errorf("there are two %s", object)
				}
				seen[object] = true
			}
			want := slices.Concat([]string{"ConfigMap", "Deployment", "NetworkPolicy", "Service", "ServiceAccount"}, kindsOfSets[name])
			slices.Sort(want)
			if slices.Sort(kinds); !slices.Equal(kinds, want) {
				t.Errorf("there are %v, want %v", kinds, want)
			}
			if !strings.Contains(texts["NOTES.txt"], "rollout status deployment/") {
				t.Errorf("the notes are\n%s", texts["NOTES.txt"])
			}
		})
	}
}

func nameOf(t *testing.T, document []byte) string {
	t.Helper()
	var resource struct {
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := yaml.Unmarshal(document, &resource); err != nil || resource.Metadata.Name == "" {
		t.Fatalf("a resource has no name: %v\n%s", err, document)
	}
	return resource.Metadata.Name
}

func TestTheChartRefusesWrongValues(t *testing.T) {
	for name, tc := range map[string]struct{ values, said string }{
		"a key that there is not":         {"{replicas: 3}", "replicas"},
		"a text for a number":             {"{replicaCount: three}", "replicaCount"},
		"a digest that is none":           {"{image: {digest: latest}}", "digest"},
		"a section that there is not":     {"{config: {listeners: {}}}", "listeners"},
		"no peers, which means everybody": {"{networkPolicy: {callers: []}}", "callers"},
		"files for several replicas":      {"{config: {store: {kind: file}}}", "replicaCount"},
		"files without a volume":          {"{replicaCount: 1, config: {store: {kind: file}}}", "persistence.enabled"},
		"an issuer without its token":     {"{clusterTokens: {enabled: false}}", "clusterTokens.enabled"},
		"a hostname for REST and gRPC":    {"{gateway: {enabled: true, grpcHostnames: [storekeeper.example.com]}}", "gateway.grpcHostnames"},
	} {
		t.Run(name, func(t *testing.T) {
			values, err := chartutil.ReadValues([]byte(tc.values))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := rendered(t, values); err == nil || !strings.Contains(err.Error(), tc.said) {
				t.Errorf("the error is %v, want one that names %s", err, tc.said)
			}
		})
	}
}

// A value that the schema does not name is refused, so each must be named.
func TestTheSchemaOfTheValuesNamesAllOfThem(t *testing.T) {
	var schema map[string]any
	if err := yaml.Unmarshal(theChart(t).Schema, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(at string, values map[string]any, schema map[string]any)
	walk = func(at string, values map[string]any, schema map[string]any) {
		properties, closed := schema["properties"].(map[string]any)
		if !closed || schema["additionalProperties"] != false {
			return
		}
		for name, value := range values {
			below, known := properties[name].(map[string]any)
			if !known {
				t.Errorf("values.schema.json has no %s%s", at, name)
				continue
			}
			if deeper, is := value.(map[string]any); is {
				walk(at+name+".", deeper, below)
			}
		}
		for name := range properties {
			if _, set := values[name]; !set && at == "" && name != "global" {
				t.Errorf("values.yaml does not show %s", name)
			}
		}
	}
	walk("", theChart(t).Values, schema)
}

// allowed lists the ports of the egress rules of a network policy.
func allowed(policy *networkingv1.NetworkPolicy) (ports []string) {
	for _, rule := range policy.Spec.Egress {
		for _, port := range rule.Ports {
			ports = append(ports, fmt.Sprintf("%s %s to %d", *port.Protocol, port.Port.String(), len(rule.To)))
		}
	}
	return ports
}

// Pods may reach the servers of their configuration: DNS, Cloudflare, the
// issuers whose keys have a URL, and the database.
func TestTheNetworkPolicyFollowsTheConfiguration(t *testing.T) {
	always := []string{"UDP 53 to 0", "TCP 53 to 0", "TCP 443 to 0"}
	sets := valueSets(t)
	for name, want := range map[string][]string{
		"defaults":   {"TCP 443 to 0", "TCP 6443 to 0", "TCP 5432 to 1"},
		"single":     nil,
		"everything": {"TCP 8443 to 0", "TCP 5432 to 1", "TCP 4317 to 1"},
	} {
		texts, err := rendered(t, sets[name])
		if err != nil {
			t.Fatal(err)
		}
		var policy networkingv1.NetworkPolicy
		if err := readStrictly([]byte(texts["networkpolicy.yaml"]), &policy); err != nil {
			t.Fatal(err)
		}
		if got := allowed(&policy); !slices.Equal(got, slices.Concat(always, want)) {
			t.Errorf("%s: pods may reach %q, want %q", name, got, slices.Concat(always, want))
		}
	}
}

func TestTheRuleOfTheChartHasTheAlerts(t *testing.T) {
	texts, err := rendered(t, valueSets(t)["everything"])
	if err != nil {
		t.Fatal(err)
	}
	var rule struct {
		Spec any `json:"spec"`
	}
	var alerts any
	if err := yaml.Unmarshal([]byte(texts["prometheusrule.yaml"]), &rule); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(readFile(t, deployed("alerts.yaml")), &alerts); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(rule.Spec) != fmt.Sprint(alerts) || alerts == nil {
		t.Error("the PrometheusRule is not deploy/alerts.yaml")
	}
	if target, err := os.Readlink(deployed("chart/files/alerts.yaml")); err != nil || target != "../../alerts.yaml" {
		t.Errorf("the chart has its own copy of the alerts: %q %v", target, err)
	}
}

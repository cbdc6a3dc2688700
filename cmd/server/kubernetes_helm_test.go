package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Helm itself installs the chart with each set of values that the chart is tried
// with, and the API server takes every resource, those of others too.
func TestKubernetesTakesTheChartWithEverySetOfValues(t *testing.T) {
	o := operate(t, startCluster(t))
	o.define()
	files, err := filepath.Glob("../../deploy/chart/ci/*.yaml")
	must(t, err)
	if len(files) < 4 {
		t.Fatalf("there are %d sets of values", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		o.namespace(name)
		o.must("helm install storekeeper deploy/chart --namespace " + name + " --values deploy/chart/ci/" + name + ".yaml")
		o.must("helm --namespace " + name + " get manifest storekeeper | kubectl --namespace " + name + " get --filename -")
		o.accepts(name, "deployment --selector app.kubernetes.io/instance=storekeeper")
	}
	if left := o.must("helm uninstall storekeeper --namespace single && kubectl get persistentvolumeclaims --namespace single --output name"); !strings.Contains(left, "persistentvolumeclaim/storekeeper") {
		t.Errorf("the volume with the trail is gone: %s", left)
	}
}

// A release is upgraded, rolled back and removed. Wrong values change nothing.
func TestHelmUpgradesRollsBackAndRemovesAnInstallation(t *testing.T) {
	o := operate(t, startCluster(t))
	o.namespace("storekeeper")
	const helm = "helm --namespace storekeeper "
	image := func() string {
		t.Helper()
		return o.must("kubectl --namespace storekeeper get deployment storekeeper --output jsonpath={.spec.template.spec.containers[0].image}")
	}
	// What rolls the pods: a change of it makes others.
	sum := func() string {
		t.Helper()
		return o.must(`kubectl --namespace storekeeper get deployment storekeeper --output 'jsonpath={.spec.template.metadata.annotations.checksum/config}'`)
	}
	o.must(helm + "upgrade --install storekeeper deploy/chart --set image.tag=v1")
	first := sum()
	if got := image(); got != "registry.example.com/storekeeper:v1" || first == "" {
		t.Errorf("the image is %s, and the sum of the configuration %q", got, first)
	}
	o.must(helm + "upgrade storekeeper deploy/chart --set image.tag=v2 --set config.telemetry.log.level=debug")
	if got := image(); !strings.HasSuffix(got, ":v2") || sum() == first {
		t.Errorf("after the upgrade the image is %s, and the sum of the configuration %s as before", got, first)
	}
	if text := o.must("kubectl --namespace storekeeper get configmap storekeeper-config --output yaml"); !strings.Contains(text, "level: debug") {
		t.Errorf("after the upgrade the configuration is %s", text)
	}
	if said, err := o.try(helm + "upgrade storekeeper deploy/chart --set image.tag=v3 --set config.store.kind=file"); err == nil || !strings.Contains(said, "set replicaCount to 1") {
		t.Errorf("two replicas on files: %v %s", err, said)
	}
	if got := image(); !strings.HasSuffix(got, ":v2") {
		t.Errorf("after a refused upgrade the image is %s", got)
	}
	o.must(helm + "rollback storekeeper 1")
	if got := image(); !strings.HasSuffix(got, ":v1") || sum() != first {
		t.Errorf("after going back the image is %s", got)
	}
	if said := o.must(helm + "history storekeeper"); strings.Count(said, "\n") != 4 || !strings.Contains(said, "Rollback to 1") {
		t.Errorf("the history is\n%s", said)
	}
	o.must(helm + "uninstall storekeeper")
	const kinds = "deployments,services,configmaps,serviceaccounts,networkpolicies,poddisruptionbudgets"
	if left := o.must("kubectl --namespace storekeeper get " + kinds + " --selector app.kubernetes.io/instance=storekeeper --output name"); left != "" {
		t.Errorf("these are left:\n%s", left)
	}
}

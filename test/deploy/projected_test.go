package deploy_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// projected lists the files that Kubernetes projects into a pod: a token of the
// service account, and the CA of the API server, which each namespace has.
func projected(t *testing.T, volume *corev1.ProjectedVolumeSource) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, source := range volume.Sources {
		switch {
		case source.ServiceAccountToken != nil:
			files[source.ServiceAccountToken.Path] = "a-token-of-the-service-account"
		case source.ConfigMap != nil && source.ConfigMap.Name == "kube-root-ca.crt" && len(source.ConfigMap.Items) == 1 && source.ConfigMap.Items[0].Key == "ca.crt":
			files[source.ConfigMap.Items[0].Path] = theCertificate(t).cert
		default:
			t.Fatalf("a source is %v", source)
		}
	}
	return files
}

// The API server wants a token for itself, which the default audience is, and
// the kubelet renews only a token that ends.
func TestTokenForTheAPIServerIsProjectedAndEnds(t *testing.T) {
	c := applied(t)
	for _, volume := range c.pod().Volumes {
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if token := source.ServiceAccountToken; token != nil {
				if token.Audience != "" || token.ExpirationSeconds == nil || *token.ExpirationSeconds > 3600 {
					t.Errorf("the token is %v", token)
				}
				return
			}
		}
	}
	t.Error("no token is projected")
}

// A token for another audience would be refused.
func TestPodOfTheReadmeAsksForATokenThatIsAccepted(t *testing.T) {
	var own struct {
		Callers struct {
			Issuers []struct {
				Audiences []string `json:"audiences"`
				Subjects  []struct {
					Match string `json:"match"`
				} `json:"subjects"`
			} `json:"issuers"`
		} `json:"callers"`
	}
	if err := yaml.Unmarshal([]byte(applied(t).config.Data["config.yaml"]), &own); err != nil {
		t.Fatal(err)
	}
	readme := string(readFile(t, deployed("README.md")))
	_, rest, _ := strings.Cut(readme, "```yaml\napiVersion: v1\nkind: Pod\n")
	text, _, found := strings.Cut(rest, "```")
	var pod corev1.Pod
	if err := readStrictly([]byte("apiVersion: v1\nkind: Pod\n"+text), &pod); err != nil || !found {
		t.Fatalf("README.md shows no pod of a caller: %v", err)
	}
	issuer := own.Callers.Issuers[0]
	token := pod.Spec.Volumes[0].Projected.Sources[0].ServiceAccountToken
	subject := strings.TrimSuffix(issuer.Subjects[0].Match, "*")
	if !slices.Contains(issuer.Audiences, token.Audience) || !strings.HasPrefix("system:serviceaccount:"+pod.Namespace+":"+pod.Spec.ServiceAccountName, subject) {
		t.Errorf("the pod asks for %v, and the configuration accepts %+v", token, issuer)
	}
}

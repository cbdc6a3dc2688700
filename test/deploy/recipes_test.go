package deploy_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/yaml"
)

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// blocksOfRecipe returns the blocks of YAML of a page for users of tools.
func blocksOfRecipe(t *testing.T, page string) (blocks [][]byte) {
	t.Helper()
	for _, found := range yamlBlock.FindAllSubmatch(readFile(t, filepath.Join(repository, "docs/recipes", page)), -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}

func TestJobsOfTheRecipesAreValid(t *testing.T) {
	c := applied(t)
	audiences := func() []string {
		var own struct {
			Callers struct {
				Issuers []struct{ Audiences []string }
			}
		}
		if err := yaml.Unmarshal([]byte(c.config.Data["config.yaml"]), &own); err != nil {
			t.Fatal(err)
		}
		return own.Callers.Issuers[0].Audiences
	}()
	for page, hook := range map[string]string{"kubernetes.md": "", "argo-cd.md": "PreSync"} {
		var job batchv1.Job
		if err := readStrictly(blocksOfRecipe(t, page)[0], &job); err != nil {
			t.Errorf("%s: %v", page, err)
			continue
		}
		if got := job.Annotations["argocd.argoproj.io/hook"]; got != hook {
			t.Errorf("%s: the hook is %q", page, got)
		}
		if audience := job.Spec.Template.Spec.Volumes[0].Projected.Sources[0].ServiceAccountToken.Audience; !slices.Contains(audiences, audience) {
			t.Errorf("%s: the audience is %s, and the manifests accept %v", page, audience, audiences)
		}
		if container := job.Spec.Template.Spec.Containers[0]; !strings.Contains(container.Args[0], "https://"+c.service.Name+".storekeeper.svc:8080/") {
			t.Errorf("%s: it does not call the Service:\n%s", page, container.Args[0])
		}
	}
}

// pushing is the configuration of the webhook provider of External Secrets.
type pushing struct {
	Spec struct {
		Provider struct {
			Webhook struct {
				URL, Method, Body string
				Headers           map[string]string
				Secrets           []struct{ Name string }
			}
		}
	}
}

// filled fills a template as the provider does: with the functions of sprig, the
// secrets of the store by their names, and the value under the remote key.
func filled(t *testing.T, text, remoteKey, value, key string) string {
	t.Helper()
	parsed, err := template.New("").Funcs(sprig.TxtFuncMap()).Option("missingkey=error").Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, map[string]map[string]string{
		"remoteRef": {"remoteKey": remoteKey, remoteKey: value}, "storekeeper": {"key": key},
	}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The requests of the provider for the recipe: a push, and a second push at the
// next refresh.
func TestExternalSecretsOfTheRecipePushASecret(t *testing.T) {
	blocks := blocksOfRecipe(t, "external-secrets.md")
	var store pushing
	if err := yaml.Unmarshal(blocks[0], &store); err != nil {
		t.Fatal(err)
	}
	var push struct {
		Spec struct {
			Data []struct {
				Match struct {
					RemoteRef struct{ RemoteKey string } `json:"remoteRef"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(blocks[1], &push); err != nil {
		t.Fatal(err)
	}
	webhook, remoteKey := store.Spec.Provider.Webhook, push.Spec.Data[0].Match.RemoteRef.RemoteKey
	if len(webhook.Secrets) != 1 || webhook.Secrets[0].Name != "storekeeper" || remoteKey == "" {
		t.Fatalf("the provider is %+v, and the key %q", webhook, remoteKey)
	}
	at := onOneMachine(t)
	if status, said := ask(t, http.MethodPost, "https://"+at.REST+"/client/v4/accounts/main/secrets_store/stores", `{"name":"default_secrets_store"}`); status != http.StatusOK {
		t.Fatalf("no store: %d %s", status, said)
	}
	value := "a \"value\"\nof two lines"
	url := strings.Replace(filled(t, webhook.URL, remoteKey, value, ""), "storekeeper.storekeeper.svc:8080", at.REST, 1)
	for _, want := range []string{"CREATED", "UPDATED"} {
		if credential := filled(t, webhook.Headers["Authorization"], remoteKey, value, platformKey); credential != "Bearer "+platformKey {
			t.Errorf("the credential is %s", credential)
		}
		body := filled(t, webhook.Body, remoteKey, value, "")
		var sent struct{ Value string }
		if err := json.Unmarshal([]byte(body), &sent); err != nil || sent.Value != value {
			t.Errorf("the body is %s: %v", body, err)
		}
		if status, said := ask(t, webhook.Method, url, body); status != http.StatusOK || !strings.Contains(said, want) {
			t.Errorf("%d %s, want %s", status, said, want)
		}
	}
}

package docs_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"platform.internal/storekeeper/internal/authn/authntest"
)

// pasted is the part of a recipe that users paste.
type pasted struct {
	Steps []struct{ Run string }
	Job   struct {
		Tokens map[string]struct{ Aud string } `yaml:"id_tokens"`
		Script []string
	} `yaml:"deploy-secret"`
	Spec struct {
		Template struct {
			Spec struct {
				Containers []struct{ Command, Args []string }
				Volumes    []struct {
					Projected struct {
						Sources []struct {
							Token struct{ Audience string } `yaml:"serviceAccountToken"`
						}
					}
				}
			}
		}
	}
}

// recipe describes how a tool runs the pasted text: the script, and the
// variables and files of a token for an audience.
type recipe struct {
	script func(p pasted) string
	token  func(w *world, p pasted, issue func(audience string) string) (env []string)
}

// jobs has the recipes whose tools issue tokens.
var jobs = map[string]recipe{
	"github-actions.md": {
		script: func(p pasted) string { return p.Steps[0].Run },
		// The service that a job of GitHub asks for a token.
		token: func(w *world, _ pasted, issue func(string) string) []string {
			service := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "Bearer token-of-the-run" {
					rw.WriteHeader(http.StatusUnauthorized)
					return
				}
				_ = json.NewEncoder(rw).Encode(map[string]string{"value": issue(r.URL.Query().Get("audience"))})
			}))
			w.t.Cleanup(service.Close)
			return []string{"ACTIONS_ID_TOKEN_REQUEST_URL=" + service.URL + "/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=token-of-the-run"}
		},
	},
	"gitlab-ci.md": {
		script: func(p pasted) string { return strings.Join(p.Job.Script, "\n") },
		token: func(_ *world, p pasted, issue func(string) string) (env []string) {
			for name, of := range p.Job.Tokens {
				env = append(env, name+"="+issue(of.Aud))
			}
			return env
		},
	},
	"kubernetes.md": {script: argumentOfTheJob, token: tokenFile},
	"argo-cd.md":    {script: argumentOfTheJob, token: tokenFile},
}

func argumentOfTheJob(p pasted) string { return p.Spec.Template.Spec.Containers[0].Args[0] }

// tokenFile mounts the token as the kubelet does.
func tokenFile(w *world, p pasted, issue func(string) string) []string {
	token := issue(p.Spec.Template.Spec.Volumes[0].Projected.Sources[0].Token.Audience)
	w.write("/run/secrets/storekeeper/token", token)
	return nil
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// issuersOf returns the callers that a page tells the operator to admit.
func issuersOf(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("recipes", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(b[1], "issuers:\n") {
			return b[1]
		}
	}
	// The service accounts of the cluster are admitted on one page.
	return issuersOf(t, "kubernetes.md")
}

// admit configures the callers of a page. The keys of the issuer are in a file,
// since only an issuer on loopback may be called without TLS.
func (w *world) admit(page string, issuer *authntest.Issuer) (named map[string]any) {
	w.t.Helper()
	var callers struct{ Issuers []map[string]any }
	w.must(yaml.Unmarshal([]byte(issuersOf(w.t, page)), &callers))
	named = callers.Issuers[0]
	delete(named, "ca_file")
	delete(named, "token_file")
	w.write("/etc/storekeeper/keys.json", string(issuer.KeySet()))
	named["jwks_file"] = filepath.Join(w.folder, "/etc/storekeeper/keys.json")
	text, err := yaml.Marshal(callers)
	w.must(err)
	keys, err := os.ReadFile(filepath.Join(w.folder, "/etc/storekeeper/callers.yaml"))
	w.must(err)
	w.write("/etc/storekeeper/callers.yaml", string(keys)+string(text))
	return named
}

// TestJobsOfTheRecipesPutASecret runs the pasted text like the tools of users,
// against a service that admits the callers of the same page.
func TestJobsOfTheRecipesPutASecret(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the scripts need %s, which this machine does not have", tool)
		}
	}
	program := build(t)
	for page, r := range jobs {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("recipes", page))
			if err != nil {
				t.Fatal(err)
			}
			var p pasted
			if err := yaml.Unmarshal([]byte(yamlBlock.FindStringSubmatch(string(text))[1]), &p); err != nil {
				t.Fatal(err)
			}
			w, issuer := newWorld(t, program), authntest.NewIssuer(t)
			w.lay()
			named := w.admit(page, issuer)
			w.begin()
			w.makeStore()
			subject, _ := named["subjects"].([]any)[0].(map[string]any)["match"].(string)
			issue := func(subject string) func(string) string {
				return func(audience string) string {
					return issuer.Token(audience, subject, map[string]any{"iss": named["issuer"]})
				}
			}
			good := strings.Replace(subject, "*", "api", 1)
			for _, want := range []string{"CREATED", "UPDATED"} {
				if said, err := w.paste(r, p, issue(good)); err != nil || !strings.Contains(said, want) {
					t.Fatalf("%v, and not %s: %s", err, want, said)
				}
			}
			if said, err := w.paste(r, p, issue("another"+good)); err == nil {
				t.Errorf("another subject is let in: %s", said)
			}
		})
	}
}

// paste runs a script as the tool does.
func (w *world) paste(r recipe, p pasted, issue func(string) string) (string, error) {
	w.t.Helper()
	env := append(r.token(w, p, issue), "API_KEY=the value")
	cmd := w.command("sh", "-euc", w.rewrite(r.script(p)))
	cmd.Env = append(cmd.Env, env...)
	said, err := cmd.CombinedOutput()
	return string(said), err
}

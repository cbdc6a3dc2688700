package deploy_test

import (
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestReadmeNamesEveryFile(t *testing.T) {
	readme := string(readFile(t, deployed("README.md")))
	entries, err := os.ReadDir(deployed("."))
	if err != nil {
		t.Fatal(err)
	}
	own := strings.Fields(string(readFile(t, deployed(".gitignore"))))
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || slices.Contains(own, "/"+name) {
			continue
		}
		if entry.IsDir() {
			name += "/"
		}
		if !strings.HasSuffix(name, ".go") && name != "README.md" && !strings.Contains(readme, "]("+name+")") {
			t.Errorf("README.md does not name %s", name)
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(readme, -1) {
		if _, err := os.Stat(deployed(link[1])); err != nil {
			t.Error(err)
		}
	}
}

// commandLine matches commands that run the program in a container.
var commandLine = regexp.MustCompile(`(?:docker run --rm \S+|run --rm storekeeper|-- /server|exec storekeeper /server) ([a-z][^|#\n]*)`)

func TestReadmeRunsCommandsThatTheProgramHas(t *testing.T) {
	readme := string(readFile(t, deployed("README.md")))
	lines := commandLine.FindAllStringSubmatch(readme, -1)
	if len(lines) < 3 {
		t.Fatalf("only %d command lines were found", len(lines))
	}
	for _, line := range lines {
		words := strings.Fields(line[1])
		named := max(slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "-") }), 1)
		usage, err := exec.Command(theImage(t).program, append(slices.Clone(words[:named]), "-h")...).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v %s", line[1], err, usage)
		}
		for _, word := range words[named:] {
			if flag, is := strings.CutPrefix(word, "--"); is && !strings.Contains(string(usage), "  -"+flag+" ") {
				t.Errorf("%s: there is no flag %s in %s", line[1], word, usage)
			}
		}
	}
}

func TestReadmeExplainsTheVariablesOfTheComposeFile(t *testing.T) {
	readme, file := string(readFile(t, deployed("README.md"))), string(readFile(t, deployed("compose.yaml")))+string(readFile(t, deployed("compose.postgres.yaml")))
	for _, variable := range regexp.MustCompile(`\$\{(\w+):-([^}]*)\}`).FindAllStringSubmatch(file, -1) {
		if !strings.Contains(readme, "| `"+variable[1]+"` | ") {
			t.Errorf("README.md does not explain %s", variable[1])
		}
		if variable[2] != "" && variable[1] != "STOREKEEPER_BASE_URL" && !strings.Contains(readme, "| `"+variable[1]+"` | `"+variable[2]+"` |") {
			t.Errorf("README.md has another default of %s than %s", variable[1], variable[2])
		}
	}
}

// The README promises these names for the replacement of a credential.
func TestNamesInTheReadmeAreThoseOfTheManifests(t *testing.T) {
	c, readme := applied(t), string(readFile(t, deployed("README.md")))
	credential := filepath.Base(c.configuration(t).Accounts[0].Credential.APITokenFile)
	want := []string{
		"secret generic " + c.secret.Name + " --from-file=" + credential,
		"secret tls " + c.shown.Spec.SecretName + " --cert=",
		"deployment/" + c.deployment.Name,
	}
	for _, rule := range c.network.Spec.Ingress {
		for label, value := range rule.From[0].NamespaceSelector.MatchLabels {
			want = append(want, label+"="+value)
		}
	}
	for _, text := range want {
		if !strings.Contains(readme, text) {
			t.Errorf("README.md does not say %s", text)
		}
	}
}

// The files that a reader of the README creates must not be committed.
func TestFilesThatTheReadmeMakesAreIgnored(t *testing.T) {
	ignored := string(readFile(t, deployed(".gitignore")))
	for _, made := range regexp.MustCompile(`(?:cp \S+ |> |mkdir -p )deploy/([^\s']+)`).FindAllStringSubmatch(string(readFile(t, deployed("README.md"))), -1) {
		if !strings.Contains(ignored, "\n/"+made[1]+"\n") {
			t.Errorf("%s is not ignored", made[1])
		}
	}
}

func TestCertificateOfTheReadmeIsForThisMachine(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl on this machine to try the line with")
	}
	line := regexp.MustCompile(`(?m)^openssl req .*$`).FindString(string(readFile(t, deployed("README.md"))))
	folder := t.TempDir()
	if said, err := exec.Command("sh", "-c", strings.ReplaceAll(line, "deploy/tls/", folder+"/")).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, said)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		if err := pair.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestReadmeNamesEveryFile(t *testing.T) {
	readme := string(readFile(t, deployed("README.md")))
	entries, err := os.ReadDir(deployed("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
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

// commandLine finds where the program is run in a container, and how.
var commandLine = regexp.MustCompile(`(?:docker run --rm \S+|run --rm storekeeper|-- /server|^server) ([a-z][^|#\n]*)`)

func TestReadmeRunsCommandsThatTheProgramHas(t *testing.T) {
	readme := string(readFile(t, deployed("README.md")))
	lines := commandLine.FindAllStringSubmatch(readme, -1)
	if len(lines) < 3 {
		t.Fatalf("only %d command lines were found", len(lines))
	}
	for _, line := range lines {
		words := strings.Fields(line[1])
		usage, err := exec.Command(theImage(t).program, words[0], "-h").CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v %s", line[1], err, usage)
		}
		for _, word := range words[1:] {
			if flag, is := strings.CutPrefix(word, "--"); is && !strings.Contains(string(usage), "  -"+flag+" ") {
				t.Errorf("%s: there is no flag %s in %s", line[1], word, usage)
			}
		}
	}
}

func TestReadmeExplainsTheVariablesOfTheComposeFile(t *testing.T) {
	readme, file := string(readFile(t, deployed("README.md"))), string(readFile(t, deployed("compose.yaml")))
	for _, variable := range regexp.MustCompile(`\$\{(\w+):-([^}]*)\}`).FindAllStringSubmatch(file, -1) {
		if !strings.Contains(readme, "| `"+variable[1]+"` | ") {
			t.Errorf("README.md does not explain %s", variable[1])
		}
		if variable[2] != "" && variable[1] != "STOREKEEPER_BASE_URL" && !strings.Contains(readme, "| `"+variable[1]+"` | `"+variable[2]+"` |") {
			t.Errorf("README.md has another default of %s than %s", variable[1], variable[2])
		}
	}
}

// The README promises this to those who replace a credential.
func TestNamesInTheReadmeAreThoseOfTheManifests(t *testing.T) {
	c, readme := applied(t), string(readFile(t, deployed("README.md")))
	credential := filepath.Base(c.configuration(t).Accounts[0].Credential.APITokenFile)
	want := []string{
		"secret generic " + c.secret.Name + " --from-file=" + credential,
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

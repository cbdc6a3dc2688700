package deploy_test

import (
	"crypto/sha256"
	"debug/elf"
	"go/version"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"golang.org/x/mod/modfile"
)

// one returns the only instruction of a kind in the final stage.
func one[C instructions.Command](t *testing.T, r recipe) C {
	t.Helper()
	var found []C
	for _, command := range r.final.Commands {
		if c, ok := command.(C); ok {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the last stage has %d of %T, want 1", len(found), *new(C))
	}
	return found[0]
}

func theRecipe(t *testing.T) recipe {
	t.Helper()
	r, err := readRecipe()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBuilderIsTheCompilerThatTheModuleAsksFor(t *testing.T) {
	pinned := regexp.MustCompile(`^golang:(1\.\d+\.\d+)(@sha256:[0-9a-f]{64})?$`).FindStringSubmatch(theRecipe(t).builder.BaseName)
	if pinned == nil {
		t.Fatalf("the builder is %s, want golang with a full version", theRecipe(t).builder.BaseName)
	}
	module, err := modfile.Parse("go.mod", readFile(t, filepath.Join(repository, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if asked := "go" + module.Go.Version; version.Lang(asked) != version.Lang("go"+pinned[1]) || version.Compare("go"+pinned[1], asked) < 0 {
		t.Errorf("the builder has Go %s, and go.mod asks for %s", pinned[1], module.Go.Version)
	}
}

func TestImageHoldsTheProgramCertificatesAndAFolderOnly(t *testing.T) {
	r := theRecipe(t)
	if r.final.BaseName != "scratch" {
		t.Errorf("the image stands on %s, want scratch", r.final.BaseName)
	}
	var holds []string
	for _, command := range r.final.Commands {
		switch c := command.(type) {
		case *instructions.CopyCommand:
			if c.From != r.builder.Name {
				t.Errorf("%s copies from %q", c, c.From)
			}
			holds = append(holds, c.DestPath)
		case *instructions.RunCommand, *instructions.AddCommand, *instructions.VolumeCommand, *instructions.EnvCommand:
			t.Errorf("the last stage has %s", command)
		}
	}
	slices.Sort(holds)
	if want := []string{"/etc/ssl/certs/ca-certificates.crt", "/server", keptFolder}; !slices.Equal(holds, want) {
		t.Errorf("the image holds %v, want %v", holds, want)
	}
}

// A volume takes over the owner and mode of its mount point.
func TestFolderForTheAuditTrailIsTheUsersAlone(t *testing.T) {
	i := theImage(t)
	user := one[*instructions.UserCommand](t, i.recipe).User
	for _, command := range i.final.Commands {
		if c, ok := command.(*instructions.CopyCommand); ok && (c.Chown == user) != (c.DestPath == keptFolder) {
			t.Errorf("%s is given to %q, and the user is %s", c.DestPath, c.Chown, user)
		}
	}
	_, c := composeConfiguration(t)
	if mode := i.kept(t, path.Dir(c.Audit.File)); mode != 0o700 {
		t.Errorf("the folder has mode %o", mode)
	}
}

func TestImageRunsAsANumberedUserWhoIsNotRoot(t *testing.T) {
	user := one[*instructions.UserCommand](t, theRecipe(t)).User
	for id := range strings.SplitSeq(user, ":") {
		if n, err := strconv.Atoi(id); err != nil || n == 0 {
			t.Errorf("USER is %s", user)
		}
	}
}

func TestImageStartsTheProgramWithoutAShell(t *testing.T) {
	r := theRecipe(t)
	entry, command := one[*instructions.EntrypointCommand](t, r), one[*instructions.CmdCommand](t, r)
	if entry.PrependShell || command.PrependShell {
		t.Error("ENTRYPOINT or CMD needs a shell, which the image has not")
	}
	if !slices.Equal(entry.CmdLine, []string{"/server"}) {
		t.Errorf("ENTRYPOINT is %q", entry.CmdLine)
	}
}

func TestExposedPortsAreThoseOfTheConfigurations(t *testing.T) {
	exposed := one[*instructions.ExposeCommand](t, theRecipe(t)).Ports
	slices.Sort(exposed)
	for _, file := range []string{"config.compose.yaml", "kubernetes/config.yaml"} {
		var ports []string
		for _, port := range readConfiguration(t, deployed(file)).ports(t) {
			ports = append(ports, port)
		}
		slices.Sort(ports)
		if !slices.Equal(exposed, ports) {
			t.Errorf("EXPOSE is %v, and %s has %v", exposed, file, ports)
		}
	}
}

// A program without interpreter and dynamic section needs no file of a libc,
// of which the image has none.
func TestProgramIsStatic(t *testing.T) {
	program, err := elf.Open(theImage(t).program)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("the program has a segment %s", part.Type)
		}
	}
	if program.Section(".symtab") != nil || program.Section(".debug_info") != nil {
		t.Error("the program carries symbols, which -s -w leaves out")
	}
}

func TestProgramKnowsItsVersion(t *testing.T) {
	said, err := exec.Command(theImage(t).program, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(said), "storekeeper "+builtVersion+" ") {
		t.Errorf("the program says %q", said)
	}
}

// The program contains no path of the build.
func TestProgramNamesNoFolderOfTheBuilder(t *testing.T) {
	i := theImage(t)
	if data := readFile(t, i.program); strings.Contains(string(data), i.folder) {
		t.Errorf("the program holds %s", i.folder)
	}
}

// Anybody can build the program again and compare. The compiler's cache is shared
// unless a variable asks for two of their own, which takes minutes.
func TestTheProgramBuiltInTwoFoldersIsTheSame(t *testing.T) {
	env := func() []string {
		if os.Getenv("STOREKEEPER_REPRODUCIBLE") == "" {
			return nil
		}
		return []string{"GOCACHE=" + t.TempDir()}
	}
	first := theImage(t)
	if env() != nil {
		own, err := buildImage(t.TempDir(), env()...)
		if err != nil {
			t.Fatal(err)
		}
		first = own
	}
	second, err := buildImage(t.TempDir(), env()...)
	if err != nil {
		t.Fatal(err)
	}
	one, two := sha256.Sum256(readFile(t, first.program)), sha256.Sum256(readFile(t, second.program))
	if one != two {
		t.Errorf("the digests are %x and %x", one, two)
	}
	t.Logf("sha256 %x", one)
}

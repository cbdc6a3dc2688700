package deploy_test

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// builtVersion is the version that the image under test is built as.
const builtVersion = "v0.0.0-test"

// recipe is deploy/Dockerfile.
type recipe struct {
	builder, final instructions.Stage
}

func readRecipe() (recipe, error) {
	file, err := os.Open(deployed("Dockerfile"))
	if err != nil {
		return recipe{}, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return recipe{}, err
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return recipe{}, err
	}
	if len(stages) != 2 {
		return recipe{}, fmt.Errorf("the Dockerfile has %d stages, want one that builds and one that is kept", len(stages))
	}
	return recipe{builder: stages[0], final: stages[1]}, nil
}

// image is the result of the Dockerfile without Docker: the files of the build
// context are copied into a folder, and the build command runs there, unchanged
// except for the output folder.
type image struct {
	recipe
	folder string
	// env has further environment variables.
	env []string
	// program is the path of /server of the image.
	program string
}

// built builds the image once for all tests that need it.
var built = sync.OnceValues(func() (*image, error) { return buildImage(workshop) })

// workshop is the folder that the image is built in.
var workshop string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "storekeeper-image-")
	if err != nil {
		panic(err)
	}
	workshop = folder
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

func theImage(t testing.TB) *image {
	t.Helper()
	i, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// buildImage builds the image in a folder.
func buildImage(folder string, env ...string) (*image, error) {
	r, err := readRecipe()
	if err != nil {
		return nil, err
	}
	i := &image{recipe: r, folder: folder, env: env, program: filepath.Join(folder, "out", "server")}
	return i, i.build()
}

func (i *image) build() error {
	env := append(os.Environ(), "TARGETOS="+runtime.GOOS, "TARGETARCH="+runtime.GOARCH, "VERSION="+builtVersion)
	env = append(env, i.env...)
	for _, command := range i.builder.Commands {
		var err error
		switch c := command.(type) {
		case *instructions.CopyCommand:
			err = i.copy(c)
		case *instructions.RunCommand:
			// Modules come from the module cache of this machine.
			if line := strings.Join(c.CmdLine, " "); line != "go mod download" {
				err = i.run(line, env)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
	}
	return nil
}

func (i *image) run(line string, env []string) error {
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(line, "/out/", filepath.Join(i.folder, "out")+"/"))
	cmd.Dir, cmd.Env = filepath.Join(i.folder, "src"), env
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return nil
}

// keptFolder is the folder of the image that holds folders for volumes.
const keptFolder = "/var/lib"

// kept returns the mode of a folder that the image holds for a volume.
func (i *image) kept(t testing.TB, inside string) fs.FileMode {
	t.Helper()
	under, err := filepath.Rel(keptFolder, inside)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range i.final.Commands {
		if c, ok := command.(*instructions.CopyCommand); ok && c.DestPath == keptFolder {
			info, err := os.Stat(filepath.Join(i.folder, c.SourcePaths[0], under))
			if err != nil || !info.IsDir() {
				t.Fatalf("the image has no folder %s: %v", inside, err)
			}
			return info.Mode().Perm()
		}
	}
	t.Fatalf("nothing is copied to %s", keptFolder)
	return 0
}

// copy executes COPY on the files that .dockerignore does not exclude.
func (i *image) copy(c *instructions.CopyCommand) error {
	ignored, err := readIgnored()
	if err != nil {
		return err
	}
	for _, source := range c.SourcePaths {
		target := filepath.Join(i.folder, "src", c.DestPath)
		if strings.HasSuffix(c.DestPath, "/") {
			target = filepath.Join(target, filepath.Base(source))
		}
		copied, err := copyTree(source, target, ignored)
		if err != nil {
			return err
		}
		if copied == 0 {
			return fmt.Errorf(".dockerignore leaves nothing of %s", source)
		}
	}
	return nil
}

func readIgnored() (*patternmatcher.PatternMatcher, error) {
	file, err := os.Open(filepath.Join(repository, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return patternmatcher.New(patterns)
}

// copyTree copies a file or folder of the repository without ignored files, and
// returns the number of files.
func copyTree(source, target string, ignored *patternmatcher.PatternMatcher) (int, error) {
	copied, top := 0, filepath.Join(repository, source)
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		inside, err := filepath.Rel(repository, path)
		if err != nil {
			return err
		}
		if skip, err := ignored.MatchesOrParentMatches(inside); err != nil || skip {
			return err
		}
		under, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		copied++
		return copyFile(path, filepath.Join(target, under))
	})
	return copied, err
}

func copyFile(source, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return err
	}
	return to.Close()
}

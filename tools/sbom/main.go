// Command sbom writes the software bill of materials of a Go program, in
// CycloneDX 1.6 as JSON.
//
// Usage: sbom PROGRAM FILE.cdx.json VERSION
//
// The modules are read from the build information of the program. Their
// licences are read from the module cache, so run the command in the folder of
// the program's module. The command fails if the licence of a module is not
// known. Equal programs give equal files.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: sbom PROGRAM FILE.cdx.json VERSION")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		log.Fatal("sbom: ", err)
	}
}

func run(program, file, version string) error {
	bom, err := billOf(program, version)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).SetPretty(true)
	if err := encoder.EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644) //nolint:gosec // It is published.
}

// billOf describes a version of a program and its modules.
func billOf(program, version string) (*cyclonedx.BOM, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	folders, err := moduleFolders()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = serialOf(sum)
	root := cyclonedx.Component{
		BOMRef: info.Main.Path, Type: cyclonedx.ComponentTypeApplication, Name: info.Main.Path, Version: version,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	}
	bom.Metadata = &cyclonedx.Metadata{Component: &root}
	components := []cyclonedx.Component{{
		BOMRef: "std", Type: cyclonedx.ComponentTypeLibrary, Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go"),
		PackageURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"), Licenses: licences("BSD-3-Clause"),
	}}
	refs := []string{"std"}
	for _, module := range info.Deps {
		if module.Replace != nil {
			module = module.Replace
		}
		component, err := componentOf(module, folders[module.Path+"@"+module.Version])
		if err != nil {
			return nil, err
		}
		components = append(components, component)
		refs = append(refs, component.BOMRef)
	}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: root.BOMRef, Dependencies: &refs}}
	return bom, nil
}

func componentOf(module *debug.Module, folder string) (cyclonedx.Component, error) {
	licence, err := licenceIn(folder)
	if err != nil {
		return cyclonedx.Component{}, fmt.Errorf("%s: %w", module.Path, err)
	}
	url := "pkg:golang/" + module.Path + "@" + module.Version
	component := cyclonedx.Component{
		BOMRef: url, Type: cyclonedx.ComponentTypeLibrary, Name: module.Path, Version: module.Version, PackageURL: url, Licenses: licences(licence),
	}
	// The hash in go.sum covers the hashes of all files of the module.
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(module.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
		component.Hashes = &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
	}
	return component, nil
}

func licences(id string) *cyclonedx.Licenses {
	return &cyclonedx.Licenses{{License: &cyclonedx.License{ID: id}}}
}

// moduleFolders returns the folders of the dependencies of the module in the
// working folder, by PATH@VERSION.
func moduleFolders() (map[string]string, error) {
	listing := exec.Command("go", "list", "-m", "-json", "all")
	listing.Stderr = os.Stderr
	out, err := listing.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	folders := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var module struct {
			Path    string `json:"Path"`
			Version string `json:"Version"`
			Dir     string `json:"Dir"`
		}
		if err := decoder.Decode(&module); err == io.EOF {
			return folders, nil
		} else if err != nil {
			return nil, err
		}
		folders[module.Path+"@"+module.Version] = module.Dir
	}
}

// serialOf makes a UUID of version 8 from a digest.
func serialOf(sum [sha256.Size]byte) string {
	id := sum[:16]
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The test binary belongs to the module in tools, which go list finds here.
func TestBillOfThisProgramNamesItsModulesAndTheirLicences(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var texts [2]string
	for i := range texts {
		file := filepath.Join(t.TempDir(), "bom.cdx.json")
		if err := run(program, file, "v1.2.3"); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[i] = string(text)
	}
	if texts[0] != texts[1] {
		t.Error("two runs give two files")
	}
	var bom struct {
		BOMFormat, SpecVersion, SerialNumber string
		Metadata                             struct{ Component struct{ Version string } }
		Components                           []struct {
			Name, Version, PURL string
			Licenses            []struct{ License struct{ ID string } }
			Hashes              []struct{ Alg, Content string }
		}
	}
	if err := json.Unmarshal([]byte(texts[0]), &bom); err != nil {
		t.Fatal(err)
	}
	if bom.BOMFormat != "CycloneDX" || bom.SpecVersion != "1.6" || !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bom.SerialNumber) {
		t.Errorf("the file is %s %s %s", bom.BOMFormat, bom.SpecVersion, bom.SerialNumber)
	}
	if version := bom.Metadata.Component.Version; version != "v1.2.3" {
		t.Errorf("the program is of version %s", version)
	}
	found := map[string]string{}
	for _, c := range bom.Components {
		if len(c.Licenses) != 1 || c.PURL != "pkg:golang/"+c.Name+"@"+c.Version || (c.Name != "std" && len(c.Hashes) != 1) {
			t.Errorf("a component is %+v", c)
			continue
		}
		found[c.Name] = c.Licenses[0].License.ID
	}
	if found["std"] != "BSD-3-Clause" || found["github.com/CycloneDX/cyclonedx-go"] != "Apache-2.0" {
		t.Errorf("the components are %v", found)
	}
}

func TestAnUnknownLicenceIsNotGuessed(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "LICENSE"), []byte("All rights reserved."), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := licenceIn(folder); err == nil {
		t.Errorf("it is said to be %s", id)
	}
	if err := os.WriteFile(filepath.Join(folder, "LICENSE"), []byte("Permission is hereby\ngranted, free of   charge, to"), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := licenceIn(folder); err != nil || id != "MIT" {
		t.Errorf("it is %q, %v", id, err)
	}
}

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// provenBy finds the tests that a row of the page names.
var provenBy = regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`")

// leastRows is below the number of rows that each page has.
const leastRows = 20

// rowsOf returns the rows of a page's table of statements and tests.
func rowsOf(t *testing.T, file string) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/" + file)
	must(t, err)
	rows := tableOf(string(page))
	if len(rows) < leastRows+2 || strings.Count(rows[0], "|") != 4 || !strings.HasPrefix(rows[1], "|---") {
		t.Fatalf("the table has %d rows and begins with %s", len(rows), rows[0])
	}
	return rows[2:]
}

// tableOf are the lines of the first table of a text.
func tableOf(text string) []string {
	var rows []string
	for line := range strings.Lines(text) {
		row := strings.TrimSpace(line)
		if strings.HasPrefix(row, "|") {
			rows = append(rows, row)
		} else if len(rows) > 0 {
			break
		}
	}
	return rows
}

func TestEachBoundNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/security.md")
	must(t, err)
	_, bounds, _ := strings.Cut(string(page), "## Bounds of a request")
	rows := tableOf(bounds)
	if len(rows) < 10 || !strings.Contains(rows[0], "gRPC | REST") {
		t.Fatalf("the table has %d rows and begins with %s", len(rows), rows[0])
	}
	namesTests(t, rows[2:], 4)
}

func TestEachThreatNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	namesTests(t, rowsOf(t, "security.md"), 3)
}

func TestEachGuaranteeNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	namesTests(t, rowsOf(t, "guarantees.md"), 3)
}

// namesTests fails for a row without a test, or with a missing test.
func namesTests(t *testing.T, rows []string, columns int) {
	t.Helper()
	known := map[string]string{}
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "|"), "|")
		if len(cells) != columns || strings.TrimSpace(cells[0]) == "" {
			t.Errorf("a row must have %d cells: %s", columns, row)
			continue
		}
		tests := provenBy.FindAllStringSubmatch(cells[columns-1], -1)
		if len(tests) == 0 || strings.Count(cells[columns-1], "`") != 2*len(tests) {
			t.Errorf("a row must name tests as `folder.Test` and nothing else: %s", cells[columns-1])
		}
		for _, named := range tests {
			folder, name := named[1], named[2]
			if known[folder] == "" {
				known[folder] = testsOf(t, folder)
			}
			if !strings.Contains(known[folder], "\nfunc "+name+"(") {
				t.Errorf("%s has no %s", folder, name)
			}
		}
	}
}

// testsOf reads all tests of a folder.
func testsOf(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	must(t, err)
	var all strings.Builder
	for _, f := range files {
		content, err := os.ReadFile(f)
		must(t, err)
		all.WriteString("\n" + string(content))
	}
	return all.String()
}

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// licenceTexts has the distinctive words of licences, by SPDX name. The first
// entry whose words are all present counts.
var licenceTexts = []struct {
	id    string
	words []string
}{
	{"Apache-2.0", []string{"apache license", "version 2.0"}},
	{"MPL-2.0", []string{"mozilla public license", "2.0"}},
	{"MIT", []string{"permission is hereby granted, free of charge"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}},
}

// licenceIn names the licence of the module in a folder.
func licenceIn(folder string) (string, error) {
	if folder == "" {
		return "", errors.New("it is not in the module cache; run go mod download")
	}
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "License*", "license*"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // a folder
			}
			if id := licenceOf(string(text)); id != "" {
				return id, nil
			}
		}
	}
	return "", errors.New("its licence is not known; look at it, and add its words to tools/sbom/licence.go")
}

// licenceOf names the licence of a text, or "".
func licenceOf(text string) string {
	plain := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	for _, known := range licenceTexts {
		all := true
		for _, word := range known.words {
			all = all && strings.Contains(plain, word)
		}
		if all {
			return known.id
		}
	}
	return ""
}

package suite_test

import (
	"encoding/json"
	"math"
	"testing"

	"platform.internal/storekeeper/test/bench/suite"
)

func TestABookOutlivesItsFile(t *testing.T) {
	b := suite.NewBook()
	b.Add("rest/1", "a", suite.CPU, 1)
	b.Add("rest/1", "a", suite.CPU, math.NaN())
	b.Add("rest/1", "a", suite.CPU, 3)
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	again := suite.NewBook()
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatal(err)
	}
	if got := again.All("rest/1", "a", suite.CPU); len(got) != 2 || again.Median("rest/1", "a", suite.CPU) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestForgettingACaseLeavesTheOthers(t *testing.T) {
	b := suite.NewBook()
	b.Add("rest/1", "a", suite.CPU, 1)
	b.Add("reads/store", "a", suite.CPU, 1)
	b.Forget("rest")
	if len(b.All("rest/1", "a", suite.CPU)) != 0 || len(b.All("reads/store", "a", suite.CPU)) != 1 {
		t.Errorf("there are %v", b.Kinds())
	}
}

func TestEachCaseHasANameThatBeginsNoOther(t *testing.T) {
	for i, a := range suite.Cases() {
		for j, b := range suite.Cases() {
			if i != j && len(a.Name) <= len(b.Name) && b.Name[:len(a.Name)] == a.Name {
				t.Errorf("forgetting %q would forget %q", a.Name, b.Name)
			}
		}
	}
}

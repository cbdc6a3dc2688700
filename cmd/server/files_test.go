package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const (
	ruleForAll  = `rules: [{id: all, actions: ["*"], when: "true"}]`
	ruleForNone = `rules: []`
)

// metric tells whether the admin listener shows a line.
func (p *program) metric(line string) bool {
	p.t.Helper()
	_, page := p.page("/metrics")
	return strings.Contains(page, "\n"+line+"\n")
}

func TestAPolicyThatCannotBeReadIsToldOnceAndTakenUpOnceItCan(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{askEachTime, manyCalls, anyPace}})
	policy := filepath.Join(p.folder, "policy.yaml")
	allowed := func() bool { return p.do("GET", "stores", "").status == http.StatusOK }
	if !allowed() {
		t.Fatal("the first rules are not in force")
	}
	must(t, os.Remove(policy))
	must(t, os.Mkdir(policy, 0o700))
	p.await("the failure is told", func() bool {
		return p.out.line("the changed policy file cannot be used; the content before stays in force") != nil && p.metric(`storekeeper_files_failing{kind="policy"} 1`)
	})
	if !allowed() {
		t.Error("the rules before are not in force")
	}
	must(t, os.Remove(policy))
	p.writeFile(policy, ruleForNone)
	p.await("the new rules are in force", func() bool { return !allowed() })
	p.await("that is told", func() bool {
		return p.out.line("the changed policy file is in force") != nil && p.metric(`storekeeper_files_failing{kind="policy"} 0`)
	})
	if n := strings.Count(p.out.String(), "the changed policy file cannot be used"); n != 1 {
		t.Errorf("the failure is told %d times", n)
	}
}

func TestSIGHUPReadsTheFilesAgainAndEndsNothing(t *testing.T) {
	p := start(t, setup{sets: []string{askEachTime, manyCalls, anyPace}})
	p.writeFile(filepath.Join(p.folder, "policy.yaml"), ruleForNone)
	must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	p.await("the files were read again", func() bool { return p.out.line("SIGHUP: all watched files were read again") != nil })
	if got := p.do("GET", "stores", ""); got.status != http.StatusForbidden {
		t.Errorf("after SIGHUP: %d %s", got.status, got.body)
	}
	p.writeFile(filepath.Join(p.folder, "policy.yaml"), ruleForAll)
	must(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	p.await("the program still follows the file", func() bool { return p.do("GET", "stores", "").status == http.StatusOK })
}

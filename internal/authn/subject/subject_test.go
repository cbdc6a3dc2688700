package subject_test

import (
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/authn/subject"
)

func TestPatternsThatCoverTooMuchAreRefused(t *testing.T) {
	for pattern, want := range map[string]string{
		"*":      "three segments",
		"r*":     "three segments",
		"repo*":  "three segments",
		"repo:*": "whole repository",
		// GitHub Actions
		"repo:my-org*":                "whole repository",
		"repo:my-org/*":               "whole repository",
		"repo:my-org/pay*":            "whole repository",
		"repo:my-org/payments*":       "whole repository",
		"repo:my-org/payments/x*":     "whole repository",
		"repo:my-org:payments/x:*":    "whole repository",
		"repo:/payments:*":            "whole repository",
		"repository:my-org/*":         "whole repository",
		"repository_id:*":             "whole repository",
		"repository_owner:my-org:*":   "without a *",
		"repository_owner_id:1:a:b:*": "without a *",
		"enterprise:my:a:b:*":         "without a *",
		"job_workflow_ref:my-org/x/.github/workflows/a.yml@*": "without a *",
		// Kubernetes
		"s*":                         "three segments",
		"system:*":                   "name a namespace",
		"system:serviceaccount*":     "name a namespace",
		"system:serviceaccount:*":    "name a namespace",
		"system:serviceaccount:pay*": "name a namespace",
		"system:node:a:b:*":          "name a namespace",
		// GitLab
		"project_path:*":           "whole project",
		"project_path:group*":      "whole project",
		"project_path:group/*":     "whole project",
		"project_path:group/sub/*": "whole project",
		"project_path:group:*":     "whole project",
		"project_id:*":             "whole project",
		// Terraform Cloud, Buildkite, CircleCI
		"organization:acme:*":           "project or pipeline",
		"organization:acme:project:*":   "project or pipeline",
		"organization:acme:workspace:*": "project or pipeline",
		"organization:acme:pipeline:a*": "project or pipeline",
		"org/4b1c/*":                    "name a project",
		"org/4b1c/project/*":            "name a project",
		// SPIFFE
		"spiffe:*":             "below the trust domain",
		"spiffe://*":           "below the trust domain",
		"spiffe://td*":         "below the trust domain",
		"spiffe://td/*":        "below the trust domain",
		"spiffe://td/ns/*":     "below the trust domain",
		"spiffe://td/ns/pay*":  "below the trust domain",
		"spiffe://td/pay*":     "below the trust domain",
		"spiffe://td//*":       "below the trust domain",
		"spiffe://td/ns//sa/*": "below the trust domain",
		// Others
		"a:*":               "three segments",
		"a:b:*":             "three segments",
		"a:b:c*":            "three segments",
		"a::b:*":            "three segments",
		"https://host/*":    "three segments",
		"sc://org/*":        "three segments",
		"auth0/*":           "three segments",
		"p://env/project:*": "",
	} {
		_, err := subject.Parse(pattern)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", pattern, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "must ")):
			t.Errorf("%s: got %v, want %q", pattern, err, want)
		}
	}
}

func TestPatternsOfNoForm(t *testing.T) {
	for name, pattern := range map[string]string{
		"empty": "", "a star inside": "repo:*/payments:ref", "two stars": "repo:a/b:**", "a blank before": " a", "a blank behind": "a ",
		"a line break": "a\nb", "an escape": "a\x1b[0m", "not UTF-8": "a\xff", "without end": strings.Repeat("x", 513), "a hidden character": "a\u200bb",
	} {
		if _, err := subject.Parse(pattern); err == nil || !strings.HasPrefix(err.Error(), "must ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, subject string
		want             bool
	}{
		{"repo:o/r:ref:refs/heads/main", "repo:o/r:ref:refs/heads/main", true},
		{"repo:o/r:ref:refs/heads/main", "repo:o/r:ref:refs/heads/main2", false},
		{"repo:o/r:ref:refs/heads/main", "repo:o/r:ref:refs/heads/mai", false},
		{"repo:o/r:ref:refs/heads/main", "Repo:o/r:ref:refs/heads/main", false},
		{"repo:o/r:*", "repo:o/r:environment:prod", true},
		{"repo:o/r:*", "repo:o/r:", false},
		{"repo:o/r:*", "repo:o/r", false},
		{"repo:o/r:*", "repo:o/r2:ref", false},
		{"repo:o/r:*", "xrepo:o/r:ref", false},
		{"repo:o/r:ref:refs/heads/release-*", "repo:o/r:ref:refs/heads/release-1/2", true},
		{"repo:o/r:ref:refs/heads/release-*", "repo:o/r:ref:refs/heads/release-", false},
		{"repo:o/r:ref:refs/heads/release-*", "repo:o/r:ref:refs/heads/release-1:x", false},
		{"repo:o@1/r@2:*", "repo:o@1/r@2:ref:refs/heads/main", true},
		{"system:serviceaccount:pay:*", "system:serviceaccount:pay:api", true},
		{"system:serviceaccount:pay:*", "system:serviceaccount:payments:api", false},
		{"project_path:g/s/p:*", "project_path:g/s/p:ref_type:branch:ref:main", true},
		{"project_path:g/s/p:*", "project_path:g/s/p/q:ref_type:branch:ref:main", false},
		{"organization:a:project:p:*", "organization:a:project:p:workspace:w:run_phase:apply", true},
		{"org/a/project/b/*", "org/a/project/b/user/c", true},
		{"spiffe://td/ns/pay/*", "spiffe://td/ns/pay/sa/api", true},
		{"spiffe://td/ns/pay/*", "spiffe://td/ns/pay/../admin/sa/api", false},
		{"spiffe://td/ns/pay/*", "spiffe://td/ns/pay/.", false},
		{"spiffe://td/pay/*", "spiffe://td/pay/a", true},
		{"a", "", false},
	} {
		p, err := subject.Parse(test.pattern)
		if err != nil {
			t.Errorf("%s: %v", test.pattern, err)
			continue
		}
		if got := p.Match(test.subject); got != test.want {
			t.Errorf("%s stands for %s: %v, want %v", test.pattern, test.subject, got, test.want)
		}
	}
	if (subject.Pattern{}).Match("") {
		t.Error("the zero pattern stands for something")
	}
}

func TestCovers(t *testing.T) {
	for _, test := range []struct {
		wide, narrow string
		want         bool
	}{
		{"a:b:c:*", "a:b:c:d", true},
		{"a:b:c:*", "a:b:c:d:*", true},
		{"a:b:c:*", "a:b:c:d/e*", true},
		{"a:b:c:*", "a:b:c:*", true},
		{"a:b:c:d:*", "a:b:c:*", false},
		{"a:b:c:d", "a:b:c:d", true},
		{"a:b:c:d", "a:b:c:*", false},
		{"a:b:c:d*", "a:b:c:d:*", false},
		{"a:b:c:d*", "a:b:c:de*", true},
		{"a:b:c:d*", "a:b:c:d", false},
	} {
		wide, err := subject.Parse(test.wide)
		if err != nil {
			t.Fatal(err)
		}
		narrow, err := subject.Parse(test.narrow)
		if err != nil {
			t.Fatal(err)
		}
		if got := wide.Covers(narrow); got != test.want {
			t.Errorf("%s covers %s: %v", test.wide, test.narrow, got)
		}
	}
}

func TestNamesInCertificates(t *testing.T) {
	for text, want := range map[string]subject.NameKind{
		"spiffe://td/a": subject.URI, "spiffe://td/ns/a/*": subject.URI, "https://host/a/b/*": subject.URI,
		"ci.example.com": subject.DNS, "localhost": subject.DNS, "jane@example.com": subject.Email,
	} {
		if san, err := subject.ParseSAN(text); err != nil || san.Kind != want {
			t.Errorf("%s: got %v, %v", text, san.Kind, err)
		}
	}
	for text, want := range map[string]string{
		"spiffe://td/*":          "whole trust domain",
		"spiffe://td/ns/a*":      "end in /*",
		"https://host/a/b:*":     "end in /*",
		"*.example.com":          "no * but one",
		"a.b.c.*":                "three segments",
		"a:b:c:*":                "without a *",
		"CI.example.com":         "lower case",
		"a b":                    "lower case",
		"-a.example.com":         "lower case",
		"@example.com":           "must be a SPIFFE id",
		"jane@ex ample":          "must be a SPIFFE id",
		"://td/a":                "must be a SPIFFE id",
		"spiffe:///a":            "must be a SPIFFE id",
		"":                       "1 to 512 bytes",
		strings.Repeat("a", 300): "must be a SPIFFE id",
	} {
		if _, err := subject.ParseSAN(text); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "must ") {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("repo:o/r:*", "repo:o/r:x")
	f.Add("spiffe://td/a/*", "spiffe://td/a/b")
	f.Add("a:b:c:d*", "a:b:c:de")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := subject.Parse(pattern)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "must ") {
				t.Errorf("%q: %v", pattern, err)
			}
			return
		}
		if p.Exact() != !strings.HasSuffix(pattern, "*") || p.Exact() && p.Match(text) != (text == pattern) {
			t.Errorf("%q and %q", pattern, text)
		}
		if p.Match(text) && !strings.HasPrefix(text, strings.TrimSuffix(pattern, "*")) {
			t.Errorf("%q stands for %q", pattern, text)
		}
		if !p.Covers(p) {
			t.Errorf("%q does not cover itself", pattern)
		}
	})
}

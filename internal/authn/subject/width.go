package subject

import (
	"regexp"
	"strings"
)

// subjectFormat is the subject format of a known issuer.
type subjectFormat struct {
	// prefix identifies the format.
	prefix string
	// minimum is a regular expression for the required text before a star. Empty: no star is allowed.
	minimum string
	// rule describes the correct form and the mistake.
	rule string
}

// subjectFormats lists the known formats. They differ in the part of a subject that identifies one owner.
func subjectFormats() []subjectFormat {
	return []subjectFormat{
		{"repo:", `^repo:[^/:]+/[^/:]+:`, githubRule},
		{"repository:", `^repository:[^/:]+/[^/:]+:`, githubRule},
		{"repository_id:", `^repository_id:[^:]+:`, githubRule},
		{"repository_owner:", "", ownerRule},
		{"repository_owner_id:", "", ownerRule},
		{"job_workflow_ref:", "", ownerRule},
		{"enterprise:", "", ownerRule},
		{"enterprise_id:", "", ownerRule},
		{"system:", `^system:serviceaccount:[^:]+:`,
			"must name a namespace before its *, as system:serviceaccount:NAMESPACE:*; it would cover every service account of a cluster"},
		{"project_path:", `^project_path:[^/:]+(/[^/:]+)+:`,
			"must name a whole project before its *, as project_path:GROUP/PROJECT:*; it would cover a whole group of GitLab"},
		{"project_id:", `^project_id:[^:]+:`,
			"must name a whole project before its *, as project_id:NUMBER:*; it would cover projects of others"},
		{"organization:", `^organization:[^:]+:(project|pipeline):[^:]+:`,
			"must name a project or pipeline before its *, as organization:ORGANIZATION:project:PROJECT:*; it would cover a whole organisation"},
		{"org/", `^org/[^/]+/project/[^/]+/`,
			"must name a project before its *, as org/ORGANIZATION/project/PROJECT/*; it would cover a whole organisation"},
		{"spiffe:", `^spiffe://[^/]+/(ns/[^/]+|[^/]+)/([^/]+/)*$`, spiffeRule},
	}
}

const (
	githubRule = "must name a whole repository before its *, as repo:OWNER/REPOSITORY:*; it would cover a whole organisation of GitHub"
	ownerRule  = "must be without a *; it would cover a whole organisation of GitHub"
	spiffeRule = "must name a path below the trust domain and end in /*, as spiffe://DOMAIN/PATH/* or spiffe://DOMAIN/ns/NAMESPACE/*; it would cover a whole trust domain or cluster"
	widthRule  = "must give three segments before its *, as in a:b:c:*; it could cover a whole organisation or cluster"
)

// minSegments is the number of segments that must stand before a star in an
// unknown format: a kind, an owner, and an object of the owner.
const minSegments = 3

// tooWide returns the rule that a pattern violates because the pattern matches too much, or "". literal is
// the part before the star.
func tooWide(literal string) string {
	for _, f := range subjectFormats() {
		if !strings.HasPrefix(literal, f.prefix) {
			continue
		}
		// Expressions are compiled on demand, because compiling all would delay each start.
		if f.minimum == "" || !regexp.MustCompile(f.minimum).MatchString(literal) || f.prefix == "spiffe:" && allNamespaces(literal) {
			return f.rule
		}
		return ""
	}
	if segments(literal) < minSegments {
		return widthRule
	}
	return ""
}

// allNamespaces reports whether a SPIFFE id ends before the name of a Kubernetes namespace.
func allNamespaces(literal string) bool {
	_, path, _ := strings.Cut(strings.TrimPrefix(literal, "spiffe://"), "/")
	return path == "ns/"
}

// segments counts the non-empty segments that end with a colon or a slash.
func segments(literal string) int {
	n, length := 0, 0
	for _, c := range literal {
		if c != ':' && c != '/' {
			length++
			continue
		}
		if length > 0 {
			n++
		}
		length = 0
	}
	return n
}

package authn

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"platform.internal/storekeeper/internal/authn/subject"
)

// maxGroups is the maximum number of groups in a token.
const maxGroups = 256

// Subject maps tokens of an issuer to a tenant and groups.
type Subject struct {
	// Match is a pattern for the claim, in the form that package subject
	// parses. Only the claim sub can be matched with a star.
	Match string
	// Claim is the claim to match, one of SubjectClaims. Empty: sub.
	Claim string
	// Tenant is the tenant of the callers, and TenantID its stable id. If TenantID is empty, Tenant is the
	// id.
	Tenant, TenantID string
	// Groups are the groups of the callers.
	Groups []string
	// GroupsClaim is a claim with additional groups, a string or a list of strings. Empty: none.
	GroupsClaim string
}

// SubjectClaims lists the claims that can be matched: those that identify one workload, one repository or one
// person. Unrelated callers share other claims, such as the owner of a repository or a branch.
func SubjectClaims() []string {
	return []string{"sub", "email", "oid", "repository", "repository_id", "project_path", "project_id"}
}

// subjectMapping is a checked Subject.
type subjectMapping struct {
	Subject

	pattern subject.Pattern
}

func readSubjects(given []Subject) ([]subjectMapping, error) {
	all := make([]subjectMapping, len(given))
	for i, s := range given {
		if s.Claim == "" {
			s.Claim = "sub"
		}
		pattern, err := subject.Parse(s.Match)
		switch {
		case err != nil:
			return nil, fmt.Errorf("the pattern of subject %d %w", i, err)
		case !slices.Contains(SubjectClaims(), s.Claim):
			return nil, fmt.Errorf("the claim of subject %d must be one of %v", i, SubjectClaims())
		case s.Claim != "sub" && !pattern.Exact():
			return nil, fmt.Errorf("the pattern of subject %d must have no *, which is for the claim sub", i)
		}
		all[i] = subjectMapping{Subject: s, pattern: pattern}
	}
	return all, nil
}

// principalFor returns the principal of a verified token, if a subject matches.
func (i *issuer) principalFor(f registeredClaims, shown *VerifiedCredential) (Principal, error) {
	for _, s := range i.subjects {
		if !s.matches(f) {
			continue
		}
		groups, err := s.groups(f)
		if err != nil {
			return Principal{}, shown.refuse(NotAdmitted, "The groups of the token cannot be read: "+err.Error()+".", fmt.Sprintf("the claim %q", s.GroupsClaim))
		}
		return Principal{
			Name: i.name + ":" + f.subject, Tenant: s.Tenant, TenantID: s.TenantID, Groups: groups, Claims: &Claims{text: bytes.Clone(f.text)},
			Kind: KindJWT, Credential: shown, NotBefore: f.notBefore, Expires: f.expires,
		}, nil
	}
	return Principal{}, shown.refuse(NotAdmitted,
		"The token is good, but its subject is not one that Storekeeper admits; ask its operators to list the subject.", "no entry of the issuer's subjects matches")
}

// matches reports whether the token has the subject. An e-mail address counts only if the issuer has verified
// it, since many issuers let people choose any address.
func (s *subjectMapping) matches(f registeredClaims) bool {
	if s.Claim == "email" && f.all["email_verified"] != true {
		return false
	}
	value, _ := f.all[s.Claim].(string)
	return s.pattern.Match(value)
}

// groups returns the groups of the mapping and those of the token.
func (s *subjectMapping) groups(f registeredClaims) ([]string, error) {
	if s.GroupsClaim == "" {
		return s.Groups, nil
	}
	claimed, ok := stringsOf(f.all[s.GroupsClaim])
	if !ok || len(claimed) > maxGroups {
		return nil, errors.New("they must be a text or a list of at most 256 texts")
	}
	all := slices.Clone(s.Groups)
	for _, group := range claimed {
		if !subject.Plain(group) {
			return nil, errors.New("each must be a plain text of 1 to 512 bytes")
		}
		if !slices.Contains(all, group) {
			all = append(all, group)
		}
	}
	return all, nil
}

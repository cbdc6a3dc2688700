package config

import (
	"platform.internal/storekeeper/internal/authn/subject"
)

// Subject maps tokens of an issuer to a tenant and groups.
type Subject struct {
	// Match is a pattern for the claim.
	Match string `yaml:"match" doc:"Pattern for the subject, such as repo:my-org/payments:ref:refs/heads/main or system:serviceaccount:payments:api. A * at the end matches any rest: repo:my-org/payments:*. The part before it must identify one repository, namespace or project; a pattern for a whole organisation, group or cluster is refused." need:"required" example:"repo:my-org/payments:ref:refs/heads/main"`
	// Claim is the claim to match. Only sub can be matched with a star.
	Claim string `yaml:"claim" oneof:"sub email oid repository repository_id project_path project_id" doc:"The claim that is matched. Other claims are shared by unrelated callers and not supported. A * is for sub only. email counts only if email_verified is true." sample:"sub"`
	// Tenant is the team that the callers act for. Empty: none.
	Tenant string `yaml:"tenant" doc:"Team that the callers act for. The format of the name of an API key applies." sample:"payments"`
	// Groups are further names that rules can match.
	Groups []string `yaml:"groups" doc:"Further names that rules can match. The format of the name of an API key applies to each. Without duplicates." sample:"[ci]"`
	// GroupsClaim is a claim with further groups. Empty: none.
	GroupsClaim string `yaml:"groups_claim" doc:"Claim of the token with further groups, a string or a list of strings. Use it only if the issuer alone decides on its content." sample:"groups"`
}

func (s *Subject) setDefaults(bool) { s.Claim = "sub" }

// validateSubjects checks each subject, and that no earlier subject covers the same subjects.
func validateSubjects(subjects []Subject, k section) {
	if len(subjects) == 0 {
		k.fail("is missing; it must list at least one subject with match, since nobody else is admitted")
	}
	patterns := make([]subject.Pattern, len(subjects))
	for i := range subjects {
		patterns[i] = subjects[i].validate(k.item(i))
		for j := range i {
			if subjects[i].Claim == subjects[j].Claim && patterns[j].Covers(patterns[i]) {
				k.item(i).field("match").fail("is covered by " + k.item(j).field("match").key + ", which counts first; put the narrower one above")
				break
			}
		}
	}
}

// validate checks a subject and returns its pattern. The pattern is zero if the subject is invalid.
func (s *Subject) validate(k section) subject.Pattern {
	pattern, err := subject.Parse(s.Match)
	switch {
	case s.Match == "":
		k.field("match").fail("is missing; it must be a subject such as repo:my-org/payments:ref:refs/heads/main")
	case err != nil:
		k.field("match").fail(err.Error())
	case s.Claim != "sub" && !pattern.Exact():
		k.field("match").fail("must have no * for another claim than sub")
	}
	if s.GroupsClaim != "" && !subject.Plain(s.GroupsClaim) {
		k.field("groups_claim").fail("must be the name of a claim")
	}
	validateTeam(s.Tenant, s.Groups, k)
	return pattern
}

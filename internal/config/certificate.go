package config

import (
	"platform.internal/storekeeper/internal/authn/subject"
)

// Certificate maps a name in client certificates to a caller.
type Certificate struct {
	// SAN is a pattern for a subject alternative name.
	SAN string `yaml:"san" doc:"Subject alternative name: a SPIFFE id or another URI, a host name, or an e-mail address. A URI may end in /*, after a path that is narrower than a trust domain or cluster. No name may match two entries. A certificate with the names of two callers is refused." need:"required" example:"spiffe://prod.example.com/ns/payments/sa/api"`
	// Name is the caller.
	Name string `yaml:"name" doc:"Name of the caller, in logs and rules. The format of the name of an API key applies." need:"required" example:"payments-api"`
	// Tenant is the team that the caller acts for. Empty: none.
	Tenant string `yaml:"tenant" doc:"Team that the caller acts for. The format of name applies." sample:"payments"`
	// Groups are additional names that rules can match.
	Groups []string `yaml:"groups" doc:"Further names that rules can match. The format of name applies to each. Without duplicates." sample:"[services]"`
}

// validateCertificates checks each entry, and that no name matches two entries.
func validateCertificates(certificates []Certificate, k section) {
	sans := make([]subject.SAN, len(certificates))
	for i := range certificates {
		sans[i] = certificates[i].validate(k.item(i))
		for j := range i {
			if sans[j].Overlaps(sans[i]) {
				k.item(i).field("san").fail("must not fit a name that " + k.item(j).field("san").key + " fits too, since each name stands for one caller")
				break
			}
		}
	}
}

// validate checks an entry and returns its pattern. The pattern is zero if the entry is invalid.
func (c *Certificate) validate(k section) subject.SAN {
	san, err := subject.ParseSAN(c.SAN)
	switch {
	case c.SAN == "":
		k.field("san").fail("is missing; it must be a SPIFFE id or another URI, a host name, or an e-mail address")
	case err != nil:
		k.field("san").fail(err.Error())
	}
	k.field("name").format(c.Name, callerForm(), callerRule)
	validateTeam(c.Tenant, c.Groups, k)
	return san
}

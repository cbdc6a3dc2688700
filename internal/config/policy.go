package config

// Policy configures the authorisation rules.
type Policy struct {
	// File holds the rules. It is empty only in dev mode, in which every caller has all rights.
	File string `yaml:"file" type:"file" doc:"File with the authorisation rules and their tests. A call that no rule allows is denied. The file is read again when it changes; if the new rules cannot be read or fail their tests, the old ones stay in force." need:"required" example:"/etc/storekeeper/policy.yaml"`
}

func (p *Policy) validate(k section) {
	if p.File == "" && !k.dev {
		k.field("file").fail("is missing; it must name the file with the rules")
	}
}

package config

// Policy configures the authorisation rules.
type Policy struct {
	// File holds the rules. It is empty only in dev mode, in which every caller
	// may do everything.
	File string `yaml:"file" type:"file" doc:"File with the rules that say who may do what, and the decisions that are expected of them. What no rule allows is denied. It is read again when it changes; rules that cannot be read or fail their tests leave the old in force." need:"required" example:"/etc/storekeeper/policy.yaml"`
}

func (p *Policy) validate(k check) {
	if p.File == "" && !k.dev {
		k.field("file").fail("is missing; it must name the file with the rules")
	}
}

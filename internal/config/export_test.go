package config

// PlaintextRule is the rule on plain text by itself, whether it is in force or
// not.
func PlaintextRule(address string) string { return plaintextRule(address) }

package config

// Telemetry configures the log.
type Telemetry struct {
	// Log is how the log is written.
	Log LogSettings `yaml:"log" doc:"The log: one line per call, and other events. It is written to standard output, or to standard error if audit.sink is stdout."`
}

// LogSettings is how the log is written.
type LogSettings struct {
	// Level is the lowest level that is written: debug, info, warn or error.
	Level string `yaml:"level" oneof:"debug info warn error" doc:"Lowest level that is written. Calls are logged at info, and at error if the operator must act." example:"info"`
	// Format is json, for machines, or console, for people.
	Format string `yaml:"format" oneof:"json console" doc:"json for machines, console for people." example:"json"`
}

func (t *Telemetry) setDefaults() {
	t.Log.Level = "info"
	t.Log.Format = "json"
}

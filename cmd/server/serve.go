package main

import (
	"context"
	"flag"

	"platform.internal/storekeeper/internal/config"
)

// configFlags are the flags of commands that read a configuration file.
type configFlags struct {
	file string
	sets stringList
}

func (f *configFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.file, "config", "", "the configuration `file`")
	f.registerSets(flags)
}

func (f *configFlags) registerSets(flags *flag.FlagSet) {
	flags.Var(&f.sets, "set", "a configuration key in place of the file's, as `KEY=VALUE`; may be repeated")
}

// load reads the configuration and checks the files that the configuration names.
func (f *configFlags) load() (*config.Config, error) {
	if f.file == "" {
		return nil, usageError{"--config FILE is missing"}
	}
	c, err := config.Load(f.file, f.sets)
	if err != nil {
		return nil, err
	}
	return c, c.CheckFiles()
}

// runServe runs the service until ctx ends.
func runServe(ctx context.Context, args []string, t terminal) error {
	collecting := startGCTuner()
	defer collecting.end()
	defer ignoreHangups()()
	var given configFlags
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	given.register(flags)
	if err := parse(flags, args, t); err != nil {
		return err
	}
	c, err := given.load()
	if err != nil {
		return err
	}
	logs := t.out
	if trailOnStdout(c.Audit) {
		// The trail must not be mixed with the log.
		logs = t.err
	}
	serving := systemdNotifier(ctx, t)
	return serve(ctx, settings{config: c, logs: logs, audit: t.out, ready: func(addresses) {
		collecting.tune()
		serving()
	}})
}

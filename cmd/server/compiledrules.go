package main

import (
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/inflight"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/server"
)

// compiledRules are the compiled authorisation and validation rules.
type compiledRules struct {
	rules     *authz.Rules
	validator *contract.Validator
}

// compileRules starts to compile the rules and returns a function that waits
// for them. The work runs beside the opening of files.
func compileRules(c config.Policy, files *watchedFiles, api []protoreflect.ServiceDescriptor) func() (compiledRules, error) {
	var made compiledRules
	var both errgroup.Group
	both.Go(func() (err error) {
		made.rules, err = newRules(c, files)
		return err
	})
	both.Go(func() (err error) {
		made.validator, err = contract.NewValidator(api...)
		return err
	})
	return func() (compiledRules, error) {
		err := both.Wait()
		return made, err
	}
}

// newChain returns the part of the chain that authorises and validates calls
// and makes fingerprints of values, and the operator's rules of that part.
func newChain(api []protoreflect.ServiceDescriptor, judging func() (compiledRules, error), resolver *names.Resolver, c *config.Config) (server.Chain, *authz.Rules, error) {
	by, err := judging()
	if err != nil {
		return server.Chain{}, nil, err
	}
	rights, err := newRights(api, by.rules, resolver)
	if err != nil {
		return server.Chain{}, nil, err
	}
	fingerprint, err := fingerprinter(c.Audit)
	return server.Chain{
		Rights: rights, Validator: by.validator, Fingerprint: fingerprint,
		Bodies: inflight.New(inflight.DefaultLimits()), Proxies: config.Proxies(c.Listen.TrustedProxies),
	}, by.rules, err
}

package main

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/names"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/service"
)

// newRules reads and follows the policy file. Dev mode needs no rules: its only
// caller has all rights.
func newRules(c config.Policy, files *watchedFiles) (*authz.Rules, error) {
	if c.File != "" {
		rules, err := files.followPolicy(c.File)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		return rules, nil
	}
	engine, err := authz.NewEngine([]authz.Rule{{ID: "dev", Actions: []string{"*", "operator.*"}, When: "true"}})
	if err != nil {
		return nil, err
	}
	return authz.Fixed(engine), nil
}

// newRights returns the rights by which the server authorises calls.
func newRights(api []protoreflect.ServiceDescriptor, rules *authz.Rules, resolver *names.Resolver) (server.Rights, error) {
	methods, err := contract.Methods(api...)
	if err != nil {
		return server.Rights{}, err
	}
	return server.Rights{Methods: methods, Rules: rules, Names: resolver, Op: service.Op}, nil
}

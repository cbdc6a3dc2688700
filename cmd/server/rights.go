package main

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/directory"
	"platform.internal/storekeeper/internal/policy"
	"platform.internal/storekeeper/internal/server"
	"platform.internal/storekeeper/internal/upstream"
)

// everything is the rule of dev mode.
func everything() []authz.Rule {
	return []authz.Rule{{ID: "dev", Actions: []string{"*"}, When: "true"}}
}

// newRights makes what is needed to judge calls.
func newRights(api []protoreflect.ServiceDescriptor, rules *authz.Rules, cloudflare *upstream.Client) (server.Rights, error) {
	methods, err := policy.Methods(api...)
	if err != nil {
		return server.Rights{}, err
	}
	names, err := directory.New(cloudflare)
	if err != nil {
		return server.Rights{}, err
	}
	return server.Rights{Methods: methods, Rules: rules, Names: names}, nil
}

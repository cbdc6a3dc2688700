package main

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/config"
	"platform.internal/storekeeper/internal/directory"
	"platform.internal/storekeeper/internal/policy"
	"platform.internal/storekeeper/internal/server"
)

// lookAtPolicy is how often the policy file is looked at.
const lookAtPolicy = 2 * time.Second

// newRules reads the policy file. Dev mode needs none: its one caller may do
// everything.
func newRules(c config.Policy) (*authz.Rules, error) {
	if c.File != "" {
		rules, err := authz.Follow(c.File)
		if err != nil {
			return nil, fmt.Errorf("policy: %w", err)
		}
		return rules, nil
	}
	engine, err := authz.NewEngine([]authz.Rule{{ID: "dev", Actions: []string{"*"}, When: "true"}})
	if err != nil {
		return nil, err
	}
	return authz.Fixed(engine), nil
}

// follow puts changed rules into force until ctx ends.
func follow(ctx context.Context, rules *authz.Rules, log *zap.Logger) {
	rules.Watch(ctx, lookAtPolicy, func(err error) {
		if err != nil {
			log.Error("the changed policy cannot be used; the rules before stay in force", zap.Error(err))
			return
		}
		log.Info("the changed policy is in force")
	})
}

// newRights makes what is needed to judge calls.
func newRights(api []protoreflect.ServiceDescriptor, rules *authz.Rules, names *directory.Directory) (server.Rights, error) {
	methods, err := policy.Methods(api...)
	if err != nil {
		return server.Rights{}, err
	}
	return server.Rights{Methods: methods, Rules: rules, Names: names}, nil
}

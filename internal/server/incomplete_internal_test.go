package server

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc"

	"platform.internal/storekeeper/internal/audit"
	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
)

// whoever allows every secret that has a name.
type whoever struct{}

func (whoever) Decide(q authz.Question) authz.Decision {
	if q.Secret == nil {
		return authz.Decision{NeedsName: true}
	}
	return authz.Decision{Allowed: true, Rule: "whoever"}
}

// memory counts intents.
type memory struct{ intents int }

func (m *memory) Intent(context.Context, audit.Record) error {
	m.intents++
	return nil
}

func (*memory) Outcome(context.Context, audit.Record) {}

func (*memory) Denial(context.Context, audit.Record) error { return nil }

// TestWhatWasNotJudgedIsNotDone leaves out validation, which refuses such calls:
// what the rules could not judge must not be done even then.
func TestWhatWasNotJudgedIsNotDone(t *testing.T) {
	names := func(n int) []contract.NewSecret {
		var list []contract.NewSecret
		for i := range n {
			list = append(list, contract.NewSecret{Name: fmt.Sprintf("S%d", i)})
		}
		return list
	}
	const method = "/x/Create"
	methods := map[string]*contract.Method{method: {Action: createSecret, Changes: true}}
	for name, c := range map[string]struct {
		secrets []contract.NewSecret
		done    bool
	}{
		"as many as can be judged":   {names(maxObjects), true},
		"more than can be judged":    {names(maxObjects + 1), false},
		"one of them without a name": {append(names(3), contract.NewSecret{}), false},
		"none":                       {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			noted, to, done := &auditContext{}, &memory{}, false
			store := "default"
			j := &authorization{
				rights: Rights{Rules: whoever{}}, method: methods[method], audit: noted, store: &store,
				target: contract.Target{Account: "main", StoreID: "s", Secrets: c.secrets},
			}
			if err := j.decideObjects(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := auditIntent(Chain{Trail: to, Rights: Rights{Methods: methods}})(withAudit(t.Context(), noted), nil, &grpc.UnaryServerInfo{FullMethod: method}, func(context.Context, any) (any, error) {
				done = true
				return nil, nil
			})
			f, refused := errors.AsType[*fault.Error](err)
			if done != c.done || (to.intents == 1) != c.done || refused == c.done || refused && f.Kind != fault.Denied {
				t.Errorf("done %t with %d intents: %v", done, to.intents, err)
			}
		})
	}
}

package server

import (
	"errors"
	"fmt"
	"testing"

	"platform.internal/storekeeper/internal/authz"
	"platform.internal/storekeeper/internal/contract"
	"platform.internal/storekeeper/internal/fault"
)

// allowNamed allows every secret that has a name.
type allowNamed struct{ Rules }

func (allowNamed) Decide(q authz.Question) authz.Decision {
	if q.Secret == nil {
		return authz.Decision{NeedsName: true}
	}
	return authz.Decision{Allowed: true, Rule: "allowNamed"}
}

// TestWhatWasNotJudgedIsNotDone omits validation, which refuses such calls: even then, a call that
// the rules could not decide must not be executed.
func TestWhatWasNotJudgedIsNotDone(t *testing.T) {
	names := func(n int) []contract.CreatedSecret {
		var list []contract.CreatedSecret
		for i := range n {
			list = append(list, contract.CreatedSecret{Name: fmt.Sprintf("S%d", i)})
		}
		return list
	}
	const method = "/x/Create"
	methods := map[string]*contract.Method{method: {Action: createSecret, Changes: true}}
	for name, c := range map[string]struct {
		secrets []contract.CreatedSecret
		done    bool
	}{
		"as many as can be judged":   {names(maxObjects), true},
		"more than can be judged":    {names(maxObjects + 1), false},
		"one of them without a name": {append(names(3), contract.CreatedSecret{}), false},
		"none":                       {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			noted := &auditContext{}
			store := "default"
			j := &authorization{
				rights: &Rights{Rules: allowNamed{}}, method: methods[method], audit: noted, store: &store,
				target: contract.Target{Account: "main", StoreID: "s", Secrets: c.secrets},
			}
			if err := j.decideObjects(t.Context()); err != nil {
				t.Fatal(err)
			}
			if noted.incomplete == c.done {
				t.Fatalf("the call is marked as not wholly judged: %t", noted.incomplete)
			}
			if c.done {
				return
			}
			_, err := (&Chain{}).changeOf(withAudit(t.Context(), noted), method, methods[method], nil, &sharedChange{})
			if f, refused := errors.AsType[*fault.Error](err); !refused || f.Kind != fault.Denied {
				t.Errorf("what was not judged gave %v", err)
			}
		})
	}
}

package scope_test

import (
	"context"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/scope"
)

func TestEachPartOfAScopeTravelsWithTheOthers(t *testing.T) {
	ctx := context.Background()
	if scope.Tenant(ctx) != "" || scope.Fresh(ctx) || scope.Visible(ctx) != nil {
		t.Error("there is a scope where none was put")
	}
	steps := []func(context.Context) context.Context{
		func(ctx context.Context) context.Context { return scope.WithTenant(ctx, "payments") },
		scope.WithFresh,
		func(ctx context.Context) context.Context {
			return scope.WithVisible(ctx, func(name string) bool { return name == "a" })
		},
	}
	for first := range steps {
		ctx := steps[(first+2)%3](steps[(first+1)%3](steps[first](context.Background())))
		if f := scope.Visible(ctx); scope.Tenant(ctx) != "payments" || !scope.Fresh(ctx) || f == nil || !f("a") || f("b") {
			t.Errorf("another scope arrived, beginning with part %d", first)
		}
	}
}

func TestTheAgeOfAnAnswerIsTheOneThatWasSetLast(t *testing.T) {
	scope.SetFreshness(context.Background(), scope.Freshness{Hit: true})
	var none *scope.FreshnessRecorder
	if none.Freshness() != (scope.Freshness{}) {
		t.Error("an answer that nobody describes has an age")
	}
	answer := &scope.FreshnessRecorder{}
	ctx := scope.WithCall(context.Background(), "payments", answer, false)
	for _, f := range []scope.Freshness{{}, {Hit: true, Age: time.Minute, Stale: true}, {Hit: true}, {}} {
		scope.SetFreshness(ctx, f)
		if got := answer.Freshness(); got != f {
			t.Errorf("got %+v, want %+v", got, f)
		}
	}
}

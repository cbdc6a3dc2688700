package visibility_test

import (
	"context"
	"testing"

	"platform.internal/storekeeper/internal/visibility"
)

func TestTheFilterTravels(t *testing.T) {
	if visibility.From(context.Background()) != nil {
		t.Error("there is a filter where none was put")
	}
	ctx := visibility.With(context.Background(), func(name string) bool { return name == "a" })
	if f := visibility.From(ctx); !f("a") || f("b") {
		t.Error("another filter arrived")
	}
}

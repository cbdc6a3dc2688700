package contract_test

import (
	"errors"
	"strings"
	"testing"

	"platform.internal/storekeeper/internal/fault"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// wrongInAll is a request of n secrets that are wrong in all that they have.
func wrongInAll(n int) *secretsstorev1.CreateSecretsRequest {
	scopes := make([]string, 100)
	for i := range scopes {
		scopes[i] = strings.Repeat("x", 65)
	}
	secrets := make([]*secretsstorev1.NewSecret, n)
	for i := range secrets {
		secrets[i] = &secretsstorev1.NewSecret{Name: "a b", Scopes: scopes}
	}
	return create(secrets...)
}

func TestWhatAMistakeCostsDoesNotGrowWithTheirNumber(t *testing.T) {
	v := validator(t)
	cost := func(n int) float64 {
		request := wrongInAll(n)
		return testing.AllocsPerRun(1, func() { _ = v.Check(t.Context(), request) })
	}
	// 200 mistakes, and 900.
	if few, many := cost(2), cost(9); many > 8*few {
		t.Errorf("%.0f allocations for 2 secrets, %.0f for 9", few, many)
	}
}

func TestARequestWithThousandsOfMistakesIsToldOfTheFirst(t *testing.T) {
	v := validator(t)
	f, ok := errors.AsType[*fault.Error](v.Check(t.Context(), wrongInAll(100)))
	if !ok || len(f.Fields) != 1000 || f.Fields[0].Path != "secrets[0].name" || f.Fields[999].Path != "secrets[9].scopes[79]" {
		t.Fatalf("got %d fields, the last %v", len(f.Fields), f.Fields[len(f.Fields)-1])
	}
}

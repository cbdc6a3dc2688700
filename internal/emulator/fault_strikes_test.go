package emulator_test

import (
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

func TestWhichRequestsAFaultStrikes(t *testing.T) {
	status := func(f emulator.Fault) emulator.Fault {
		f.Kind, f.Status = emulator.KindStatus, 503
		return f
	}
	cases := []struct {
		name  string
		fault emulator.Fault
		want  string // whether GET stores, POST stores, GET quota, GET nowhere are struck
	}{
		{"all", emulator.Fault{}, "yes yes yes yes"},
		{"a method", emulator.Fault{Method: "POST"}, "no yes no no"},
		{"an operation", emulator.Fault{Operation: "secrets-store-list"}, "yes no no no"},
		{"a path", emulator.Fault{Path: "/client/v4/accounts/*/secrets_store/stores"}, "yes yes no no"},
		{"a path and a method", emulator.Fault{Path: "/client/v4/accounts/*/secrets_store/s*", Method: "GET"}, "yes no no no"},
		{"a path that a star does not reach", emulator.Fault{Path: "/client/*"}, "no no no no"},
		{"the second that matches", emulator.Fault{Times: 2, Method: "GET"}, "yes no yes no"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := start(t, noLimits())
			a.inject(status(c.fault))
			var struck []string
			for _, target := range []string{"GET stores", "POST stores", "GET quota", "GET /client/v4/nowhere/at/all"} {
				method, path, _ := strings.Cut(target, " ")
				got, err := a.try(method, path, `{"name":"s"}`)
				if err != nil {
					t.Fatal(err)
				}
				struck = append(struck, map[bool]string{true: "yes", false: "no"}[got.status == 503])
			}
			if got := strings.Join(struck, " "); got != c.want {
				t.Errorf("struck %s, want %s", got, c.want)
			}
		})
	}
}

func TestProbability(t *testing.T) {
	dice := []float64{0.2, 0.29, 0.3, 0.9, 0.1}
	next := 0
	c := noLimits()
	c.Random = func() float64 { next++; return dice[next-1] }
	a := start(t, c)
	a.inject(emulator.Fault{Kind: emulator.KindStatus, Status: 500, Probability: 0.3, Times: 3})
	var got []int
	for range dice {
		r, err := a.try("GET", "/client/v4/user", "")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.status)
	}
	want := []int{500, 500, 200, 200, 500}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if left := a.e.Faults(); len(left) != 0 {
		t.Errorf("faults %v are left", left)
	}
}

func TestFaultsStrikeInOrderAndAddUp(t *testing.T) {
	a := start(t, noLimits())
	a.inject(
		emulator.Fault{Kind: emulator.KindDelay, Delay: time.Millisecond},
		emulator.Fault{Kind: emulator.KindStatus, Status: 500, Times: 2},
		emulator.Fault{Kind: emulator.KindStatus, Status: 502, Times: 1},
	)
	for _, want := range []int{500, 500, 502, 200} {
		if got, err := a.try("GET", "/client/v4/user", ""); err != nil || got.status != want {
			t.Fatalf("%v, status %d, want %d", err, got.status, want)
		}
	}
	if left := a.e.Faults(); len(left) != 1 || left[0].Kind != emulator.KindDelay {
		t.Errorf("faults %v, want the delay", left)
	}
	a.e.ClearFaults()
	if left := a.e.Faults(); len(left) != 0 {
		t.Errorf("faults %v are left", left)
	}
}

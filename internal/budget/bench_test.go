package budget_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/budget"
)

func BenchmarkAcquireAndDone(b *testing.B) {
	for _, tc := range []struct {
		name   string
		cfg    budget.Config
		urgent bool
	}{
		{"free", budget.Config{Calls: 1 << 30, Window: time.Millisecond}, false},
		{"urgent", budget.Config{Calls: 1 << 30, Window: time.Millisecond}, true},
	} {
		b.Run(tc.name, func(b *testing.B) {
			s := budget.New(tc.cfg)
			defer s.Close()
			ctx := context.Background()
			ask := budget.Ask{Tenant: "a", Urgent: tc.urgent}
			b.ReportAllocs()
			for b.Loop() {
				permit, err := s.Acquire(ctx, ask)
				if err != nil {
					b.Fatal(err)
				}
				permit.Done(answered)
			}
		})
	}
}

// BenchmarkAcquireAmong64Tenants measures a free permit with many recent tenants.
func BenchmarkAcquireAmong64Tenants(b *testing.B) {
	for _, group := range []string{"", "store"} {
		b.Run("group "+strconv.Quote(group), func(b *testing.B) {
			s := budget.New(budget.Config{Calls: 1 << 20, Window: time.Second})
			defer s.Close()
			ctx := context.Background()
			asks := make([]budget.Ask, 64)
			for i := range asks {
				asks[i] = budget.Ask{Tenant: "t" + strconv.Itoa(i), Group: group}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				permit, err := s.Acquire(ctx, asks[i%len(asks)])
				if err != nil {
					b.Fatal(err)
				}
				permit.Done(answered)
			}
		})
	}
}

// full is a scheduler with all slots spent and with waiting tenants.
func full(tenants int) (*budget.Scheduler, func()) {
	cfg := open()
	s := budget.New(cfg)
	spendAll(s)
	ctx, cancel := context.WithCancel(context.Background())
	for i := range tenants {
		go func() { _, _ = s.Acquire(ctx, budget.Ask{Tenant: "w" + strconv.Itoa(i)}) }()
	}
	for s.State().Waiting < tenants {
		time.Sleep(time.Millisecond)
	}
	return s, func() { cancel(); s.Close() }
}

func BenchmarkRefusalAtFullPressure(b *testing.B) {
	s, end := full(50)
	defer end()
	ask := budget.Ask{Tenant: "a", Deadline: time.Now().Add(time.Second)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Acquire(context.Background(), ask); err == nil {
			b.Fatal("it was not refused")
		}
	}
}

func BenchmarkShare(b *testing.B) {
	s, end := full(50)
	defer end()
	b.ReportAllocs()
	for b.Loop() {
		s.Share("a")
	}
}

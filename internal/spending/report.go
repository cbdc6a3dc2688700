package spending

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"platform.internal/storekeeper/internal/budget"
	"platform.internal/storekeeper/internal/telemetry"
)

// Share returns the remaining calls of a tenant, as values of Cloudflare's headers Ratelimit and
// Ratelimit-Policy. Both are "" for an account without a budget.
func (b *Budgets) Share(account, payer string) (limit, policy string) {
	one, known := b.byAccount[account]
	if !known {
		return "", ""
	}
	s := one.Scheduler.Share(payer)
	return headerValue("r", s.Remaining, "t", wholeSeconds(s.Reset)), headerValue("q", s.Quota, "w", wholeSeconds(s.Window))
}

// ShareOf returns a tenant's share of the budget of an account and its turn. It returns false for an account
// without a budget.
func (b *Budgets) ShareOf(account, payer string) (budget.Share, budget.Turn, bool) {
	one, known := b.byAccount[account]
	if !known {
		return budget.Share{}, budget.Turn{}, false
	}
	return one.Scheduler.Share(payer), one.Turn(payer), true
}

// Replica is a replica that shares the budgets.
type Replica struct {
	// Number is the number of the session. It increases with each restart.
	Number int64
	// Self says that the replica is this process.
	Self bool
	// Heard is the time of the last sign of life.
	Heard time.Time
}

// Replicas returns the replicas as of the last round, by number.
func (b *Budgets) Replicas() []Replica {
	if known := b.replicas.Load(); known != nil {
		return *known
	}
	return nil
}

// show publishes the replicas. The caller holds b.turn.
func (b *Budgets) show() {
	var list []Replica
	if b.number != 0 {
		list = append(list, Replica{Number: b.number, Self: true, Heard: b.renewed})
	}
	for number, p := range b.peers {
		list = append(list, Replica{Number: number, Heard: p.since})
	}
	slices.SortFunc(list, func(a, b Replica) int { return cmp.Compare(a.Number, b.Number) })
	b.replicas.Store(&list)
}

// Weight returns the weight of a tenant.
func (b *Budgets) Weight(tenant string) float64 { return b.weight(tenant) }

// headerValue formats a value of the headers Ratelimit and Ratelimit-Policy.
func headerValue(name string, n int, other string, m int) string {
	text := make([]byte, 0, 64)
	text = append(append(append(text, `"default";`...), name...), '=')
	text = append(append(append(strconv.AppendInt(text, int64(n), 10), ';'), other...), '=')
	return string(strconv.AppendInt(text, int64(m), 10))
}

// wholeSeconds rounds up, so that no client retries too early.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// States returns the state of the budgets for metrics.
func (b *Budgets) States() []telemetry.BudgetState {
	states := make([]telemetry.BudgetState, 0, len(b.list))
	for _, one := range b.list {
		s := one.State()
		states = append(states, telemetry.BudgetState{
			Credential: one.name, Limit: s.Limit, Used: s.Used, Waiting: s.Waiting, Outside: s.Outside,
			Blocked: max(0, time.Until(s.BlockedUntil).Seconds()), Tenants: s.Tenants,
		})
	}
	return states
}

// Checks returns the readiness checks: a replica without a partition of a budget cannot call Cloudflare.
func (b *Budgets) Checks() []telemetry.Check {
	var list []telemetry.Check
	for _, one := range b.list {
		list = append(list, telemetry.Check{Name: "budget " + one.name, Run: func(context.Context) error {
			if one.usage.usable() {
				return nil
			}
			return b.cause()
		}})
	}
	return list
}

// cause returns the reason why a budget is not open.
func (b *Budgets) cause() error {
	if failed := b.failure.Load(); failed != nil {
		return cmp.Or(*failed, errUnknown)
	}
	return errUnknown
}

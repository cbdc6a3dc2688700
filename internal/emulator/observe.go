package emulator

// Inject adds faults, all of them or none. The error lists every mistake in
// them.
func (e *Emulator) Inject(wanted ...Fault) error { return e.faults.add(wanted) }

// Faults returns the pending faults with their remaining times.
func (e *Emulator) Faults() []Fault { return e.faults.list() }

// ClearFaults removes all faults.
func (e *Emulator) ClearFaults() { e.faults.clear() }

// Reset removes all stores, secrets, faults and logged requests, and resets the
// rate limits. A running call may still have an effect.
func (e *Emulator) Reset() {
	e.faults.clear()
	e.database.clear()
	e.rateLimiter.clear()
	e.requestLog.clear()
}

// Value returns the value of a secret, for tests. No operation returns values.
func (e *Emulator) Value(accountID, storeID, secretName string) (string, bool) {
	a := e.database.accounts[accountID]
	if a == nil {
		return "", false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.snapshot.secrets {
		if s.storeID == storeID && s.name == secretName {
			return s.value, true
		}
	}
	return "", false
}

// Counts returns the numbers of stores and secrets of an account, and zeros for
// an unknown account.
func (e *Emulator) Counts(accountID string) (stores, secrets int) {
	a := e.database.accounts[accountID]
	if a == nil {
		return 0, 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.snapshot.stores), len(a.snapshot.secrets)
}

// Calls returns the number of requests for an operation, including refused requests and requests with a
// fault. The empty name counts requests that match no operation.
func (e *Emulator) Calls(operation string) int { return e.requestLog.count(operation) }

// Requests returns the logged requests, oldest first. It is empty unless Config.RequestLogLimit is set.
func (e *Emulator) Requests() []LoggedRequest { return e.requestLog.requests() }

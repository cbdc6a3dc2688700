package emulator

// Inject adds faults to those that wait, all of them or none. The error names
// every mistake in them.
func (e *Emulator) Inject(wanted ...Fault) error { return e.faults.add(wanted) }

// Faults are the faults that wait, with the times that are left.
func (e *Emulator) Faults() []Fault { return e.faults.list() }

// ClearFaults forgets all faults and leaves everything else as it is.
func (e *Emulator) ClearFaults() { e.faults.clear() }

// Reset starts afresh: no stores, no secrets, no faults, no requests in the
// journal, and budgets that are whole. A call that is under way may still
// leave its mark.
func (e *Emulator) Reset() {
	e.faults.clear()
	e.state.clear()
	e.rateLimiter.clear()
	e.requestLog.clear()
}

// Value returns the value of a secret, which no operation does. It is for
// tests.
func (e *Emulator) Value(accountID, storeID, secretName string) (string, bool) {
	a := e.state.accounts[accountID]
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

// Counts returns how many stores and secrets an account has; none when there
// is no such account.
func (e *Emulator) Counts(accountID string) (stores, secrets int) {
	a := e.state.accounts[accountID]
	if a == nil {
		return 0, 0
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.snapshot.stores), len(a.snapshot.secrets)
}

// Calls returns how many requests came for an operation, refused ones and
// those struck by a fault included. The empty name counts requests that lead
// nowhere.
func (e *Emulator) Calls(operation string) int { return e.requestLog.count(operation) }

// Requests returns what the journal holds, the oldest first. It is empty
// unless Config.RequestLogLimit is set.
func (e *Emulator) Requests() []Request { return e.requestLog.requests() }

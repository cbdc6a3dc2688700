package idempotency

// adopt notes that a flight takes care of an intent.
func (k *Coordinator) adopt(f *flight, id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f.intent = id
	k.running[id] = nil
}

func (k *Coordinator) leave(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.running, id)
}

// Running returns the intent of a change that this process is making.
func (k *Coordinator) Running(id string) (Intent, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := k.running[id]; i != nil {
		return *i, true
	}
	return Intent{}, false
}

// runs notes that the change of an intent is made from now on.
func (k *Coordinator) runs(i *Intent) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.running[i.ID] = i
}

func (k *Coordinator) owned(id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.running[id]
	return ok
}

package upstream

import "sync"

// events tells what becomes of the credential of an account, and nothing twice.
// Both the watch of its file and the rotation use it.
type events struct {
	tell func(error)

	mu       sync.Mutex
	troubled bool   // that all is well again is worth telling
	told     string // the sort of what was told last, which is not told twice
}

// well tells that what the file holds is in use, if that is news.
func (e *events) well(news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if news || e.troubled {
		e.tell(nil)
	}
	e.troubled, e.told = false, ""
}

// complain tells an error, unless the one before it was of the same sort.
func (e *events) complain(sort string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if sort == e.told {
		return
	}
	e.troubled, e.told = true, sort
	e.tell(err)
}

// anew lets an error of any sort be told: it is about another candidate.
func (e *events) anew() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = ""
}

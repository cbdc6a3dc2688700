package upstream

import "sync"

// events reports the state of an account's credential, without repetition. The watch of the
// credential file and the rotation use it.
type events struct {
	tell func(error)

	mu       sync.Mutex
	troubled bool   // a recovery must be reported
	told     string // the last reported type of error, which is not repeated
}

// well reports that the file's content is in use, if that is news.
func (e *events) well(news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if news || e.troubled {
		e.tell(nil)
	}
	e.troubled, e.told = false, ""
}

// complain reports an error, unless the last reported error has the same type.
func (e *events) complain(sort string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if sort == e.told {
		return
	}
	e.troubled, e.told = true, sort
	e.tell(err)
}

// anew resets the last reported error, because the candidate has changed.
func (e *events) anew() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = ""
}

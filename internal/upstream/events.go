package upstream

import "sync"

// events reports the state of an account's credential, without repetition. The watch of the
// credential file and the rotation use it.
type events struct {
	notify func(error)

	mu       sync.Mutex
	failing  bool   // a recovery must be reported
	reported string // the last reported type of error, which is not repeated
}

// recovered reports that the file's content is in use, if that is news.
func (e *events) recovered(news bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if news || e.failing {
		e.notify(nil)
	}
	e.failing, e.reported = false, ""
}

// fail reports an error, unless the last reported error has the same type.
func (e *events) fail(sort string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if sort == e.reported {
		return
	}
	e.failing, e.reported = true, sort
	e.notify(err)
}

// reset resets the last reported error, because the candidate has changed.
func (e *events) reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reported = ""
}

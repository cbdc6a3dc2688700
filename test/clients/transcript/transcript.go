// Package transcript compares the results of two runs of a script. It must not
// know the meaning of the results.
package transcript

// Exchange is a request with its answer.
type Exchange struct {
	Method string
	// Path includes the query, as the client wrote both.
	Path string
	// Sent is the body of the request.
	Sent        string
	Status      int
	ContentType string
	Body        string
}

// Entry is one step of a script.
type Entry struct {
	// Step names the step.
	Step string
	// Differs says that the answers are meant to differ.
	Differs bool
	// View is the client's result, as text.
	View string
	// Exchanges of the step, in order.
	Exchanges []Exchange
}

// Transcript is one run of a script.
type Transcript struct {
	// Base is the URL that the client was given, without a path.
	Base string
	// Entries stand in the order of the script.
	Entries []Entry
}

// Package transcript compares what two runs of a script brought to light. It
// must not know what any of it means.
package transcript

// Exchange is one request with its answer.
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
	// View is what the client made of the answers, as text.
	View string
	// Exchanges are those that the step caused, in order.
	Exchanges []Exchange
}

// Transcript is one run of a script.
type Transcript struct {
	// Base is the URL that the client was given, without a path.
	Base string
	// Entries stand in the order of the script.
	Entries []Entry
}

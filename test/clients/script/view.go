package script

import "encoding/json"

// Failure is a client's own report of an error.
type Failure struct {
	// Class is the client's name for the kind of error.
	Class string `json:"class"`
	// Status is what the client says the HTTP status was; 0 if none.
	Status int `json:"status"`
	// Errors are the items that the client read from the envelope.
	Errors any `json:"errors"`
	// Text is what the client would print.
	Text string `json:"text"`
}

// Page is a client's own report of one page of a list.
type Page struct {
	Items any `json:"items"`
	// Info is what the client read about the place of the page in the list.
	Info any `json:"info"`
}

// Seen makes a view of what a client returned.
func Seen(result any) (View, error) {
	return json.Marshal(map[string]any{"result": result})
}

// Failed makes a view of a client's error.
func Failed(f Failure) (View, error) {
	return json.Marshal(map[string]any{"error": f})
}

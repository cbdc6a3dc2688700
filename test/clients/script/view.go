package script

import "encoding/json"

// Failure is a client's own report of an error.
type Failure struct {
	// Class is the client's name for the kind of error.
	Class string `json:"class"`
	// Status is the HTTP status that the client reports; 0 if none.
	Status int `json:"status"`
	// Errors are the items that the client read from the envelope.
	Errors any `json:"errors"`
	// Text is the client's printed text.
	Text string `json:"text"`
}

// Page is a client's own report of one page of a list.
type Page struct {
	Items any `json:"items"`
	// Info is the client's paging information.
	Info any `json:"info"`
}

// Seen makes a view of a client's result.
func Seen(result any) (View, error) {
	return json.Marshal(map[string]any{"result": result})
}

// Failed makes a view of a client's error.
func Failed(f Failure) (View, error) {
	return json.Marshal(map[string]any{"error": f})
}

package upstream

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// Answer is Cloudflare's response to a successful call.
type Answer[T any] struct {
	// Result is the requested object.
	Result T
	// Info is the pagination state. Nil if Cloudflare sent none.
	Info *ResultInfo
	// Notices are Cloudflare's messages beside the result, free of secrets.
	Notices []Notice
	// Ray is Cloudflare's ray ID of the response. Empty if there is none.
	Ray string
}

// None is the result of a call without a result.
type None struct{}

// UnmarshalJSON accepts and ignores any JSON.
func (*None) UnmarshalJSON([]byte) error { return nil }

// ResultInfo is the pagination state of a list.
type ResultInfo struct {
	// Count is the number of items on this page.
	Count int
	// Page is the number of this page, counted from 1.
	Page int
	// PerPage is the maximum number of items on a page of this list.
	PerPage int
	// TotalCount is the number of items on all pages.
	TotalCount int
	// TotalPages is the number of pages. Nil if Cloudflare did not send a number.
	TotalPages *int
}

// UnmarshalJSON decodes Cloudflare's form, with whole numbers in any notation.
func (r *ResultInfo) UnmarshalJSON(text []byte) error {
	var wire struct {
		Count      number  `json:"count"`
		Page       number  `json:"page"`
		PerPage    number  `json:"per_page"`
		TotalCount number  `json:"total_count"`
		TotalPages *number `json:"total_pages"`
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return err
	}
	*r = ResultInfo{
		Count:      int(wire.Count),
		Page:       int(wire.Page),
		PerPage:    int(wire.PerPage),
		TotalCount: int(wire.TotalCount),
	}
	if wire.TotalPages != nil {
		pages := int(*wire.TotalPages)
		r.TotalPages = &pages
	}
	return nil
}

// Notice is a message of Cloudflare beside a result.
type Notice struct {
	// Code is Cloudflare's code. Nil if there is none.
	Code *int32
	// Message is the text.
	Message string
	// DocumentationURL is the URL of a page about the message, or empty.
	DocumentationURL string
	// Pointer is a JSON pointer to the part of the request that the message concerns, or empty.
	Pointer string
}

// number is a whole number of JSON in any notation: 100, 100.0, 1e2.
type number int64

// maxNumber is the limit up to which JSON numbers are exact.
const maxNumber = 1 << 53

var errNumber = errors.New("not a whole number")

func (n *number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	value, err := strconv.ParseFloat(string(text), 64)
	if err != nil || value != math.Trunc(value) || math.Abs(value) > maxNumber {
		return errNumber
	}
	*n = number(value)
	return nil
}

// code is the code of an error or notice. An invalid code counts as absent, because the rest of a
// refusal is still useful.
type code struct{ value *int32 }

func (c *code) UnmarshalJSON(text []byte) error {
	var n number
	malformed := n.UnmarshalJSON(text) != nil
	if malformed || string(text) == "null" || n < math.MinInt32 || n > math.MaxInt32 {
		return nil //nolint:nilerr // the rest of a refusal is still useful
	}
	value := int32(n)
	c.value = &value
	return nil
}

// number returns 0 if there is no code.
func (c code) number() int32 {
	if c.value == nil {
		return 0
	}
	return *c.value
}

package upstream

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// Answer is what Cloudflare said to a call that succeeded.
type Answer[T any] struct {
	// Result is what was asked for.
	Result T
	// Info says where a page stands in its list. Nil where Cloudflare gave
	// none.
	Info *ResultInfo
	// Notices are what Cloudflare said beside it, free of secrets.
	Notices []Notice
	// Ray is Cloudflare's identifier for the answer. Empty where it gave none.
	Ray string
}

// None is the result of a call that gives nothing back.
type None struct{}

// UnmarshalJSON takes anything, where a result is of no interest.
func (*None) UnmarshalJSON([]byte) error { return nil }

// ResultInfo says where a page stands in its list.
type ResultInfo struct {
	// Count is the number of items on this page.
	Count int
	// Page is the number of this page, counted from 1.
	Page int
	// PerPage is the most items that a page of this list holds.
	PerPage int
	// TotalCount is the number of items on all pages.
	TotalCount int
	// TotalPages is the number of pages. Nil where Cloudflare did not say.
	TotalPages *int
}

// UnmarshalJSON reads Cloudflare's form, with whole numbers in any notation.
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

// Notice is something that Cloudflare said beside a result.
type Notice struct {
	// Code is Cloudflare's number. Nil where it gave none.
	Code *int32
	// Message is the text.
	Message string
	// DocumentationURL is a page about it. Empty where there is none.
	DocumentationURL string
	// Pointer is the part of the request that it is about, as a JSON pointer.
	// Empty where Cloudflare named none.
	Pointer string
}

// number is a whole number of JSON in any notation: 100, 100.0, 1e2.
type number int64

// maxNumber is where a JSON number stops being exact.
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

// code is the number of an error or notice. What is no such number counts as
// none, since a refusal is worth understanding without its number.
type code struct{ value *int32 }

func (c *code) UnmarshalJSON(text []byte) error {
	var n number
	malformed := n.UnmarshalJSON(text) != nil
	if malformed || string(text) == "null" || n < math.MinInt32 || n > math.MaxInt32 {
		return nil //nolint:nilerr // a refusal is worth understanding without its number
	}
	value := int32(n)
	c.value = &value
	return nil
}

// number gives 0 for none.
func (c code) number() int32 {
	if c.value == nil {
		return 0
	}
	return *c.value
}

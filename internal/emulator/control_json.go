package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// faultJSON is a fault in the control API.
type faultJSON struct {
	Kind        FaultKind `json:"kind"`
	Method      string    `json:"method,omitempty"`
	Path        string    `json:"path,omitempty"`
	Operation   string    `json:"operation,omitempty"`
	Times       int       `json:"times,omitempty"`
	Probability float64   `json:"probability,omitempty"`
	DelayMS     int64     `json:"delay_ms,omitempty"`
	AfterCommit bool      `json:"after_commit,omitempty"`
	Status      int       `json:"status,omitempty"`
	RetryAfterS int64     `json:"retry_after_s,omitempty"`
	ContentType string    `json:"content_type,omitempty"`
	Body        string    `json:"body,omitempty"`
	Location    string    `json:"location,omitempty"`
	LagMS       int64     `json:"lag_ms,omitempty"`
	Size        int64     `json:"size,omitempty"`

	Messages   json.RawMessage `json:"messages,omitempty"`
	Errors     json.RawMessage `json:"errors,omitempty"`
	ResultInfo json.RawMessage `json:"result_info,omitempty"`
}

func (f Fault) toJSON() faultJSON {
	return faultJSON{
		Kind: f.Kind, Method: f.Method, Path: f.Path, Operation: f.Operation,
		Times: f.Times, Probability: f.Probability,
		DelayMS: f.Delay.Milliseconds(), AfterCommit: f.AfterCommit, Status: f.Status,
		RetryAfterS: int64(seconds(f.RetryAfter)), ContentType: f.ContentType, Body: f.Body,
		Location: f.Location, LagMS: f.Lag.Milliseconds(), Size: f.Size,
		Messages: json.RawMessage(f.Messages), Errors: json.RawMessage(f.Errors), ResultInfo: json.RawMessage(f.ResultInfo),
	}
}

func (f faultJSON) toFault() Fault {
	return Fault{
		Kind: f.Kind, Method: f.Method, Path: f.Path, Operation: f.Operation,
		Times: f.Times, Probability: f.Probability,
		Delay: duration(f.DelayMS, time.Millisecond), AfterCommit: f.AfterCommit, Status: f.Status,
		RetryAfter: duration(f.RetryAfterS, time.Second), ContentType: f.ContentType, Body: f.Body,
		Location: f.Location, Lag: duration(f.LagMS, time.Millisecond), Size: f.Size,
		Messages: string(f.Messages), Errors: string(f.Errors), ResultInfo: string(f.ResultInfo),
	}
}

// duration returns n units, or the maximum duration if n is too large. The check of the fault then refuses
// the value.
func duration(n int64, unit time.Duration) time.Duration {
	const longest = 1 << 62
	switch {
	case n > longest/int64(unit):
		return longest
	case n < -longest/int64(unit):
		return -longest
	default:
		return time.Duration(n) * unit
	}
}

// decodeFaults parses a fault or an array of faults. An unknown key is an error: with a misspelt fault, a
// test would pass for the wrong reason.
func decodeFaults(body []byte) ([]Fault, error) {
	var ordered []faultJSON
	var err error
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		err = decodeStrict(body, &ordered)
	} else {
		ordered = make([]faultJSON, 1)
		err = decodeStrict(body, &ordered[0])
	}
	if err != nil {
		return nil, fmt.Errorf("the body is not a fault: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	wanted := make([]Fault, 0, len(ordered))
	for _, f := range ordered {
		wanted = append(wanted, f.toFault())
	}
	return wanted, nil
}

func decodeStrict(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows after its end")
	}
	return nil
}

// requestJSON is a logged request in the control API.
type requestJSON struct {
	Time      time.Time   `json:"time"`
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Query     string      `json:"query"`
	Operation string      `json:"operation"`
	Header    http.Header `json:"header"`
	// Body is the body if it is text; otherwise BodyBase64 is set.
	Body       string `json:"body,omitempty"`
	BodyBase64 []byte `json:"body_base64,omitempty"`
	Size       int    `json:"size"`
}

func (r LoggedRequest) toJSON() requestJSON {
	shown := requestJSON{
		Time: r.Time, Method: r.Method, Path: r.Path, Query: r.Query,
		Operation: r.Operation, Header: r.Header, Size: r.Size,
	}
	if utf8.Valid(r.Body) {
		shown.Body = string(r.Body)
	} else {
		shown.BodyBase64 = r.Body
	}
	return shown
}

package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

const (
	controlPrefix = "/__emulator/"
	// maxControlBody is the maximum body of a control request, in bytes.
	maxControlBody = 4 << 20
)

// controlMethods maps HTTP methods to the handlers of one path of the control
// API.
type controlMethods map[string]func(*Emulator, *http.Request) (any, error)

func control() map[string]controlMethods {
	return map[string]controlMethods{
		"faults": {
			http.MethodPost:   (*Emulator).postFaults,
			http.MethodGet:    (*Emulator).showFaults,
			http.MethodDelete: (*Emulator).dropFaults,
		},
		"requests": {http.MethodGet: (*Emulator).showRequests},
		"state":    {http.MethodDelete: (*Emulator).dropState},
	}
}

func (e *Emulator) isControl(r *http.Request) bool {
	return !e.config.ControlOff && strings.HasPrefix(r.URL.Path, controlPrefix)
}

// serveControl uses a different answer format than Cloudflare, so that the answers cannot be confused.
func (e *Emulator) serveControl(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", jsonType)
	methods, ok := control()[strings.TrimPrefix(r.URL.Path, controlPrefix)]
	if !ok {
		known := slices.Sorted(maps.Keys(control()))
		writeControl(w, http.StatusNotFound, errorBody(fmt.Errorf("there is only %s", strings.Join(known, ", "))))
		return
	}
	run, ok := methods[r.Method]
	if !ok {
		allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		w.Header().Set("Allow", allowed)
		writeControl(w, http.StatusMethodNotAllowed, errorBody(fmt.Errorf("the method must be one of %s", allowed)))
		return
	}
	result, err := run(e, r)
	if err != nil {
		writeControl(w, http.StatusBadRequest, errorBody(err))
		return
	}
	writeControl(w, http.StatusOK, result)
}

func errorBody(err error) any { return map[string]string{"error": err.Error()} }

func writeControl(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		status = http.StatusInternalServerError
		body.Reset()
		body.WriteString(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.WriteHeader(status)
	// The client may have left.
	_, _ = w.Write(body.Bytes())
}

func (e *Emulator) postFaults(r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxControlBody+1))
	if err != nil {
		return nil, fmt.Errorf("the body cannot be read: %w", err)
	}
	if len(body) > maxControlBody {
		return nil, fmt.Errorf("the body must be at most %d bytes", maxControlBody)
	}
	wanted, err := decodeFaults(body)
	if err != nil {
		return nil, err
	}
	if len(wanted) == 0 {
		return nil, errors.New("the body must hold a fault or an array of at least one")
	}
	if err := e.faults.add(wanted); err != nil {
		return nil, err
	}
	return e.showFaults(r)
}

func (e *Emulator) showFaults(*http.Request) (any, error) {
	waiting := e.faults.list()
	shown := make([]faultJSON, 0, len(waiting))
	for _, f := range waiting {
		shown = append(shown, f.toJSON())
	}
	return map[string]any{"faults": shown}, nil
}

func (e *Emulator) dropFaults(r *http.Request) (any, error) {
	e.faults.clear()
	return e.showFaults(r)
}

func (e *Emulator) dropState(*http.Request) (any, error) {
	e.Reset()
	return struct{}{}, nil
}

func (e *Emulator) showRequests(*http.Request) (any, error) {
	kept := e.requestLog.requests()
	shown := make([]requestJSON, 0, len(kept))
	for _, r := range kept {
		shown = append(shown, r.toJSON())
	}
	return map[string]any{"limit": e.requestLog.limit, "requests": shown}, nil
}

package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"platform.internal/storekeeper/test/clients/transcript"
)

// Step is one call with its wanted result on both sides: otherwise two sides
// that refuse everything would count as equal.
type Step struct {
	Name string
	Call Call
	// Save keeps the ids in the answer under these names, in their order.
	Save []string
	// Status is that of the last answer. 0 says that nothing may be sent.
	Status int
	// Local allows a client to refuse by itself and to send nothing.
	Local bool
	// Word must be in the body of the last answer.
	Word string
	// Says must be in the client's result.
	Says string
	// NeverSays must not be in the client's result; "" is ignored.
	NeverSays string
	// Differs is the reason why Storekeeper answers differently from
	// Cloudflare. The answers are then not compared: Through is Storekeeper's
	// wanted answer.
	Differs string
	Through Answer
}

// Answer is the wanted answer of Storekeeper.
type Answer struct {
	// Status is the HTTP status, and Word is in the body.
	Status int
	Word   string
}

// Recorder returns the exchanges since the last call of Take.
type Recorder interface {
	Take() []transcript.Exchange
}

// Runner runs a script with one client.
type Runner struct {
	Client   Client
	Recorder Recorder
	// Base is the client's URL without a path, and Account the id that calls use.
	Base, Account string
	// Through says that the client is pointed at Storekeeper.
	Through bool
}

// Run makes all calls, and returns the transcript and the deviations from the
// steps. A step that the client does not offer is left out.
func (r Runner) Run(ctx context.Context, steps []Step) (transcript.Transcript, error) {
	out := transcript.Transcript{Base: r.Base}
	kept := map[string]string{}
	var wrong []error
	for _, s := range steps {
		if r.Through && s.Differs != "" {
			s.Status, s.Word = s.Through.Status, s.Through.Word
		}
		call := s.Call.with(kept)
		if call.Account == "" {
			call.Account = r.Account
		}
		view, err := r.Client.Do(ctx, call)
		if errors.Is(err, ErrNotOffered) {
			continue
		}
		if err != nil {
			return out, errors.Join(append(wrong, fmt.Errorf("step %q: %w", s.Name, err))...)
		}
		entry := transcript.Entry{Step: s.Name, Differs: s.Differs != "", View: string(view), Exchanges: r.Recorder.Take()}
		out.Entries = append(out.Entries, entry)
		if err := s.check(entry, kept); err != nil {
			wrong = append(wrong, fmt.Errorf("step %q: %w", s.Name, err))
		}
	}
	return out, errors.Join(wrong...)
}

// check compares the result of a step with the wanted result, and keeps the ids.
func (s Step) check(e transcript.Entry, kept map[string]string) error {
	if !strings.Contains(e.View, s.Says) {
		return fmt.Errorf("the client does not say %q: %s", s.Says, e.View)
	}
	if s.NeverSays != "" && strings.Contains(e.View, s.NeverSays) {
		return fmt.Errorf("the client says %q: %s", s.NeverSays, e.View)
	}
	if len(e.Exchanges) == 0 {
		if s.Status != 0 && !s.Local {
			return fmt.Errorf("nothing was sent; the client says %s", e.View)
		}
		return nil
	}
	last := e.Exchanges[len(e.Exchanges)-1]
	if last.Status != s.Status {
		return fmt.Errorf("status %d, want %d: %.300s", last.Status, s.Status, last.Body)
	}
	if !strings.Contains(last.Body, s.Word) {
		return fmt.Errorf("the body lacks %q: %.300s", s.Word, last.Body)
	}
	if len(s.Save) == 0 {
		return nil
	}
	ids, err := idsIn(last.Body)
	if err == nil && len(ids) < len(s.Save) {
		err = fmt.Errorf("%d ids are too few: %.300s", len(ids), last.Body)
	}
	for i := range min(len(s.Save), len(ids)) {
		kept[s.Save[i]] = ids[i]
	}
	return err
}

// idsIn returns the id of a result, or the ids of an array of results.
func idsIn(body string) ([]string, error) {
	type object struct {
		ID string `json:"id"`
	}
	var one struct {
		Result object `json:"result"`
	}
	if json.Unmarshal([]byte(body), &one) == nil {
		return []string{one.Result.ID}, nil
	}
	var many struct {
		Result []object `json:"result"`
	}
	if err := json.Unmarshal([]byte(body), &many); err != nil {
		return nil, fmt.Errorf("no ids in %.300s: %w", body, err)
	}
	var ids []string
	for _, o := range many.Result {
		ids = append(ids, o.ID)
	}
	return ids, nil
}

// with puts kept ids in the place of $name.
func (c Call) with(kept map[string]string) Call {
	fill := func(s string) string { return os.Expand(s, func(name string) string { return kept[name] }) }
	c.Store, c.Secret = fill(c.Store), fill(c.Secret)
	c.IDs = slices.Clone(c.IDs)
	for i, id := range c.IDs {
		c.IDs[i] = fill(id)
	}
	c.Request.Path, c.Request.Body = fill(c.Request.Path), fill(c.Request.Body)
	c.Command.Args = slices.Clone(c.Command.Args)
	for i, arg := range c.Command.Args {
		c.Command.Args[i] = fill(arg)
	}
	return c
}

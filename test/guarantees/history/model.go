// Package history records the calls of callers on secrets and the answers, and
// checks whether the history of each secret is linearizable.
//
// It must not know how calls are made.
package history

import (
	"cmp"
	"fmt"

	"github.com/anishathalye/porcupine"

	"platform.internal/storekeeper/test/guarantees/calls"
)

// Kind is the operation of a call.
type Kind string

// The kinds.
const (
	// Create makes the secret.
	Create Kind = "create"
	// Update changes the secret with the identifier.
	Update Kind = "update"
	// Delete deletes the secret with the identifier.
	Delete Kind = "delete"
	// Get reads the secret with the identifier.
	Get Kind = "get"
	// See reads the secret with the name from a list.
	See Kind = "see"
	// Look reads the secret with the name from Cloudflare, value included.
	Look Kind = "look"
)

// Input is a call about one name.
type Input struct {
	// Kind is the operation.
	Kind Kind
	// Name is the secret's name.
	Name string
	// ID is the identifier that the call gives. Create, See and Look have none.
	ID string
	// Write has the fields that Create and Update set.
	Write calls.Write

	// turn numbers equal open changes from 1. 0: there is no equal one.
	turn int
}

// Output is the answer.
type Output struct {
	// Verdict is calls.Done, Missing or Taken. With any other verdict, the
	// effect of a change is unknown.
	Verdict calls.Verdict
	// Secret is the returned secret. Empty in answers to Delete.
	Secret calls.Secret
	// Value is the value that Look found.
	Value string
	// Said is the answer in short, for a person.
	Said string
}

// secret is the state of one name. Without a secret, it is zero.
type secret struct {
	there bool
	// id is empty after a create whose answer never came.
	id    string
	write calls.Write
	// taken are the turns of equal open changes so far.
	taken *turns
}

// Model is the sequential specification of a secret.
func Model() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation { return inTurn(byName(history)) },
		Init:      func() any { return secret{} },
		Step: func(state, input, output any) (bool, any) {
			return state.(secret).take(input.(Input), output.(Output))
		},
		Equal:             func(a, b any) bool { return a.(secret).equal(b.(secret)) },
		DescribeOperation: func(input, output any) string { return describe(input.(Input), output.(Output)) },
		DescribeState: func(state any) string {
			s := state.(secret)
			return fmt.Sprintf("there=%v id=%s %+v", s.there, s.id, s.write)
		},
	}
}

// byName splits a history by name, since a change of one name does not affect others.
func byName(history []porcupine.Operation) [][]porcupine.Operation {
	var names []string
	parts := map[string][]porcupine.Operation{}
	for _, o := range history {
		name := o.Input.(Input).Name
		if parts[name] == nil {
			names = append(names, name)
		}
		parts[name] = append(parts[name], o)
	}
	split := make([][]porcupine.Operation, len(names))
	for i, name := range names {
		split[i] = parts[name]
	}
	return split
}

// step reports whether a secret can give this answer, and returns the next
// state. A change with an unknown effect is applied if possible: a change that
// was not made equals a change after all other calls.
func (s secret) step(in Input, out Output) (bool, secret) {
	switch in.Kind {
	case Create:
		return s.create(in, out)
	case Update, Delete:
		return s.change(in, out)
	case Get:
		if out.Verdict == calls.Missing {
			return !s.is(in.ID) || s.id == "", s
		}
		return s.shows(in.ID, out)
	default:
		if out.Verdict == calls.Missing {
			return !s.there, s
		}
		return s.shows(out.Secret.ID, out)
	}
}

func (s secret) create(in Input, out Output) (bool, secret) {
	made := secret{there: true, id: out.Secret.ID, write: in.Write, taken: s.taken}
	switch out.Verdict {
	case calls.Done:
		return !s.there && made.is(out.Secret.ID) && made.looks(out), made
	case calls.Taken:
		return s.there, s
	}
	if s.there {
		return true, s
	}
	return true, made
}

func (s secret) change(in Input, out Output) (bool, secret) {
	after := secret{taken: s.taken}
	if in.Kind == Update {
		after.there, after.id, after.write = true, in.ID, over(s.write, in.Write)
	}
	switch out.Verdict {
	case calls.Done:
		return s.is(in.ID) && (in.Kind == Delete || after.looks(out)), after
	case calls.Missing:
		return !s.is(in.ID) || s.id == "", s
	}
	if s.there && s.id == in.ID {
		return true, after
	}
	return true, s
}

// is reports whether there is a secret that can have an identifier.
func (s secret) is(id string) bool { return s.there && (s.id == id || s.id == "") }

// shows reports whether the secret can have this answer under an identifier,
// which is known from then on.
func (s secret) shows(id string, out Output) (bool, secret) {
	if !s.is(id) || !s.looks(out) {
		return false, s
	}
	s.id = id
	return true, s
}

// looks reports whether an answer matches the secret.
func (s secret) looks(out Output) bool {
	return out.Secret.Comment == s.write.Comment && out.Secret.Scopes == s.write.Scopes &&
		(out.Value == "" || out.Value == s.write.Value)
}

func describe(in Input, out Output) string {
	set := ""
	if in.Kind == Create || in.Kind == Update {
		set = fmt.Sprintf(" comment=%q scopes=%q value=%q", in.Write.Comment, in.Write.Scopes, in.Write.Value)
	}
	shown := ""
	if out.Secret.ID != "" {
		shown = fmt.Sprintf(" id=%.6s comment=%q scopes=%q %s", out.Secret.ID, out.Secret.Comment, out.Secret.Scopes, out.Value)
	}
	return fmt.Sprintf("%s %.6s%s -> %s%s (%s)", in.Kind, cmp.Or(in.ID, in.Name), set, out.Verdict, shown, out.Said)
}

// over returns the earlier write with the fields of the new write that are not empty.
func over(before, now calls.Write) calls.Write {
	return calls.Write{
		Value:   cmp.Or(now.Value, before.Value),
		Comment: cmp.Or(now.Comment, before.Comment),
		Scopes:  cmp.Or(now.Scopes, before.Scopes),
	}
}

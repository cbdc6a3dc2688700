package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"platform.internal/storekeeper/internal/change"
	"platform.internal/storekeeper/internal/fault"
)

var (
	// errAgain says that another round is needed and that there was no failure.
	errAgain = errors.New("look again")
	// errNotHeld says that this process does not own the change any more.
	errNotHeld = errors.New("the change is made elsewhere")
)

// verdicts are the kinds of fault that prove that a change was examined and refused. All other kinds are
// failures of transport or availability.
var verdicts = []fault.Kind{
	fault.BadInput, fault.TooLarge, fault.NotFound, fault.NameTaken, fault.LimitReached, fault.NotEmpty,
	fault.Denied, fault.Unauthenticated, fault.Unimplemented,
}

// final reports whether an attempt was refused for good. The outcome of an earlier attempt may still be
// unknown.
func final(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason != fault.ReasonUpstreamAnswerLost && slices.Contains(verdicts, f.Kind)
}

// sentBefore notes in a refusal that the change was sent before.
func sentBefore(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	again := *f
	return again.Because(fmt.Errorf("%w: %w", change.ErrSentBefore, err))
}

func isLost(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason == fault.ReasonUpstreamAnswerLost
}

// isUnclear reports whether an answer arrived that proves nothing about the change.
func isUnclear(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason == fault.ReasonUpstreamAnswerLost && f.Kind == fault.Upstream
}

func isNameTaken(err error) bool { return err != nil && fault.From(err).Kind == fault.NameTaken }

// unknown returns the fault of a change that another process may have made.
func unknown(because error) *fault.Error {
	return fault.New(fault.Unavailable, fault.ReasonUpstreamAnswerLost,
		"It is not known at the moment whether the change was made.").Because(because)
}

// taken returns the fault of a name that another change has just created.
func taken(what, name string) *fault.Error {
	f := fault.New(fault.NameTaken, strings.ToUpper(what)+"_NAME_ALREADY_EXISTS", "The name is in use already.")
	f.Detail = name
	return f
}

// moved converts a fault about some items of a batch into a fault about the batch. at holds the index of each
// item in the batch. moved drops Cloudflare's own texts, because they count items too.
func moved(err error, at []int) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	whole := *f
	whole.Notices, whole.Errors = nil, nil
	whole.Fields = slices.Clone(f.Fields)
	for i := range whole.Fields {
		whole.Fields[i].Pointer = movedPointer(whole.Fields[i].Pointer, at)
	}
	return &whole
}

// movedPointer turns "/1/name" into "/7/name" if the second item is the eighth of the batch.
func movedPointer(pointer string, at []int) string {
	first, rest, more := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	i, err := strconv.Atoi(first)
	if err != nil || i < 0 || i >= len(at) {
		return pointer
	}
	place := "/" + strconv.Itoa(at[i])
	if more {
		place += "/" + rest
	}
	return place
}

// missing returns the fault of an object that does not exist and did not exist before.
func missing(what string) *fault.Error {
	return fault.New(fault.NotFound, strings.ToUpper(what)+"_NOT_FOUND", "There is no "+what+" with this identifier.").Because(change.ErrNeverThere)
}

func orNotDone(err error) error {
	if err != nil {
		return err
	}
	return change.ErrNotDone
}

// within converts a fault about one secret into a fault about its index in a batch.
func within(err error, place int) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	whole := *f
	whole.Notices, whole.Errors = nil, nil
	whole.Fields = slices.Clone(f.Fields)
	for i, field := range whole.Fields {
		whole.Fields[i].Pointer = "/" + strconv.Itoa(place) + field.Pointer
	}
	return &whole
}

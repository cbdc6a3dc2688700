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
	// errAgain says that another round is needed, without trouble.
	errAgain = errors.New("look again")
	// errNotHeld says that the change is not this call's any more.
	errNotHeld = errors.New("the change is made elsewhere")
)

// verdicts are the kinds of fault that say of a change that it was looked at
// and not made. All others say something about the way there.
var verdicts = []fault.Kind{
	fault.BadInput, fault.TooLarge, fault.NotFound, fault.NameTaken, fault.LimitReached, fault.NotEmpty,
	fault.Denied, fault.Unauthenticated, fault.Unimplemented,
}

// final says whether an attempt was refused for good. That of an earlier one
// is then still open.
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

// isUnclear says whether an answer came that proves nothing about the change.
func isUnclear(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Reason == fault.ReasonUpstreamAnswerLost && f.Kind == fault.Upstream
}

func isNameTaken(err error) bool { return err != nil && fault.From(err).Kind == fault.NameTaken }

// unknown makes the fault of a change that may have been made elsewhere.
func unknown(because error) *fault.Error {
	return fault.New(fault.Unavailable, fault.ReasonUpstreamAnswerLost,
		"It is not known at the moment whether the change was made.").Because(because)
}

// taken makes the fault of a name that another change has just won.
func taken(what, name string) *fault.Error {
	f := fault.New(fault.NameTaken, strings.ToUpper(what)+"_NAME_ALREADY_EXISTS", "The name is in use already.")
	f.Detail = name
	return f
}

// moved makes a fault about some items of a batch one about the batch. at says
// where each item stands in it. What Cloudflare said about it counts items too
// and is left out.
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

// movedPointer turns "/1/name" into "/7/name" where the second item is the
// eighth of the batch.
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

// missing makes the fault of something that is not there and was not before.
func missing(what string) *fault.Error {
	return fault.New(fault.NotFound, strings.ToUpper(what)+"_NOT_FOUND", "There is no "+what+" with this identifier.").Because(change.ErrNeverThere)
}

func orNotDone(err error) error {
	if err != nil {
		return err
	}
	return change.ErrNotDone
}

// within makes a fault about one secret one about its place in a batch.
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

// Package contract reads the rules that the proto files declare beside each
// field and holds requests against them.
//
// It must not know how a request arrived or what becomes of it.
package contract

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/fault"
)

// Validator holds requests against their declared rules. It is safe for
// concurrent use.
type Validator struct {
	rules      protovalidate.Validator
	listLimits listLimits
}

// NewValidator compiles the rules of the messages that the services take, so
// that a rule that cannot be compiled stops the start and not a call.
func NewValidator(services ...protoreflect.ServiceDescriptor) (*Validator, error) {
	var requests []protoreflect.MessageDescriptor
	lists := listLimits{}
	for _, s := range services {
		for i := range s.Methods().Len() {
			request := s.Methods().Get(i).Input()
			if err := lists.read(request); err != nil {
				return nil, fmt.Errorf("read the field rules: %w", err)
			}
			requests = append(requests, request)
		}
	}
	rules, err := protovalidate.New(protovalidate.WithMessageDescriptors(requests...), protovalidate.WithDisableLazy())
	if err != nil {
		return nil, fmt.Errorf("compile the field rules: %w", err)
	}
	return &Validator{rules: rules, listLimits: lists}, nil
}

// Check returns nil when the request keeps every rule. Otherwise the fault is
// NotFound when an identifier is of a form that no object has, and else
// BadInput with every wrong field, those that were found while the request was
// decoded (see WithMistakes) among them. A store that cannot exist comes before
// all else, and a secret that cannot after it, as Cloudflare has it.
func (v *Validator) Check(ctx context.Context, request proto.Message) error {
	found := MistakesFrom(ctx)
	if found.Fault != nil {
		return found.Fault
	}
	broken, err := v.violations(v.listLimits.truncate(request))
	if err != nil {
		return err
	}
	if len(broken) == 0 && len(found.Fields) == 0 {
		return nil
	}
	rules, missing := splitViolations(broken, request)
	if err := missing["store"]; err != nil {
		return err
	}
	fields := found.fields()
	if !found.bodyUnreadable() {
		fields = append(fields, fieldMistakes(rules, fields, request)...)
	}
	if len(fields) > 0 {
		sortByPosition(request.ProtoReflect().Descriptor(), fields)
		return fault.Invalid(fields...)
	}
	return missing["secret"]
}

func (v *Validator) violations(request proto.Message) ([]*protovalidate.Violation, error) {
	err := v.rules.Validate(request)
	if err == nil {
		return nil, nil
	}
	if broken, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		return broken.Violations, nil
	}
	return nil, fmt.Errorf("run the field rules: %w", err)
}

// fieldMistakes turns violations into fields, one for each place at the most, and
// none for a place that known already blames: a value of the wrong type is not
// also an empty one, and of a list that is too long no item is looked at.
func fieldMistakes(broken []*protovalidate.Violation, known []fault.Field, request proto.Message) []fault.Field {
	var fields []fault.Field
	blamed := newReportedPaths(known, broken)
	for _, b := range broken {
		if len(known)+len(fields) >= maxMistakes {
			break
		}
		f := violationField(b, fieldOf(b, request))
		if !blamed.covers(f.Path) {
			blamed.add(f.Path)
			fields = append(fields, f)
		}
	}
	return fields
}

// splitViolations takes out the identifiers that cannot name anything, by the kind of
// object. Such an object does not exist, and Cloudflare says so too instead of
// speaking of its form.
func splitViolations(broken []*protovalidate.Violation, request proto.Message) (rules []*protovalidate.Violation, missing map[string]error) {
	missing = map[string]error{}
	for _, b := range broken {
		object := ""
		if fd := fieldOf(b, request); fd != nil && b.Proto.GetRuleId() == "string.pattern" {
			object = FieldPolicy(fd).GetIdentifies()
		}
		switch {
		case object == "":
			rules = append(rules, b)
		case missing[object] == nil:
			missing[object] = notFound(object, protovalidate.FieldPathString(b.Proto.GetField()))
		}
	}
	return rules, missing
}

func notFound(object, path string) error {
	return fault.New(fault.NotFound, strings.ToUpper(object)+"_NOT_FOUND",
		fmt.Sprintf("%s: there is no such %s; an identifier is 32 lower-case hexadecimal digits.", path, object))
}

// fieldOf finds the field that a violation is about, and nil for a rule of the
// whole message. The library names the field itself, but not for list items.
func fieldOf(b *protovalidate.Violation, request proto.Message) protoreflect.FieldDescriptor {
	md := request.ProtoReflect().Descriptor()
	var fd protoreflect.FieldDescriptor
	for _, step := range b.Proto.GetField().GetElements() {
		if md == nil {
			return nil
		}
		if fd = md.Fields().ByNumber(protoreflect.FieldNumber(step.GetFieldNumber())); fd == nil {
			return nil
		}
		md = fd.Message()
	}
	return fd
}

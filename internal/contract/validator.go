// Package contract reads the declarations of methods and fields in the proto files, and checks requests
// against them.
//
// The package must not know how a request arrived or how it is processed.
package contract

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/fault"
)

// Validator checks requests against their declared rules. It is safe for
// concurrent use.
type Validator struct {
	rules      func() (protovalidate.Validator, error)
	listLimits listLimits
	strict     strictFields
}

// NewValidator returns a validator of the requests of the services. The first check prepares the language of
// rules, and the first check of a type of request compiles its rules: to do this for all types is a third of
// the work of a start. A test compiles every rule.
func NewValidator(services ...protoreflect.ServiceDescriptor) (*Validator, error) {
	lists, strict := listLimits{}, strictFields{}
	for _, s := range services {
		for i := range s.Methods().Len() {
			request := s.Methods().Get(i).Input()
			if err := errors.Join(lists.read(request), strict.read(request)); err != nil {
				return nil, fmt.Errorf("read the field rules: %w", err)
			}
		}
	}
	rules := sync.OnceValues(func() (protovalidate.Validator, error) { return protovalidate.New() })
	return &Validator{rules: rules, listLimits: lists, strict: strict}, nil
}

// Check returns nil if the request violates no rule. Otherwise it returns a fault: NotFound for an identifier
// in a form that no object has, or BadInput with every wrong field, including the mistakes found during
// decoding (see WithMistakes). The order is Cloudflare's: a store that cannot exist, then wrong fields, then
// a secret that cannot exist.
func (v *Validator) Check(ctx context.Context, request proto.Message) error {
	found := MistakesFrom(ctx)
	if found.Fault != nil {
		return found.Fault
	}
	broken, err := v.violations(v.listLimits.truncate(request))
	if err != nil {
		return err
	}
	strict := v.strict.mistakes(request)
	if len(broken) == 0 && len(found.Fields) == 0 && len(strict) == 0 {
		return nil
	}
	rules, missing := splitViolations(broken, request)
	if err := missing["store"]; err != nil {
		return err
	}
	fields := append(found.fields(), strict...)
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
	rules, err := v.rules()
	if err != nil {
		return nil, fmt.Errorf("prepare the field rules: %w", err)
	}
	if err = rules.Validate(request); err == nil {
		return nil, nil
	}
	if broken, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		return broken.Violations, nil
	}
	return nil, fmt.Errorf("run the field rules: %w", err)
}

// fieldMistakes converts violations to fields, at most one per path, and none
// for a path that is in known: a value of the wrong type is not reported as
// empty too, and items of a list that is too long are not reported.
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

// splitViolations separates malformed identifiers, by kind of object. An object with such an identifier
// cannot exist. Cloudflare answers NotFound too, and does not complain about the form.
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

// fieldOf returns the field of a violation, and nil for a rule of the whole
// message. The library returns the field itself, but not for list items.
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

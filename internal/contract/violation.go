package contract

import (
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/fault"
)

// violationField converts a violated rule to a fault field: the path, the machine word, and the correct form.
// fd is nil for a rule of the whole message.
func violationField(b *protovalidate.Violation, fd protoreflect.FieldDescriptor) fault.Field {
	path := protovalidate.FieldPathString(b.Proto.GetField())
	rule := b.Proto.GetRuleId()
	if fd == nil {
		// The id of a rule of the whole message is "<path>.<word>".
		place, word, _ := strings.Cut(rule, ".")
		return fault.Field{Path: place, Reason: strings.ToUpper(word), Text: b.Proto.GetMessage()}
	}
	if place, word, _ := strings.Cut(rule, "."); fd.Message() != nil && fd.Message().Fields().ByName(protoreflect.Name(place)) != nil {
		// A rule of a message in the request.
		return fault.Field{Path: path + "." + place, Reason: strings.ToUpper(word), Text: b.Proto.GetMessage()}
	}
	return fault.Field{
		Path:   path,
		Reason: strings.ToUpper(machineWord(fd, rule, strings.HasSuffix(path, "]"))),
		Text:   advice(rule, b.RuleValue, b.Proto.GetMessage()),
	}
}

// machineWord returns Cloudflare's machine word: the noun that the field
// declares and a suffix for the violated rule.
func machineWord(fd protoreflect.FieldDescriptor, rule string, item bool) string {
	declared := FieldPolicy(fd)
	if declared.GetWord() != "" {
		return declared.GetWord()
	}
	noun := declared.GetNoun()
	if noun == "" {
		noun = string(fd.Name())
	}
	if item {
		return strings.TrimSuffix(noun, "s") + "_invalid"
	}
	return noun + "_" + wordSuffix(rule)
}

func wordSuffix(rule string) string {
	switch rule {
	case "required", "string.min_len", "repeated.min_items":
		return "empty"
	case "string.max_len", "string.max_bytes":
		return "too_long"
	default:
		return "invalid"
	}
}

// advice describes the correct form. The wording is Storekeeper's, so that both protocols and all versions of
// the validation library give the same text.
func advice(rule string, limit protoreflect.Value, otherwise string) string {
	switch rule {
	case "required", "string.min_len":
		return "must not be empty"
	case "repeated.min_items":
		return "must have at least 1 item"
	case "repeated.max_items":
		return fmt.Sprintf("must have at most %v items", limit)
	case "string.max_len":
		return fmt.Sprintf("must be at most %v characters", limit)
	case "string.max_bytes":
		return fmt.Sprintf("must be at most %v bytes", limit)
	case "string.pattern":
		return fmt.Sprintf("must match %v", limit)
	case "string.in", "field_mask.in":
		return "must be one of " + alternatives(limit)
	case "int32.gte":
		return fmt.Sprintf("must be at least %v", limit)
	default:
		return otherwise
	}
}

func alternatives(limit protoreflect.Value) string {
	list, ok := limit.Interface().(protoreflect.List)
	if !ok {
		return fmt.Sprint(limit)
	}
	names := make([]string, list.Len())
	for i := range names {
		names[i] = list.Get(i).String()
	}
	return strings.Join(names, ", ")
}

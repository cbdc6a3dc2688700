package gateway

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
)

// maxNativePairs is the number of pairs of a query that are read.
const maxNativePairs = 1000

// maxQueryName is the number of bytes of an unknown parameter that an answer
// repeats.
const maxQueryName = 64

// nativeQuery reads the query parameters of Storekeeper's own API. They are the
// fields of the request, under the name in the proto file or in JSON. Unlike
// Cloudflare, Storekeeper refuses an unknown parameter: a misspelt filter would
// give a wrong answer.
type nativeQuery struct {
	routes *routes
}

// read puts the checked parameters into r.Form, and checks those in the path. What
// cannot be read is noted and left out.
func (q *nativeQuery) read(ctx context.Context, r *http.Request, to *route, inPath []string) {
	found := contract.MistakesFrom(ctx)
	refuseUnreadablePath(to, inPath, found)
	if r.URL.RawQuery == "" {
		return
	}
	r.Form = url.Values{}
	fields := q.routes.queryFields(to)
	sent := url.Values{}
	pairs := 0
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if pair == "" {
			continue
		}
		if pairs++; pairs > maxNativePairs {
			found.Add("query", "QUERY_INVALID", "must have at most 1000 parameters")
			return
		}
		one, err := url.ParseQuery(pair)
		if err != nil {
			found.Add("query", "QUERY_INVALID", "must be pairs of key=value with %XX escapes, separated by &")
			return
		}
		for key, values := range one {
			fd := fields[key]
			if fd == nil {
				found.Add(printableName(key), "PARAMETER_UNKNOWN", "unknown parameter"+knownNames(fields))
				continue
			}
			sent[string(fd.Name())] = append(sent[string(fd.Name())], values...)
		}
	}
	for name, values := range sent {
		q.take(r.Form, fields[name], values, found)
	}
}

// take checks the values of a parameter and adds them to the form.
func (*nativeQuery) take(form url.Values, fd protoreflect.FieldDescriptor, values []string, found *contract.Mistakes) {
	name := string(fd.Name())
	if !fd.IsList() && len(values) > 1 {
		found.Add(name, reasonFor(name), "must be given once")
		return
	}
	kind, err := protoregistry.GlobalTypes.FindMessageByName(fd.ContainingMessage().FullName())
	if err != nil {
		return
	}
	values = values[:min(len(values), maxValues)]
	if err := runtime.PopulateQueryParameters(kind.New().Interface(), url.Values{name: values}, &utilities.DoubleArray{}); err != nil {
		// The error repeats the value.
		found.Add(name, reasonFor(name), cfjson.Wanted(fd))
		return
	}
	if slices.ContainsFunc(values, notUTF8) {
		found.Add(name, reasonFor(name), wantedUTF8)
		return
	}
	form[name] = values
}

// refuseUnreadablePath notes each parameter in the path that is not UTF-8. No
// field of a message can hold such a text.
func refuseUnreadablePath(to *route, inPath []string, found *contract.Mistakes) {
	for i, in := range to.parameters {
		if notUTF8(inPath[i]) {
			name := string(in.field.Name())
			found.Add(name, reasonFor(name), wantedUTF8)
		}
	}
}

// wantedUTF8 is said of a text that no message of protobuf can hold.
const wantedUTF8 = "must be UTF-8"

func notUTF8(text string) bool { return !utf8.ValidString(text) }

// queryFields returns the fields of a request that can be query parameters, by
// both of their names: the fields that are neither in the path nor a message of
// Storekeeper. A method with a body has no query parameters.
func (r *routes) queryFields(to *route) map[string]protoreflect.FieldDescriptor {
	fields := map[string]protoreflect.FieldDescriptor{}
	request := r.requests[to.rpc]
	if request == nil || r.bodies[to.rpc] != "" {
		return fields
	}
	for i := range request.Fields().Len() {
		fd := request.Fields().Get(i)
		if to.inPath(string(fd.Name())) || !cfjson.IsScalar(fd) {
			continue
		}
		fields[string(fd.Name())], fields[fd.JSONName()] = fd, fd
	}
	return fields
}

// knownNames lists the parameters of a method.
func knownNames(fields map[string]protoreflect.FieldDescriptor) string {
	var names []string
	for name, fd := range fields {
		if name == string(fd.Name()) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "; the call has none"
	}
	return "; the known ones are " + strings.Join(slices.Sorted(slices.Values(names)), ", ")
}

// printableName returns the name of a parameter, shortened.
func printableName(name string) string {
	if len(name) > maxQueryName {
		name = name[:maxQueryName]
	}
	if name == "" {
		return `""`
	}
	return strings.ToValidUTF8(name, "?")
}

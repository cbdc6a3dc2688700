package gateway

import (
	"net/url"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"platform.internal/storekeeper/internal/contract"
)

// routes holds what the proto files declare about paths.
type routes struct {
	paths []*route
	// bodies holds the body rule of each RPC by full method name.
	bodies map[string]string
	// requests holds the request of each RPC by full method name.
	requests map[string]protoreflect.MessageDescriptor
}

type route struct {
	// rpc is the full name of the RPC of the route.
	rpc          string
	method, path string
	segments     []string
	// parameters are the parameters of the path, each a whole segment, in the order of the path.
	parameters []pathParameter
}

// pathParameter is a segment of a path that fills in a field of the request.
type pathParameter struct {
	// segment is the index of the segment.
	segment int
	field   protoreflect.FieldDescriptor
	// identifies is the kind of the object that the field identifies, or "".
	identifies string
}

func readRoutes(files ...protoreflect.FileDescriptor) *routes {
	r := &routes{bodies: map[string]string{}, requests: map[string]protoreflect.MessageDescriptor{}}
	for _, file := range files {
		for i := range file.Services().Len() {
			r.service(file.Services().Get(i))
		}
	}
	return r
}

func (r *routes) service(s protoreflect.ServiceDescriptor) {
	for i := range s.Methods().Len() {
		m := s.Methods().Get(i)
		rule, ok := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
		if !ok || rule == nil {
			continue
		}
		rpc := "/" + string(s.FullName()) + "/" + string(m.Name())
		r.bodies[rpc], r.requests[rpc] = rule.GetBody(), m.Input()
		for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
			r.add(rpc, binding)
		}
	}
}

func (r *routes) add(rpc string, rule *annotations.HttpRule) {
	for method, path := range map[string]string{
		"GET": rule.GetGet(), "POST": rule.GetPost(), "PATCH": rule.GetPatch(), "DELETE": rule.GetDelete(), "PUT": rule.GetPut(),
	} {
		if path != "" {
			r.paths = append(r.paths, newRoute(r.requests[rpc].Fields(), route{rpc: rpc, method: method, path: path}))
		}
	}
}

// newRoute adds the segments and the parameters to a route. fields are those of its request.
func newRoute(fields protoreflect.FieldDescriptors, to route) *route {
	to.segments = strings.Split(to.path, "/")
	for i, declared := range to.segments {
		if isParameter(declared) {
			fd := fields.ByName(protoreflect.Name(strings.Trim(declared, "{}")))
			to.parameters = append(to.parameters, pathParameter{segment: i, field: fd, identifies: contract.FieldPolicy(fd).GetIdentifies()})
		}
	}
	return &to
}

// allowed lists the HTTP methods of a path, sorted.
func (r *routes) allowed(path string) []string {
	var methods []string
	for _, p := range r.paths {
		if p.matches(path) {
			methods = append(methods, p.method)
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

// isParameter reports whether a segment of a declared path is a parameter.
func isParameter(declared string) bool { return strings.HasPrefix(declared, "{") }

// matches reports whether a path has the literals of the route, and a text for each parameter.
func (p *route) matches(path string) bool {
	last := len(p.segments) - 1
	for i, declared := range p.segments {
		sent, rest, more := strings.Cut(path, "/")
		if more == (i == last) || declared != sent && (sent == "" || !isParameter(declared)) {
			return false
		}
		path = rest
	}
	return true
}

// values returns the values of the parameters in a path that matches.
func (p *route) values(path string) []string {
	values := make([]string, 0, len(p.parameters))
	for i := 0; len(values) < len(p.parameters); i++ {
		sent, rest, _ := strings.Cut(path, "/")
		if i == p.parameters[len(values)].segment {
			// net/http refuses a path that cannot be unescaped.
			value, _ := url.PathUnescape(sent)
			values = append(values, value)
		}
		path = rest
	}
	return values
}

// inPath reports whether a field of the request is in the path.
func (p *route) inPath(field string) bool {
	return slices.ContainsFunc(p.parameters, func(in pathParameter) bool { return string(in.field.Name()) == field })
}

// target returns the account and the store in the values of a path. Each is empty if the path does not
// contain it.
func (p *route) target(values []string) (account, store string) {
	for i, in := range p.parameters {
		switch in.identifies {
		case "account":
			account = values[i]
		case "store":
			store = values[i]
		}
	}
	return account, store
}

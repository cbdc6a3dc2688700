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
	paths []route
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
			r.paths = append(r.paths, route{rpc: rpc, method: method, path: path, segments: strings.Split(path, "/")})
		}
	}
}

// allowed lists the HTTP methods of a path, sorted.
func (r *routes) allowed(path string) []string {
	segments := strings.Split(path, "/")
	var methods []string
	for _, p := range r.paths {
		if p.matches(segments) {
			methods = append(methods, p.method)
		}
	}
	slices.Sort(methods)
	return slices.Compact(methods)
}

// values returns the values of the parameters in the path of an RPC.
func (r *routes) values(rpc, path string) map[string]string {
	segments, values := strings.Split(path, "/"), map[string]string{}
	for _, p := range r.paths {
		if p.rpc != rpc || !p.matches(segments) {
			continue
		}
		for i, declared := range p.segments {
			if name, is := strings.CutPrefix(declared, "{"); is {
				// A segment that cannot be unescaped names nothing.
				values[strings.TrimSuffix(name, "}")], _ = url.PathUnescape(segments[i])
			}
		}
		break
	}
	return values
}

// target returns the account and the store in the values of a path, as declared by the fields of
// the request. Each is empty if the path does not contain it.
func (r *routes) target(rpc string, values map[string]string) (account, store string) {
	for name, value := range values {
		fd := r.requests[rpc].Fields().ByName(protoreflect.Name(name))
		if fd == nil {
			continue
		}
		switch contract.FieldPolicy(fd).GetIdentifies() {
		case "account":
			account = value
		case "store":
			store = value
		}
	}
	return account, store
}

func (p route) matches(segments []string) bool {
	return slices.EqualFunc(p.segments, segments, func(declared, sent string) bool {
		return declared == sent || strings.HasPrefix(declared, "{") && sent != ""
	})
}

package gateway

import (
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// routes is what the proto files declare about paths, for the answers that
// grpc-gateway leaves to us.
type routes struct {
	paths []route
	// bodies holds the body rule of each RPC by its full method name.
	bodies map[string]string
}

type route struct {
	method   string
	segments []string
}

func readRoutes(files ...protoreflect.FileDescriptor) *routes {
	r := &routes{bodies: map[string]string{}}
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
		r.bodies["/"+string(s.FullName())+"/"+string(m.Name())] = rule.GetBody()
		for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
			r.add(binding)
		}
	}
}

func (r *routes) add(rule *annotations.HttpRule) {
	for method, path := range map[string]string{
		"GET": rule.GetGet(), "POST": rule.GetPost(), "PATCH": rule.GetPatch(), "DELETE": rule.GetDelete(), "PUT": rule.GetPut(),
	} {
		if path != "" {
			r.paths = append(r.paths, route{method: method, segments: strings.Split(path, "/")})
		}
	}
}

// allowed lists the HTTP methods that a path serves, sorted.
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

func (p route) matches(segments []string) bool {
	return slices.EqualFunc(p.segments, segments, func(declared, sent string) bool {
		return declared == sent || strings.HasPrefix(declared, "{") && sent != ""
	})
}

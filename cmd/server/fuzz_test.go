package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// restCalls has the calls with a body or a query, with a valid example.
var restCalls = []struct{ method, path, body, query string }{
	{"POST", "stores", `{"name":"x"}`, ""},
	{"POST", "stores/$store/secrets", `[{"name":"A","value":"v","scopes":["dex"],"comment":null}]`, ""},
	{"PATCH", "stores/$store/secrets/$secret", `{"value":"v","scopes":["dex"],"comment":"","name":"taken"}`, ""},
	{"POST", "stores/$store/secrets/$secret/duplicate", `{"name":"B","scopes":["dex"],"comment":"c"}`, ""},
	{"DELETE", "stores/$store/secrets", `{"ids":["$secret"]}`, ""},
	{"GET", "stores", "", "page=1&per_page=2&order=name&direction=asc"},
	{"GET", "stores/$store/secrets", "", "page=1&per_page=2&order=status&direction=desc&search=a+b&scopes=dex,workers&scopes=access"},
	{"DELETE", "stores/$store", "", "force=true"},
	{"GET", "/client/v4/accounts", "", "page=1&per_page=2"},
	{"GET", "/client/v4/memberships", "", "page=0"},
}

// strange has texts that break careless parsers.
var strange = []string{
	"", " ", "0", "-1", "1e9", "99999999999999999999", "null", "true", "{}", "[]", `"`, `\`, "'", "\x00", "\x1f", "\u2028", "é", "\xff", "\xed\xa0\x80",
	"../", "%", "%00", "%zz", "+", "&", "=", ";", ":", ",", "*", "{id}", "$account", strings.Repeat("a", 300), strings.Repeat("[", 2000), strings.Repeat("x", 70_000),
	noSuchID, "NaN", "🙂", "name", `"value":`, `,`, "value", "update_mask", "__proto__", "secrets",
}

// mutator changes texts in ways that can be repeated.
type mutator struct{ *rand.Rand }

func (m mutator) pick(list []string) string { return list[m.IntN(len(list))] }

// spoil changes a text in a few places.
func (m mutator) spoil(text string) string {
	for range m.IntN(4) {
		at := m.IntN(len(text) + 1)
		end := min(len(text), at+m.IntN(6))
		switch m.IntN(3) {
		case 0:
			text = text[:at] + m.pick(strange) + text[at:]
		case 1:
			text = text[:at] + text[end:]
		default:
			text = text[:at] + m.pick(strange) + text[end:]
		}
	}
	return text
}

// mustNotFail sends a request that must not make the server fail; the transport
// checks the form of the answer.
func (p *program) mustNotFail(method, path, body string, headers ...string) {
	p.t.Helper()
	got, err := p.try(context.Background(), method, path, strings.NewReader(body), headers...)
	if err != nil || got.status >= http.StatusInternalServerError {
		p.t.Errorf("%s %q %.300q: %v %d %s", method, path, body, err, got.status, got.body)
	}
}

func TestNoRequestOverRESTMakesTheServerFail(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	m := mutator{rand.New(rand.NewPCG(2, 7))}
	methods := []string{"GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "PURGE"}
	w := p.given("full")
	for n := range 1500 {
		if n%50 == 0 {
			w = p.given("full")
		}
		call := restCalls[m.IntN(len(restCalls))]
		method, path := call.method, w.fill(call.path)
		if m.IntN(3) == 0 {
			method = m.pick(methods)
		}
		if m.IntN(3) == 0 {
			segments := strings.Split(path, "/")
			spoilt := m.spoil(m.pick(segments))
			segments[m.IntN(len(segments))] = url.PathEscape(spoilt[:min(len(spoilt), 5000)])
			path = strings.Join(segments, "/")
		}
		if query := m.spoil(call.query); query != "" && len(query) < 2000 {
			path += "?" + strings.Map(printable, query)
		}
		p.mustNotFail(method, path, m.spoil(w.fill(call.body)), "Content-Type: "+m.pick([]string{"", "text/plain", "application/x-www-form-urlencoded"}))
	}
}

// printable removes characters that a request line cannot have.
func printable(r rune) rune {
	if r <= ' ' || r == '#' || r > '~' {
		return -1
	}
	return r
}

func TestNoRequestOverGRPCMakesTheServerFail(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	m := mutator{rand.New(rand.NewPCG(3, 9))}
	w := p.given("full")
	for n := range 1000 {
		if n%50 == 0 {
			w = p.given("full")
		}
		service := services()[m.IntN(len(services()))]
		method := service.Methods().Get(m.IntN(service.Methods().Len()))
		in := messageFor(t, method.Input())
		m.fill(in.ProtoReflect(), w)
		switch got := p.send(context.Background(), string(method.Name()), in); got.code {
		case codes.OK, codes.InvalidArgument, codes.NotFound, codes.PermissionDenied, codes.AlreadyExists, codes.FailedPrecondition:
		default:
			t.Errorf("%s %.500s: %v", method.Name(), prototext.Format(in), got.err)
		}
	}
}

// fill sets some fields of a message, identifiers mostly to valid values.
func (m mutator) fill(message protoreflect.Message, w world) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		good, identifies := map[protoreflect.Name]string{"account_id": accountID, "store_id": w.store, "secret_id": w.secret}[fd.Name()]
		switch {
		case identifies && m.IntN(10) > 0:
			message.Set(fd, protoreflect.ValueOfString(good))
		case m.IntN(4) == 0:
		case fd.IsList():
			list := message.Mutable(fd).List()
			for range m.IntN(4) {
				list.Append(m.value(fd, list.NewElement(), w))
			}
		case fd.Message() != nil:
			m.fill(message.Mutable(fd).Message(), w)
		default:
			message.Set(fd, m.value(fd, message.NewField(fd), w))
		}
	}
}

func (m mutator) value(fd protoreflect.FieldDescriptor, empty protoreflect.Value, w world) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		known := []string{"dex", "workers", "A", "taken", "asc", "name", "value", "comment", w.secret}
		return protoreflect.ValueOfString(strings.ToValidUTF8(m.pick(append(known, strange...)), ""))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32([]int32{0, 1, 2, 100, 101, -1, 1<<31 - 1, -1 << 31}[m.IntN(8)])
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(m.IntN(2) == 0)
	case protoreflect.MessageKind:
		m.fill(empty.Message(), w)
	}
	return empty
}

// FuzzRESTBody sends any body to the calls with a body.
func FuzzRESTBody(f *testing.F) {
	for i, call := range restCalls {
		if call.body != "" {
			f.Add(uint8(i), []byte(call.body))
			f.Add(uint8(i), []byte(`[{"name":1,"value":{},"scopes":[null,"x"],"comment":[]},7]`))
			f.Add(uint8(i), []byte("{\"name\":\"\xff\",\"ids\":null,"))
		}
	}
	p := start(f, setup{})
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		p := p.in(t)
		call, w := restCalls[int(which)%len(restCalls)], p.given("secret")
		p.mustNotFail(call.method, w.fill(call.path), w.fill(string(body)))
	})
}

// FuzzRESTQuery sends any query to the calls with a query.
func FuzzRESTQuery(f *testing.F) {
	for i, call := range restCalls {
		f.Add(uint8(i), call.query)
		f.Add(uint8(i), "page=-1&per_page=x&order=&direction=%zz&scopes=,&search=%ff&force=1&page=2")
	}
	p := start(f, setup{})
	f.Fuzz(func(t *testing.T, which uint8, query string) {
		if strings.ContainsFunc(query, func(r rune) bool { return printable(r) < 0 }) || len(query) > 10_000 {
			return // No client can put that on a request line.
		}
		p := p.in(t)
		call, w := restCalls[int(which)%len(restCalls)], p.given("secret")
		r, err := http.NewRequestWithContext(t.Context(), call.method, p.rest, io.NopCloser(strings.NewReader(w.fill(call.body))))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Path, r.URL.RawQuery = fmt.Sprintf("/client/v4/accounts/%s/secrets_store/%s", accountID, w.fill(call.path)), query
		if strings.HasPrefix(call.path, "/") {
			r.URL.Path = call.path
		}
		r.Header.Set("Authorization", "Bearer "+callerKey)
		answer, err := p.http.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode >= http.StatusInternalServerError {
			t.Errorf("%s?%s: %d", r.URL.Path, query, answer.StatusCode)
		}
	})
}

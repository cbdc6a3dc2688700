package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/emulator"
)

// documented has the paths of an operation's request and answer fields in
// Cloudflare's contract.
type documented struct {
	RPC, Operation                   string
	Query, Request, Success, Failure []string
}

func readDocumented(t *testing.T) []documented {
	t.Helper()
	content, err := os.ReadFile("testdata/cloudflare-fields.json")
	if err != nil {
		t.Fatal(err)
	}
	var contract struct{ Operations []documented }
	if err := json.Unmarshal(content, &contract); err != nil {
		t.Fatal(err)
	}
	if len(contract.Operations) != 12 {
		t.Fatalf("%d operations, want 12", len(contract.Operations))
	}
	return contract.Operations
}

// fullCall is a call with every field of the request.
type fullCall struct{ rest, body, grpc string }

const (
	onStore  = `"account_id":"$account","store_id":"$store"`
	onSecret = onStore + `,"secret_id":"$secret"`
	onAPage  = `,"page":1,"per_page":50,"order":"name","direction":"asc"`
	pageOf50 = "?page=1&per_page=50&order=name&direction=asc"
	withAll  = `"name":"copy","scopes":["dex"],"comment":"c"`
)

func fullCalls() map[string]fullCall {
	return map[string]fullCall{
		"CreateStore":     {"POST stores", `{"name":"new"}`, `{"account_id":"$account","name":"new"}`},
		"ListStores":      {"GET stores" + pageOf50, "", `{"account_id":"$account"` + onAPage + `}`},
		"GetStore":        {"GET stores/$store", "", `{` + onStore + `}`},
		"DeleteStore":     {"DELETE stores/$store?force=true", "", `{` + onStore + `,"force":true}`},
		"CreateSecrets":   {"POST stores/$store/secrets", `[{` + withAll + `,"value":"v"}]`, `{` + onStore + `,"secrets":[{` + withAll + `,"value":"v"}]}`},
		"ListSecrets":     {"GET stores/$store/secrets" + pageOf50 + "&search=taken&scopes=workers", "", `{` + onStore + onAPage + `,"search":"taken","scopes":["workers"]}`},
		"GetSecret":       {"GET stores/$store/secrets/$secret", "", `{` + onSecret + `}`},
		"UpdateSecret":    {"PATCH stores/$store/secrets/$secret", `{"value":"v","scopes":["dex"],"comment":"c"}`, `{` + onSecret + `,"value":"v","scopes":["dex"],"comment":"c"}`},
		"DeleteSecret":    {"DELETE stores/$store/secrets/$secret", "", `{` + onSecret + `}`},
		"DeleteSecrets":   {"DELETE stores/$store/secrets", `{"ids":["$secret"]}`, `{` + onStore + `,"ids":["$secret"]}`},
		"DuplicateSecret": {"POST stores/$store/secrets/$secret/duplicate", `{` + withAll + `}`, `{` + onSecret + `,` + withAll + `}`},
		"GetQuota":        {"GET quota", "", `{"account_id":"$account"}`},
	}
}

// remark is an item of errors or messages with all fields.
func remark(code int, message string) string {
	return fmt.Sprintf(`{"code":%d,"message":%q,"documentation_url":"https://developers.cloudflare.com/%d","source":{"pointer":"/x/%d"}}`, code, message, code, code)
}

const infoJSON = `{"count":1,"page":1,"per_page":50,"total_count":1,"total_pages":1}`

// prepare creates the world of a full call and injects additions to
// Cloudflare's answer.
func (p *program) prepare(d documented, f emulator.Fault) world {
	p.t.Helper()
	w := p.given(map[bool]string{true: "nothing", false: "secret"}[d.RPC == "CreateStore"])
	if w.secret != noSuchID {
		p.cloudflare("PATCH", "/stores/"+w.store+"/secrets/"+w.secret, `{"comment":"c"}`)
	}
	f.Operation = d.Operation
	p.inject(f)
	return w
}

// over makes a full call over one protocol and gives the answer as JSON in the
// form of Cloudflare's envelope.
func (p *program) over(protocol string, d documented, w world) map[string]any {
	p.t.Helper()
	c := fullCalls()[d.RPC]
	if protocol == "REST" {
		method, path, _ := strings.Cut(w.fill(c.rest), " ")
		return parsed(p.t, p.do(method, path, w.fill(c.body), "Cache-Control: no-cache").body)
	}
	ctx := metadata.AppendToOutgoingContext(context.Background(), "cache-control", "no-cache")
	return grpcEnvelope(p.t, p.call(ctx, d.RPC, w.fill(c.grpc)))
}

func parsed(t testing.TB, text string) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func messageJSON(t testing.TB, m proto.Message) map[string]any {
	t.Helper()
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, string(text))
}

// grpcEnvelope puts a response, or the details of a status, under the names of
// Cloudflare's envelope.
func grpcEnvelope(t testing.TB, r ruling) map[string]any {
	t.Helper()
	if r.err == nil {
		envelope := messageJSON(t, r.answer)
		for name, value := range envelope {
			if name != "messages" && name != "result_info" {
				envelope["result"] = value
			}
		}
		return envelope
	}
	var errors, messages []any
	for _, d := range status.Convert(r.err).Details() {
		switch d := d.(type) {
		case *secretsstorev1.UpstreamError:
			errors = append(errors, messageJSON(t, d))
		case *secretsstorev1.Notice:
			messages = append(messages, messageJSON(t, d))
		}
	}
	return map[string]any{"errors": errors, "messages": messages}
}

// has reports whether a value has a field under a path such as "result[].name".
func has(value any, path string) bool {
	step, rest, more := strings.Cut(path, ".")
	name, array := strings.CutSuffix(step, "[]")
	object, _ := value.(map[string]any)
	inner, there := object[name]
	if array {
		items, _ := inner.([]any)
		if len(items) == 0 {
			return false
		}
		inner = items[len(items)-1]
	}
	return there && (!more || has(inner, rest))
}

func TestEveryDocumentedFieldOfASuccessPasses(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{manyCalls, anyPace}})
	for _, d := range readDocumented(t) {
		for _, protocol := range []string{"REST", "gRPC"} {
			t.Run(d.RPC+" over "+protocol, func(t *testing.T) {
				p := p.in(t)
				f := emulator.Fault{Kind: emulator.KindRemarks, Messages: "[" + remark(2001, "said beside it") + "]"}
				if slices.Contains(d.Success, "result_info.page") {
					f.ResultInfo = infoJSON
				}
				w := p.prepare(d, f)
				got := p.over(protocol, d, w)
				for _, path := range d.Success {
					// A success has no errors, and over gRPC the status says so. The answer
					// to a deletion has no result.
					if strings.HasPrefix(path, "errors") || protocol == "gRPC" && (path == "success" || path == "result") {
						continue
					}
					if !has(got, path) {
						t.Errorf("%s is missing in %v", path, got)
					}
				}
			})
		}
	}
}

func TestEveryDocumentedFieldOfAFailurePasses(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{manyCalls, anyPace}})
	known, second, beside := remark(1001, "secret_shape_odd"), remark(4711, "a second error that nobody knows"), remark(2001, "said beside it")
	body := `{"result":null,"success":false,"errors":[` + known + `,` + second + `],"messages":[` + beside + `]}`
	for _, d := range readDocumented(t) {
		for _, protocol := range []string{"REST", "gRPC"} {
			t.Run(d.RPC+" over "+protocol, func(t *testing.T) {
				p := p.in(t)
				w := p.prepare(d, emulator.Fault{Kind: emulator.KindStatus, Status: http.StatusBadRequest, Body: body})
				got := p.over(protocol, d, w)
				for _, path := range d.Failure {
					if protocol == "gRPC" && (path == "success" || path == "result") {
						continue
					}
					if !has(got, path) {
						t.Errorf("%s is missing in %v", path, got)
					}
				}
				want := parsed(t, `{"errors":[`+known+`,`+second+`],"messages":[`+beside+`]}`)
				for _, list := range []string{"errors", "messages"} {
					if fmt.Sprint(got[list]) != fmt.Sprint(want[list]) {
						t.Errorf("%s:\n got %v\nwant %v", list, got[list], want[list])
					}
				}
			})
		}
	}
}

func TestEveryDocumentedFieldOfARequestPasses(t *testing.T) {
	t.Parallel()
	p := start(t, setup{sets: []string{manyCalls, anyPace}})
	for _, d := range readDocumented(t) {
		for _, protocol := range []string{"REST", "gRPC"} {
			t.Run(d.RPC+" over "+protocol, func(t *testing.T) {
				p := p.in(t)
				w := p.prepare(d, emulator.Fault{Kind: emulator.KindRemarks, Messages: "[]"})
				p.over(protocol, d, w)
				var sent []emulator.LoggedRequest
				for _, r := range p.cf.Requests() {
					if r.Operation == d.Operation && r.Header.Get("User-Agent") != "" {
						sent = append(sent, r)
					}
				}
				if len(sent) == 0 {
					t.Fatal("nothing was sent")
				}
				last := sent[len(sent)-1]
				var body any
				if len(last.Body) > 0 {
					if err := json.Unmarshal(last.Body, &body); err != nil {
						t.Fatal(err)
					}
				}
				for _, path := range d.Request {
					if !has(map[string]any{"body": body}, "body"+map[bool]string{true: "", false: "."}[strings.HasPrefix(path, "[")]+path) {
						t.Errorf("%s is missing in %s", path, last.Body)
					}
				}
			})
		}
	}
}

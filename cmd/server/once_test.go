package main

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// eachChange runs a part of a test for the example of each RPC that changes
// something.
func eachChange(t *testing.T, part func(*testing.T, parityCase)) {
	t.Helper()
	for _, c := range readParity(t).examples() {
		if c.asksCloudflare(t) && !c.reads(t) {
			t.Run(c.RPC, func(t *testing.T) { part(t, c) })
		}
	}
}

// sent is how many requests to change something have reached Cloudflare.
func (p *program) sent() int {
	n := 0
	for _, r := range p.cf.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}

// withKey returns a context for a call over gRPC with a key.
func withKey(key string) context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "idempotency-key", key)
}

// raw takes answers as they come.
type raw struct{}

func (raw) Name() string                  { return "proto" }
func (raw) Marshal(v any) ([]byte, error) { return proto.Marshal(v.(proto.Message)) }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = data
	return nil
}

// callRaw runs an RPC, and gives the bytes of the answer.
func (p *program) callRaw(ctx context.Context, rpc, request string) (body []byte, got ruling) {
	p.t.Helper()
	m := methodNamed(p.t, rpc)
	in := messageFor(p.t, m.Input())
	must(p.t, protojson.Unmarshal([]byte(request), in))
	got.err = p.conn.Invoke(asCaller(ctx), "/"+string(m.Parent().FullName())+"/"+rpc, in, &body,
		grpc.Header(&got.header), grpc.Trailer(&got.trailer), grpc.ForceCodec(raw{}))
	got.takeApart()
	return body, got
}

func TestAChangeThatComesAgainGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	eachChange(t, func(t *testing.T, c parityCase) {
		p := p.in(t)
		w := p.given(c.Given)
		before := p.sent()
		method, path, _ := strings.Cut(w.fill(c.REST), " ")
		key := "Idempotency-Key: rest-" + c.RPC
		first := p.must(method, path, w.fill(c.Body), key)
		again := p.do(method, path, w.fill(c.Body), key)
		if again.status != first.status || again.body != first.body || first.header.Get("Idempotent-Replayed") != "" || again.header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("rest: first %d %s %v\nagain %d %s %v", first.status, first.body, first.header, again.status, again.body, again.header)
		}
		if n := p.sent() - before; n != 1 {
			t.Errorf("rest: Cloudflare was asked %d times", n)
		}

		w = p.given(c.Given)
		before = p.sent()
		body, got := p.callRaw(withKey("grpc-"+c.RPC), c.RPC, w.fill(c.GRPC))
		same, later := p.callRaw(withKey("grpc-"+c.RPC), c.RPC, w.fill(c.GRPC))
		if got.err != nil || later.err != nil || string(body) != string(same) || got.headers().Get("idempotent-replayed") != nil || first1(later, "idempotent-replayed") != "true" {
			t.Errorf("grpc: first %v %x %v\nagain %v %x %v", got.err, body, got.headers(), later.err, same, later.headers())
		}
		// The protocol is not part of the request digest.
		method, path, _ = strings.Cut(w.fill(c.REST), " ")
		if over := p.do(method, path, w.fill(c.Body), "Idempotency-Key: grpc-"+c.RPC); over.header.Get("Idempotent-Replayed") != "true" || over.status != first.status {
			t.Errorf("over REST after gRPC: %d %s %v", over.status, over.body, over.header)
		}
		if n := p.sent() - before; n != 1 {
			t.Errorf("grpc: Cloudflare was asked %d times", n)
		}
	})
}

func first1(got ruling, header string) string {
	return strings.Join(got.headers().Get(header), " and ")
}

// A refusal is an answer too.
func TestARefusedChangeThatComesAgainIsRefusedAgain(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	body := `[{"name":"taken","value":"v","scopes":["dex"]}]`
	first := p.do("POST", "stores/"+w.store+"/secrets", body, "Idempotency-Key: k")
	p.must("DELETE", "stores/"+w.store+"/secrets/"+w.secret, "")
	again := p.do("POST", "stores/"+w.store+"/secrets", body, "Idempotency-Key: k")
	if first.status != http.StatusBadRequest || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("first %d %s\nagain %d %s %v", first.status, first.body, again.status, again.body, again.header)
	}
	request := `{"account_id":"main","store_id":"` + w.store + `","secret_id":"` + noSuchID + `"}`
	for _, replayed := range []string{"", "true"} {
		got := p.call(withKey("missing"), "DeleteSecret", request)
		if got.code != codes.NotFound || got.info.GetReason() != "SECRET_NOT_FOUND" || first1(got, "idempotent-replayed") != replayed {
			t.Errorf("%v %v", got.err, got.headers())
		}
	}
}

func TestAKeyIsForOneRequest(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	w := p.given("secret")
	secrets := "stores/" + w.store + "/secrets"
	p.must("POST", secrets, `[{"name":"A","value":"v1","scopes":["dex"]}]`, "Idempotency-Key: k")
	before := p.sent()
	for name, other := range map[string][3]string{
		"another value":  {"POST", secrets, `[{"name":"A","value":"v2","scopes":["dex"]}]`},
		"another name":   {"POST", secrets, `[{"name":"B","value":"v1","scopes":["dex"]}]`},
		"another method": {"DELETE", secrets + "/" + w.secret, ""},
		"another object": {"POST", "stores/" + noSuchID + "/secrets", `[{"name":"A","value":"v1","scopes":["dex"]}]`},
	} {
		got := p.do(other[0], other[1], other[2], "Idempotency-Key: k")
		if got.status != http.StatusUnprocessableEntity || len(got.Errors) != 1 || !strings.HasPrefix(got.errors()[0], "1001 idempotency_key_reused: ") || got.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	got := p.call(withKey("k"), "DeleteStore", `{"account_id":"main","store_id":"`+w.store+`","force":true}`)
	if got.code != codes.InvalidArgument || got.info.GetReason() != "IDEMPOTENCY_KEY_REUSED" {
		t.Errorf("grpc: %v", got.err)
	}
	if n := p.sent() - before; n != 0 {
		t.Errorf("%d changes were sent", n)
	}
}

// request_id is the key as a field, for clients that cannot send metadata.
func TestARequestIDIsAKey(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	eachChange(t, func(t *testing.T, c parityCase) {
		p := p.in(t)
		w := p.given(c.Given)
		before := p.sent()
		plain := w.fill(c.GRPC)
		named := strings.TrimSuffix(plain, "}") + `,"request_id":"id-` + c.RPC + `"}`
		body, first := p.callRaw(context.Background(), c.RPC, named)
		if first.err != nil {
			t.Fatal(first.err)
		}
		for how, call := range map[string]func() ([]byte, ruling){
			"the field":    func() ([]byte, ruling) { return p.callRaw(context.Background(), c.RPC, named) },
			"the metadata": func() ([]byte, ruling) { return p.callRaw(withKey("id-"+c.RPC), c.RPC, plain) },
			"both":         func() ([]byte, ruling) { return p.callRaw(withKey("id-"+c.RPC), c.RPC, named) },
		} {
			if same, got := call(); got.err != nil || string(same) != string(body) || first1(got, "idempotent-replayed") != "true" {
				t.Errorf("%s: %v %v", how, got.err, got.headers())
			}
		}
		got := p.call(withKey("other"), c.RPC, named)
		if got.code != codes.InvalidArgument || got.info.GetReason() != "REQUEST_ID_INVALID" || len(got.fields) != 1 || got.fields[0].GetField() != "request_id" {
			t.Errorf("two names: %v %v", got.err, got.fields)
		}
		if n := p.sent() - before; n != 1 {
			t.Errorf("Cloudflare was asked %d times", n)
		}
	})
}

func TestAKeyThatIsNoneIsNamed(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	const rule = "must be 1 to 255 visible ASCII characters, sent once"
	for name, key := range map[string]string{
		"too long": strings.Repeat("k", 256), "a blank": "a b", "a tab": "a\tb", "no ASCII": "schl\u00fcssel",
	} {
		got := p.do("POST", "stores", `{"name":"x"}`, "Idempotency-Key: "+key)
		if got.status != http.StatusBadRequest || len(got.Messages) != 1 || got.messages()[0] != "idempotency-key: "+rule {
			t.Errorf("rest, %s: %d %s", name, got.status, got.body)
		}
		if name == "no ASCII" || name == "a tab" {
			continue // no gRPC client sends these
		}
		over := p.call(withKey(key), "CreateStore", `{"account_id":"main","name":"x"}`)
		if over.code != codes.InvalidArgument || over.info.GetReason() != "IDEMPOTENCY_KEY_INVALID" || len(over.blamed()) != 1 || over.blamed()[0] != "idempotency-key: "+rule {
			t.Errorf("grpc, %s: %v %v", name, over.err, over.blamed())
		}
	}
	for name, id := range map[string]string{"too long": strings.Repeat("k", 256), "a blank": "a b", "a control character": "a\\u0001b"} {
		over := p.call(context.Background(), "CreateStore", `{"account_id":"main","name":"x","request_id":"`+id+`"}`)
		if over.code != codes.InvalidArgument || len(over.fields) != 1 || over.fields[0].GetField() != "request_id" {
			t.Errorf("request_id, %s: %v %v", name, over.err, over.fields)
		}
	}
	if n := len(p.cf.Requests()); n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
	// A list of lines over REST; over gRPC the same values.
	for name, keys := range map[string][]string{"empty": {""}, "empty before another": {"", "kC"}, "two": {"kA", "kB"}, "twice the same": {"kA", "kA"}} {
		var lines []string
		sent := metadata.MD{"idempotency-key": keys}
		for _, key := range keys {
			lines = append(lines, "Idempotency-Key: "+key)
		}
		if got := p.do("POST", "stores", `{"name":"x"}`, lines...); got.status != http.StatusBadRequest || got.messages()[0] != "idempotency-key: "+rule {
			t.Errorf("rest, %s: %d %s", name, got.status, got.body)
		}
		over := p.call(metadata.NewOutgoingContext(context.Background(), sent), "CreateStore", `{"account_id":"main","name":"x"}`)
		if over.code != codes.InvalidArgument || over.info.GetReason() != "IDEMPOTENCY_KEY_INVALID" {
			t.Errorf("grpc, %s: %v", name, over.err)
		}
	}
	if n := len(p.cf.Requests()); n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
	// The longest that there is.
	p.must("POST", "stores", `{"name":"x"}`, "Idempotency-Key: "+strings.Repeat("~", 255))
}

// A mark that cannot be read may be that of a repeat, which must not be made as
// a new change.
func TestAMarkOfARepeatThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	const rule = "x-stainless-retry-count: must be a whole number, sent once"
	for name, counts := range map[string][]string{"empty": {""}, "a word": {"again"}, "negative": {"-1"}, "two": {"0", "1"}} {
		var lines []string
		for _, count := range counts {
			lines = append(lines, "X-Stainless-Retry-Count: "+count)
		}
		if got := p.do("POST", "stores", `{"name":"x"}`, lines...); got.status != http.StatusBadRequest || got.messages()[0] != rule {
			t.Errorf("rest, %s: %d %s", name, got.status, got.body)
		}
		ctx := metadata.NewOutgoingContext(context.Background(), metadata.MD{"x-stainless-retry-count": counts})
		if over := p.call(ctx, "CreateStore", `{"account_id":"main","name":"x"}`); over.code != codes.InvalidArgument || over.blamed()[0] != rule {
			t.Errorf("grpc, %s: %v", name, over.err)
		}
	}
	if n := len(p.cf.Requests()); n != 0 {
		t.Errorf("Cloudflare was asked %d times", n)
	}
}

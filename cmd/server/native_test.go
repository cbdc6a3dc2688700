package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// native makes a call of Storekeeper's own API over both protocols, compares the
// answers, and returns the REST answer.
func (p *program) native(rpc, request, method, path, body string) reply {
	p.t.Helper()
	return p.sameOverBoth(rpc, p.do(method, path, body), p.call(context.Background(), rpc, request))
}

// nativeAs is native for the caller with a key. rest is the method and the path,
// and also the body after a space.
func (p *program) nativeAs(key, rpc, request, rest string) reply {
	p.t.Helper()
	verb, path, _ := strings.Cut(rest, " ")
	path, body, _ := strings.Cut(path, " ")
	return p.sameOverBoth(rpc, p.do(verb, path, body, "Authorization: Bearer "+key), p.invoke(with(key), rpc, p.request(rpc, request)))
}

// request reads a request that is written as proto JSON.
func (p *program) request(rpc, text string) proto.Message {
	p.t.Helper()
	in := messageFor(p.t, methodNamed(p.t, rpc).Input())
	if err := protojson.Unmarshal([]byte(text), in); err != nil {
		p.t.Fatalf("%s: %v", text, err)
	}
	return in
}

// sameOverBoth compares the answers over both protocols, without parts that differ
// between calls.
func (p *program) sameOverBoth(rpc string, rest reply, rpcs ruling) reply {
	p.t.Helper()
	if rest.status >= http.StatusBadRequest {
		var st struct {
			Code    codes.Code
			Message string
			Details []struct{ Reason string }
		}
		if err := json.Unmarshal([]byte(rest.body), &st); err != nil || len(st.Details) == 0 {
			p.t.Fatalf("%v in %s", err, rest.body)
		}
		if st.Code != rpcs.code || rpcs.info.GetReason() != st.Details[0].Reason {
			p.t.Errorf("%s: REST %s, gRPC %v", rpc, rest.body, rpcs.err)
		}
		return rest
	}
	over := messageFor(p.t, methodNamed(p.t, rpc).Output())
	if err := protojson.Unmarshal([]byte(rest.body), over); err != nil {
		p.t.Fatalf("%v in %s", err, rest.body)
	}
	for _, m := range []proto.Message{over, rpcs.answer} {
		withoutTimes(m.ProtoReflect())
	}
	if rpcs.err != nil || !proto.Equal(over, rpcs.answer) {
		p.t.Errorf("%s: REST %v, gRPC %v %v", rpc, over, rpcs.answer, rpcs.err)
	}
	return rest
}

// withoutTimes clears times and durations in a message.
func withoutTimes(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.Message() == nil:
		case fd.IsList():
			for i := range v.List().Len() {
				withoutTimes(v.List().Get(i).Message())
			}
		case strings.HasPrefix(string(fd.Message().FullName()), "google.protobuf."):
			m.Clear(fd)
		default:
			withoutTimes(v.Message())
		}
		return true
	})
}

func TestWhoAmIOverBothProtocols(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	got := p.nativeAs(callerKey, "SelfService/WhoAmI", `{}`, "GET /storekeeper/v1/me")
	digest := sha256.Sum256([]byte(callerKey))
	id := fmt.Sprintf(`"id":"%x"`, digest[:8])
	if want := `"caller":"` + callerName + `"`; got.status != http.StatusOK || !strings.Contains(got.body, want) || !strings.Contains(got.body, `"kind":"api_key"`) || !strings.Contains(got.body, id) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := p.do("GET", "/storekeeper/v1/me", "", "Authorization:"); got.status != http.StatusUnauthorized || !strings.Contains(got.body, "CREDENTIAL_MISSING") {
		t.Errorf("without a credential: %d %s", got.status, got.body)
	}
	for _, query := range []string{"?x=1", "?caller=x"} {
		if got := p.do("GET", "/storekeeper/v1/me"+query, ""); got.status != http.StatusBadRequest || !strings.Contains(got.body, "PARAMETER_UNKNOWN") {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

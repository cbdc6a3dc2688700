package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// native makes a call of Storekeeper's own API over both protocols, compares the
// answers, and returns the one over REST.
func (p *program) native(rpc, request, method, path, body string, headers ...string) reply {
	p.t.Helper()
	rest := p.do(method, path, body, headers...)
	rpcs := p.call(context.Background(), rpc, request)
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
			p.t.Errorf("%s: REST %s, gRPC %v", path, rest.body, rpcs.err)
		}
		return rest
	}
	over := messageFor(p.t, methodNamed(p.t, rpc).Output())
	if err := protojson.Unmarshal([]byte(rest.body), over); err != nil {
		p.t.Fatalf("%v in %s", err, rest.body)
	}
	if rpcs.err != nil || !proto.Equal(over, rpcs.answer) {
		p.t.Errorf("%s: REST %v, gRPC %v %v", path, over, rpcs.answer, rpcs.err)
	}
	return rest
}

func TestWhoAmIOverBothProtocols(t *testing.T) {
	t.Parallel()
	p := start(t, setup{})
	got := p.native("SelfService/WhoAmI", `{}`, "GET", "/storekeeper/v1/me", "")
	if want := `"caller":"` + callerName + `"`; got.status != http.StatusOK || !strings.Contains(got.body, want) || !strings.Contains(got.body, `"kind":"api_key"`) {
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

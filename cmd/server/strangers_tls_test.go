package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

// Over TLS too, a connection counts for its caller, so only the limits on bodies
// apply.
func TestACallerSendsMoreThanAStrangerMayOverTLS(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{sets: []string{manyCalls, anyPace}})
	for name, http2 := range map[string]bool{"ONE": false, "TWO": true} {
		transport := &http.Transport{TLSClientConfig: d.trust(shown{}), ForceAttemptHTTP2: http2}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.rest+"/client/v4/accounts/main/secrets_store/stores/"+d.store+"/secrets", strings.NewReader(longBatch(name)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+doorKey)
		answer, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		transport.CloseIdleConnections()
		if answer.StatusCode != http.StatusOK || (answer.ProtoMajor == 2) != http2 {
			t.Errorf("%s: %s %s %.200s", name, answer.Proto, answer.Status, text)
		}
	}
	request := `{"account_id":"main","store_id":"` + d.store + `","secrets":` + longBatch("GRPC") + `}`
	if got := d.overGRPC(t, bearer(doorKey), attempt{rpc: "CreateSecrets", request: request}, "long"); got.code != codes.OK {
		t.Errorf("gRPC: %v", got.err)
	}
}

// longBatch is a list of 20 secrets with values of 60 KiB.
func longBatch(name string) string {
	var list []map[string]any
	for i := range 20 {
		list = append(list, map[string]any{"name": fmt.Sprintf("%s_%d", name, i), "value": strings.Repeat("v", 60<<10), "scopes": []string{"workers"}})
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(text)
}

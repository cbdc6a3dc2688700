package main

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
	"time"

	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/authn/authntest"
)

// resident is a valid credential and its caller.
type resident struct {
	name       string
	shown      shown
	caller     string
	credential string
	// ends is when the credential does, zero for never.
	ends time.Time
}

func (d *door) residents(t *testing.T) []resident {
	t.Helper()
	certificate := d.authority.Sign(authntest.Leaf{URIs: []string{doorSPIFFE}, NotAfter: time.Now().Add(30 * time.Minute)})
	list := []resident{
		{name: "an API key", shown: bearer(doorKey), caller: "payments-key", credential: "api_key"},
		{name: "an API key in the older scheme", shown: shown{headers: []string{"X-Auth-Email: a@example.com", "X-Auth-Key: " + doorKey}}, caller: "payments-key", credential: "api_key"},
		{name: "a certificate", shown: certified(certificate), caller: "payments-api", credential: "mtls", ends: certificate.Leaf.NotAfter},
	}
	for _, key := range []authntest.Key{d.rs, d.es, d.ed} {
		claims := d.issuer.Claims(doorAudience, doorSubject)
		ends, _ := claims["exp"].(int64)
		list = append(list, resident{
			name: "a token signed with " + string(key.Algorithm), shown: bearer(key.Sign(t, nil, claims)),
			caller: "ci:" + doorSubject, credential: "jwt", ends: time.Unix(ends, 0),
		})
	}
	return list
}

func TestEveryGoodCredentialIsOneCallerOverBothProtocols(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{})
	for i, r := range d.residents(t) {
		t.Run(r.name, func(t *testing.T) {
			d.knows(t, r)
			d.lets(t, r, fmt.Sprintf("PAYMENTS_%d", i))
		})
	}
}

// knows checks the caller's identity over both protocols.
func (d *door) knows(t *testing.T, r resident) {
	t.Helper()
	token, _ := d.overGRPC(t, r.shown, attempt{rpc: "VerifyToken", request: `{}`}, "verify").answer.(*identityv1.VerifyTokenResponse)
	user, _ := d.overGRPC(t, r.shown, attempt{rpc: "GetUser", request: `{}`}, "user").answer.(*identityv1.GetUserResponse)
	if token.GetToken().GetStatus() != "active" || user.GetUser().GetUsername() != r.caller {
		t.Fatalf("grpc: %v, %v", token, user)
	}
	if ends := token.GetToken().GetExpiresOn(); (ends != nil) == r.ends.IsZero() || ends != nil && !ends.AsTime().Equal(r.ends.Truncate(time.Second)) {
		t.Errorf("grpc: ends %v, want %v", ends, r.ends)
	}
	for _, path := range []string{"/client/v4/user/tokens/verify", "/client/v4/accounts/" + accountID + "/tokens/verify"} {
		got := d.get(t, r, path)
		if got["id"] != token.GetToken().GetId() || got["status"] != "active" {
			t.Errorf("%s: %v", path, got)
		}
		if got["expires_on"] != stamped(token.GetToken().GetExpiresOn()) || got["not_before"] != stamped(token.GetToken().GetNotBefore()) {
			t.Errorf("%s: %v, over gRPC %v", path, got, token)
		}
	}
	if got := d.get(t, r, "/client/v4/user"); got["username"] != r.caller || got["id"] != user.GetUser().GetId() {
		t.Errorf("user: %v", got)
	}
	for path, rpc := range map[string]string{"/client/v4/accounts": "ListAccounts", "/client/v4/memberships": "ListMemberships"} {
		got, err := d.overREST(t, r.shown, attempt{method: "GET", path: path}, "list")
		listed, _ := got.Result.([]any)
		if answer := d.overGRPC(t, r.shown, attempt{rpc: rpc, request: `{}`}, "list"); err != nil || len(listed) != 1 || answer.err != nil {
			t.Errorf("%s: %v %s; grpc: %v", path, err, got.body, answer.err)
		}
	}
}

// stamped is a time as REST writes it, nil if there is none.
func stamped(at interface {
	AsTime() time.Time
	IsValid() bool
}) any {
	if !at.IsValid() {
		return nil
	}
	return at.AsTime().Format("2006-01-02T15:04:05.000000Z")
}

func (d *door) get(t *testing.T, r resident, path string) map[string]any {
	t.Helper()
	got, err := d.overREST(t, r.shown, attempt{method: "GET", path: path}, "get")
	result, ok := got.Result.(map[string]any)
	if err != nil || got.status != http.StatusOK || !ok {
		t.Fatalf("%s: %v %d %s", path, err, got.status, got.body)
	}
	return result
}

// lets makes a change over each protocol and checks the caller in the trail.
func (d *door) lets(t *testing.T, r resident, secret string) {
	t.Helper()
	item := `[{"name":"` + secret + `%s","value":"v","scopes":["dex"]}]`
	path := "stores/" + d.store + "/secrets"
	if got, err := d.overREST(t, r.shown, attempt{method: "POST", path: path, body: fmt.Sprintf(item, "_R")}, secret+"-rest"); err != nil || got.status != http.StatusOK {
		t.Errorf("rest: %v %d %s", err, got.status, got.body)
	}
	request := `{"account_id":"main","store_id":"` + d.store + `","secrets":` + fmt.Sprintf(item, "_G") + `}`
	if got := d.overGRPC(t, r.shown, attempt{rpc: "CreateSecrets", request: request}, secret+"-grpc"); got.err != nil {
		t.Errorf("grpc: %v", got.err)
	}
	for _, protocol := range []string{"rest", "grpc"} {
		records := d.trail(t).about(secret + "-" + protocol)
		if len(records) != 2 || records[0].Kind != "intent" || records[1].Kind != "outcome" || records[1].Outcome != "succeeded" {
			t.Errorf("the trail of %s says %+v", protocol, records)
		}
		for _, record := range records {
			if record.Caller != r.caller || record.Tenant != "payments" || record.Credential != r.credential {
				t.Errorf("the trail of %s names %+v", protocol, record)
			}
		}
	}
}

func TestAConnectionWithoutACertificateIsRefusedWhereOneIsRequired(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{sets: []string{"listen.tls.client_auth=required"}})
	without := stranger{shown: bearer(doorKey)}
	for _, a := range d.attempts() {
		d.refuses(t, without, a, "required")
	}
	both := bearer(doorKey)
	unlisted := d.authority.Sign(authntest.Leaf{})
	both.certificate = &unlisted
	if got, err := d.overREST(t, both, attempt{method: "GET", path: "stores"}, "both"); err != nil || got.status != http.StatusOK {
		t.Errorf("with a certificate: %v %d %s", err, got.status, got.body)
	}
}

func TestAConnectionNeedsAVersionOfTLSThatIsSafe(t *testing.T) {
	t.Parallel()
	d := openDoor(t, setup{})
	for name, address := range map[string]string{"rest": d.rest[len("https://"):], "grpc": d.grpc, "admin": d.admin[len("https://"):]} {
		for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			dialer := &tls.Dialer{Config: &tls.Config{RootCAs: d.authority.Pool, MinVersion: version, MaxVersion: version, NextProtos: []string{"h2"}}}
			conn, err := dialer.DialContext(t.Context(), "tcp", address)
			if (err == nil) != want {
				t.Errorf("%s with %s: %v", name, tls.VersionName(version), err)
			}
			if err == nil {
				_ = conn.Close()
			}
		}
	}
}

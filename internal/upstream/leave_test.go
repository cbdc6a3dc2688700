package upstream_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/upstream"
)

// TestAChangeWhoseLeaseEndedOnTheWayDoesNotLeave ends the lease after the change was admitted,
// while the change waits for a connection.
func TestAChangeWhoseLeaseEndedOnTheWayDoesNotLeave(t *testing.T) {
	for _, kept := range []bool{false, true} {
		for _, secured := range []bool{false, true} {
			var changes atomic.Int32
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					changes.Add(1)
				}
				says(http.StatusOK, `{"result":null,"success":true,"errors":[],"messages":[]}`)(w, r)
			})
			server := httptest.NewUnstartedServer(handler)
			if secured {
				server.StartTLS()
			} else {
				server.Start()
			}
			t.Cleanup(server.Close)
			transport := upstream.NewTransport()
			transport.TLSClientConfig = &tls.Config{RootCAs: rootsOf(server), MinVersion: tls.VersionTLS12}
			d, held := &door{}, atomic.Bool{}
			held.Store(true)
			config := configFor(server.URL + "/client/v4")
			config.Transport, config.Admit = transport, d.admit
			config.Leave = func(context.Context) error {
				if held.Load() {
					return nil
				}
				return fault.New(fault.Unavailable, "STATE_UNAVAILABLE", "The lease has ended.")
			}
			client := newClient(t, config)
			gone := upstream.SecretParams{Account: "main", StoreID: storeID, SecretID: secretID}
			if kept {
				if _, err := client.DeleteSecret(within(t), gone); err != nil {
					t.Fatalf("secured %v: with the lease: %v", secured, err)
				}
			}
			before := changes.Load()
			held.Store(false)
			_, err := client.DeleteSecret(within(t), gone)
			if asFault(t, err).Reason != "STATE_UNAVAILABLE" || changes.Load() != before {
				t.Errorf("kept %v, secured %v: %v, and %d changes arrived", kept, secured, err, changes.Load()-before)
			}
			if end := d.ended[len(d.ended)-1]; !end.Unsent {
				t.Errorf("kept %v, secured %v: it counts as sent", kept, secured)
			}
			// A read needs no lease, and the lease comes back.
			if _, err := client.Quota(within(t), "main"); asFault(t, err).Reason == "STATE_UNAVAILABLE" {
				t.Errorf("a read: %v", err)
			}
			held.Store(true)
			if _, err := client.DeleteSecret(within(t), gone); err != nil {
				t.Errorf("kept %v, secured %v: after the lease came back: %v", kept, secured, err)
			}
			client.Close()
		}
	}
}

// TestAChangeWhoseLeaseEndsWhileItIsSentIsNotWhole ends the lease between two
// writes of a request.
func TestAChangeWhoseLeaseEndsWhileItIsSentIsNotWhole(t *testing.T) {
	var whole atomic.Int32
	var asked atomic.Int32
	client, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if n, _ := io.Copy(io.Discard, r.Body); n == r.ContentLength {
			whole.Add(1)
		}
	}, func(c *upstream.Config) {
		c.Leave = func(context.Context) error {
			if asked.Add(1) == 1 {
				return nil
			}
			return fault.New(fault.Unavailable, "STATE_UNAVAILABLE", "The lease has ended.")
		}
	})
	_, err := client.CreateSecrets(within(t), upstream.CreateSecretsParams{Account: "main", StoreID: storeID, Secrets: []upstream.NewSecret{
		{Name: "MY_KEY", Value: upstream.Value(strings.Repeat("v", 60_000)), Scopes: []string{"workers"}},
	}})
	if asFault(t, err).Reason != fault.ReasonUpstreamAnswerLost || whole.Load() != 0 || asked.Load() < 2 {
		t.Errorf("%v; %d whole requests arrived; the lease was looked at %d times", err, whole.Load(), asked.Load())
	}
}

func rootsOf(server *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	if c := server.Certificate(); c != nil {
		roots.AddCert(c)
	}
	return roots
}

package audit

import (
	"testing"
	"time"
)

// BenchmarkRecord is the work on one record that belongs to it alone: holding
// its texts to their classes, writing it down, and binding the line.
func BenchmarkRecord(b *testing.B) {
	records := []Record{{
		Kind: KindIntent, Time: time.Now(), ID: "01jd2qk3v9xw8h5t7m6n4b1c0z", Caller: "system:serviceaccount:payments:deployer",
		Tenant: "payments", Credential: CredentialJWT, Method: "/secretsstore.v1.SecretsStoreService/CreateSecrets",
		Action: "secrets.create", Account: "023e105f4ecef8ad9ca31a8372d0c353", Store: Store{ID: "0123456789abcdef0123456789abcdef"},
		Secrets:  []Secret{{Name: "PAYMENTS_STRIPE_KEY"}},
		Decision: Decision{Allowed: true, Rule: "payments-own-prefix", ID: "01jd2qk3v9"}, RequestID: "01jd2qk3v9xw8h5t7m6n4b1c0z",
		Protocol: "rest", Peer: "10.1.2.3:51234",
	}}
	for name, key := range map[string][]byte{"keyed": []byte("a key of the chain"), "unkeyed": nil} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			l := ledger{hash: newHash(key), now: time.Now, origin: newOrigin(key)}
			r := &request{}
			var bodies [][]byte
			for b.Loop() {
				r.reset()
				if err := r.fill(records, time.Now); err != nil {
					b.Fatal(err)
				}
				bodies = r.appendBodies(bodies[:0])
				_, next := l.lines(bodies)
				l.accept(next)
			}
		})
	}
}

// BenchmarkHead is the work on the head of one commit.
func BenchmarkHead(b *testing.B) {
	b.ReportAllocs()
	h, o := newHash(nil), newOrigin(nil)
	var buf []byte
	for b.Loop() {
		buf = appendHead(buf[:0], position{seq: 123456}, o, h)
	}
}

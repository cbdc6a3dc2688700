package audit_test

import (
	"testing"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// usualIntent is a record of about the size that a change has.
func usualIntent() audit.Record {
	return audit.Record{
		Kind: audit.KindIntent, Time: time.Now(), ID: "01jd2qk3v9xw8h5t7m6n4b1c0z", Caller: "system:serviceaccount:payments:deployer",
		Tenant: "payments", Credential: audit.CredentialJWT, Method: "/secretsstore.v1.SecretsStoreService/CreateSecrets",
		Action: "secrets.create", Account: "023e105f4ecef8ad9ca31a8372d0c353",
		Store:    audit.Store{ID: "0123456789abcdef0123456789abcdef"},
		Secrets:  []audit.Secret{{Name: "PAYMENTS_STRIPE_KEY"}},
		Decision: audit.Decision{Allowed: true, Rule: "payments-own-prefix", ID: "01jd2qk3v9"}, RequestID: "01jd2qk3v9xw8h5t7m6n4b1c0z",
		Protocol: "rest", Peer: "10.1.2.3:51234",
	}
}

// BenchmarkAppend encodes a line of a chain.
func BenchmarkAppend(b *testing.B) {
	for name, key := range map[string][]byte{"keyed": key, "unkeyed": nil} {
		b.Run(name, func(b *testing.B) {
			chain, record := audit.NewChain(key, audit.NewOrigin(key), audit.Place{}), usualIntent()
			var line []byte
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if line, err = chain.Append(line[:0], record, record.Time); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHead(b *testing.B) {
	chain := audit.NewChain(nil, audit.NewOrigin(nil), audit.Place{})
	var head []byte
	b.ReportAllocs()
	for b.Loop() {
		head = audit.AppendHead(head[:0], chain.At(), chain.Origin(), nil)
	}
}

// BenchmarkVerify verifies a file of 10,000 records.
func BenchmarkVerify(b *testing.B) {
	const records = 10_000
	p := path(b)
	batch := make([]audit.Record, records)
	for i := range batch {
		batch[i] = usualIntent()
	}
	begin(b, p, key).append(b, batch...)
	b.ReportAllocs()
	for b.Loop() {
		if r := verify(b, p); !r.OK() {
			b.Fatal(r.Problems)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
}

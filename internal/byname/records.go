package byname

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/store"
	"platform.internal/storekeeper/internal/upstream"
)

// remembered is the time for which a put is remembered. After that, an equal put is sent again.
const remembered = 90 * 24 * time.Hour

// putRecord is the record of the last put of a secret.
type putRecord struct {
	// Print is the keyed digest of the put.
	Print string `json:"print"`
	// Modified is the time of the change by Cloudflare's clock. If the secret has another time, another
	// client has changed the secret since.
	Modified time.Time `json:"modified"`
}

// recordKey is the key of the record of a secret.
func recordKey(account, storeID, secretID string) string {
	return "put/" + account + "/" + storeID + "/" + secretID
}

// print returns the keyed digest of a put, "" without a Fingerprint function.
func (s *Service) print(p place, put *storekeeperv1.SecretPut) string {
	if s.c.Fingerprint == nil {
		return ""
	}
	// 0xff never occurs in UTF-8 text, so the digest of a put differs from the digest of any value.
	var text strings.Builder
	text.WriteString("put\xff")
	add := func(part string) { text.WriteString(strconv.Itoa(len(part)) + ":" + part) }
	add(p.key)
	add(p.storeID)
	add(put.GetName())
	add(put.GetValue())
	if put.Comment != nil {
		add(put.GetComment())
	}
	text.WriteByte(0xff)
	for _, scope := range slices.Compact(slices.Sorted(slices.Values(put.GetScopes()))) {
		add(scope)
	}
	return s.c.Fingerprint(text.String())
}

// unchanged returns the names of the secrets that are known to have the state of the put already.
func (s *Service) unchanged(ctx context.Context, p place, puts []*storekeeperv1.SecretPut, found map[string]upstream.Secret) (map[string]bool, error) {
	if s.c.Fingerprint == nil || len(found) == 0 {
		return nil, nil //nolint:nilnil // nothing is known, and that is no error
	}
	var keys []string
	for _, secret := range found {
		keys = append(keys, recordKey(p.key, p.storeID, secret.ID))
	}
	records, err := s.c.Records.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, put := range puts {
		secret, exists := found[put.GetName()]
		var last putRecord
		kept := records[recordKey(p.key, p.storeID, secret.ID)]
		// A record that cannot be decoded is ignored: the put is sent.
		if !exists || json.Unmarshal(kept.Value, &last) != nil || !last.Modified.Equal(secret.Modified) {
			continue
		}
		known[put.GetName()] = last.Print != "" && subtle.ConstantTimeCompare([]byte(last.Print), []byte(s.print(p, put))) == 1
	}
	return known, nil
}

// remember returns a function that makes the records of successful puts from the answer of the change, nil
// without a Fingerprint function.
func (s *Service) remember(p place, puts ...*storekeeperv1.SecretPut) func(answer proto.Message) map[string]*store.Record {
	if s.c.Fingerprint == nil {
		return nil
	}
	return func(answer proto.Message) map[string]*store.Record {
		var secrets []*secretsstorev1.Secret
		switch a := answer.(type) {
		case *secretsstorev1.CreateSecretsResponse:
			secrets = a.GetSecrets()
		case *secretsstorev1.UpdateSecretResponse:
			secrets = append(secrets, a.GetSecret())
		}
		records := map[string]*store.Record{}
		for i, secret := range secrets {
			// Cloudflare's answer has the order of the request.
			if i >= len(puts) || secret.GetName() != puts[i].GetName() {
				continue
			}
			text, err := json.Marshal(putRecord{Print: s.print(p, puts[i]), Modified: secret.GetModified().AsTime()})
			if err == nil {
				records[recordKey(p.key, p.storeID, secret.GetId())] = &store.Record{Value: text, Expires: time.Now().Add(remembered)}
			}
		}
		return records
	}
}

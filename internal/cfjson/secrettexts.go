package cfjson

import (
	"sync"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// maxSecretTexts is the number of texts that SecretTexts holds.
const maxSecretTexts = 10_000

// SecretTexts holds the JSON texts of secrets in the cache, because all lists share the message of such a
// secret. A message that is in SecretTexts must not be changed. The zero value is empty. SecretTexts is safe for
// concurrent use.
type SecretTexts struct {
	mu    sync.RWMutex
	texts map[*secretsstorev1.Secret]string
}

// appendList appends the array of secrets.
func (t *SecretTexts) appendList(b []byte, secrets []*secretsstorev1.Secret) []byte {
	begin := len(b)
	t.mu.RLock()
	known := true
	b = appendList(b, secrets, func(b []byte, s *secretsstorev1.Secret) []byte {
		text, ok := t.texts[s]
		known = known && ok
		return append(b, text...)
	})
	t.mu.RUnlock()
	if known {
		return b
	}
	return appendList(b[:begin], secrets, t.appendNew)
}

// appendNew appends a secret and keeps its text. If there are too many texts, those of messages that have left
// the cache may be among them, so all are dropped.
func (t *SecretTexts) appendNew(b []byte, s *secretsstorev1.Secret) []byte {
	begin := len(b)
	b = appendSecret(b, s)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.texts == nil || len(t.texts) >= maxSecretTexts {
		t.texts = map[*secretsstorev1.Secret]string{}
	}
	t.texts[s] = string(b[begin:])
	return b
}

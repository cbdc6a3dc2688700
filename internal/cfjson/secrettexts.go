package cfjson

import (
	"sync"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// maxSecretTexts is the number of texts that SecretTexts holds: about 4 MB. If lists of more secrets are read in
// turn, each list is encoded again.
const maxSecretTexts = 20_000

// SecretTexts holds the JSON texts of secrets in the cache, because all lists share the message of such a
// secret. A message that is in SecretTexts must not be changed. The zero value is empty. SecretTexts is safe for
// concurrent use.
type SecretTexts struct {
	mu sync.RWMutex
	// young has the newest texts. When it is half of all, it becomes old, and the texts in old, which may be
	// those of messages that have left the cache, are dropped.
	young, old map[*secretsstorev1.Secret]string
}

// appendList appends the array of secrets.
func (t *SecretTexts) appendList(b []byte, secrets []*secretsstorev1.Secret) []byte {
	if all, known := t.appendYoung(b, secrets); known {
		return all
	}
	texts := t.texts(secrets)
	return appendList(b, texts, func(b []byte, text string) []byte { return append(b, text...) })
}

// appendYoung appends the array of secrets if all texts are young.
func (t *SecretTexts) appendYoung(b []byte, secrets []*secretsstorev1.Secret) (all []byte, known bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	known = true
	all = appendList(b, secrets, func(b []byte, s *secretsstorev1.Secret) []byte {
		text, young := t.young[s]
		known = known && young
		return append(b, text...)
	})
	return all, known
}

// texts returns the texts of secrets, which are young afterwards.
func (t *SecretTexts) texts(secrets []*secretsstorev1.Secret) []string {
	texts := make([]string, len(secrets))
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, s := range secrets {
		text, young := t.young[s]
		if !young {
			if text = t.old[s]; text == "" {
				text = string(appendSecret(nil, s))
			}
			t.keep(s, text)
		}
		texts[i] = text
	}
	return texts
}

// keep adds a text. mu is held.
func (t *SecretTexts) keep(s *secretsstorev1.Secret, text string) {
	if t.young == nil || len(t.young) >= maxSecretTexts/2 {
		t.young, t.old = map[*secretsstorev1.Secret]string{}, t.young
	}
	t.young[s] = text
}

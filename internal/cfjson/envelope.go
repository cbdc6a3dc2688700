package cfjson

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
)

// failureSize is the initial capacity for the envelope of a failure, in bytes.
// A longer envelope grows it.
const failureSize = 512

// Success appends the envelope of an answer to b. It fails for a message type that is not an answer of the
// API. shared, if not nil, has the texts of the secrets in a list.
func Success(b []byte, answer proto.Message, shared *SecretTexts) ([]byte, error) {
	b = append(b, `{"result":`...)
	if list, ok := answer.(*secretsstorev1.ListSecretsResponse); ok && shared != nil {
		b = shared.appendList(b, list.GetSecrets())
	} else {
		var err error
		if b, err = appendResult(b, answer); err != nil {
			return nil, err
		}
	}
	b = append(b, `,"success":true,"errors":[],"messages":`...)
	var said []*secretsstorev1.Notice
	if m, ok := answer.(interface {
		GetMessages() []*secretsstorev1.Notice
	}); ok {
		said = m.GetMessages()
	}
	b = appendList(b, said, appendNotice)
	if paged, ok := answer.(interface {
		GetResultInfo() *secretsstorev1.ResultInfo
	}); ok && paged.GetResultInfo() != nil {
		b = appendInfo(append(b, `,"result_info":`...), paged.GetResultInfo())
	}
	return append(b, '}'), nil
}

// Failure returns the envelope of a failed call.
func Failure(errors, messages []*secretsstorev1.Notice) []byte {
	b := append(make([]byte, 0, failureSize), `{"result":null,"success":false,"errors":`...)
	b = appendList(b, errors, appendNotice)
	b = appendList(append(b, `,"messages":`...), messages, appendNotice)
	return append(b, '}')
}

func appendResult(b []byte, answer proto.Message) ([]byte, error) {
	switch m := answer.(type) {
	case *secretsstorev1.CreateStoreResponse:
		return appendStore(b, m.GetStore()), nil
	case *secretsstorev1.GetStoreResponse:
		return appendStore(b, m.GetStore()), nil
	case *secretsstorev1.ListStoresResponse:
		return appendList(b, m.GetStores(), appendStore), nil
	case *secretsstorev1.CreateSecretsResponse:
		return appendList(b, m.GetSecrets(), appendSecret), nil
	case *secretsstorev1.ListSecretsResponse:
		return appendList(b, m.GetSecrets(), appendSecret), nil
	case *secretsstorev1.GetSecretResponse:
		return appendSecret(b, m.GetSecret()), nil
	case *secretsstorev1.UpdateSecretResponse:
		return appendSecret(b, m.GetSecret()), nil
	case *secretsstorev1.DuplicateSecretResponse:
		return appendSecret(b, m.GetSecret()), nil
	case *secretsstorev1.DeleteStoreResponse, *secretsstorev1.DeleteSecretResponse, *secretsstorev1.DeleteSecretsResponse:
		return append(b, "null"...), nil
	case *secretsstorev1.GetQuotaResponse:
		return appendQuota(b, m.GetQuota()), nil
	default:
		return appendIdentity(b, answer)
	}
}

func appendIdentity(b []byte, answer proto.Message) ([]byte, error) {
	switch m := answer.(type) {
	case *identityv1.VerifyTokenResponse:
		return appendToken(b, m.GetToken()), nil
	case *identityv1.GetUserResponse:
		return appendUser(b, m.GetUser()), nil
	case *identityv1.ListAccountsResponse:
		return appendList(b, m.GetAccounts(), appendAccount), nil
	case *identityv1.ListMembershipsResponse:
		return appendList(b, m.GetMemberships(), appendMembership), nil
	default:
		return nil, fmt.Errorf("cfjson: no JSON form for %T", answer)
	}
}

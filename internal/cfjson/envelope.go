package cfjson

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
)

// smallAnswer is room for an answer with one object.
const smallAnswer = 512

// Success writes the envelope around the answer of an RPC.
func Success(answer proto.Message) ([]byte, error) {
	b := append(make([]byte, 0, smallAnswer), `{"result":`...)
	b, err := appendResult(b, answer)
	if err != nil {
		return nil, err
	}
	b = append(b, `,"success":true,"errors":[],"messages":`...)
	var said []*pb.Notice
	if m, ok := answer.(interface{ GetMessages() []*pb.Notice }); ok {
		said = m.GetMessages()
	}
	b = appendList(b, said, appendNotice)
	if paged, ok := answer.(interface{ GetResultInfo() *pb.ResultInfo }); ok && paged.GetResultInfo() != nil {
		b = appendInfo(append(b, `,"result_info":`...), paged.GetResultInfo())
	}
	return append(b, '}'), nil
}

// Failure writes the envelope of a call that failed.
func Failure(errors, messages []*pb.Notice) []byte {
	b := append(make([]byte, 0, smallAnswer), `{"result":null,"success":false,"errors":`...)
	b = appendList(b, errors, appendNotice)
	b = appendList(append(b, `,"messages":`...), messages, appendNotice)
	return append(b, '}')
}

func appendResult(b []byte, answer proto.Message) ([]byte, error) {
	switch m := answer.(type) {
	case *pb.CreateStoreResponse:
		return appendStore(b, m.GetStore()), nil
	case *pb.GetStoreResponse:
		return appendStore(b, m.GetStore()), nil
	case *pb.ListStoresResponse:
		return appendList(b, m.GetStores(), appendStore), nil
	case *pb.CreateSecretsResponse:
		return appendList(b, m.GetSecrets(), appendSecret), nil
	case *pb.ListSecretsResponse:
		return appendList(b, m.GetSecrets(), appendSecret), nil
	case *pb.GetSecretResponse:
		return appendSecret(b, m.GetSecret()), nil
	case *pb.UpdateSecretResponse:
		return appendSecret(b, m.GetSecret()), nil
	case *pb.DuplicateSecretResponse:
		return appendSecret(b, m.GetSecret()), nil
	case *pb.DeleteStoreResponse, *pb.DeleteSecretResponse, *pb.DeleteSecretsResponse:
		return append(b, "null"...), nil
	case *pb.GetQuotaResponse:
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

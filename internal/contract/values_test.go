package contract_test

import (
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/contract"
)

func TestValuesOfARequest(t *testing.T) {
	batch := create(good(), with(func(s *secretsstorev1.NewSecret) { s.Value = "second" }))
	for want, request := range map[string]proto.Message{
		"v,second": batch,
		"new":      update(func(r *secretsstorev1.UpdateSecretRequest) { r.Value = proto.String("new") }),
		"":         &secretsstorev1.GetStoreRequest{AccountId: "a", StoreId: id},
	} {
		var list []string
		switch want {
		case "v,second":
			list = []string{"v", "second"}
		case "new":
			list = []string{"new"}
		}
		if got := contract.Values(request); !reflect.DeepEqual(got, list) {
			t.Errorf("got %q, want %q", got, list)
		}
	}
}

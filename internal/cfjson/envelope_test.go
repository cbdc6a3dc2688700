package cfjson_test

import (
	"encoding/json"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	identityv1 "platform.internal/storekeeper/gen/storekeeper/identity/v1"
	"platform.internal/storekeeper/internal/cfjson"
)

var (
	born = timestamppb.New(time.Date(2023, 9, 21, 18, 56, 32, 624632000, time.UTC))
	even = timestamppb.New(time.Date(2023, 9, 21, 18, 56, 32, 0, time.UTC))
)

func secret() *secretsstorev1.Secret {
	return &secretsstorev1.Secret{Id: "i", StoreId: "s", Name: "N", Scopes: []string{"access", "workers"}, Created: born, Modified: even, Status: "active"}
}

const secretJSON = `{"id":"i","store_id":"s","name":"N","comment":null,"scopes":["access","workers"],"created":"2023-09-21T18:56:32.624632Z","modified":"2023-09-21T18:56:32.000000Z","status":"active"}`

func TestSuccess(t *testing.T) {
	store := &secretsstorev1.Store{Id: "s", Name: "n", Created: born, Modified: born, AccountId: "a"}
	const storeJSON = `{"id":"s","name":"n","created":"2023-09-21T18:56:32.624632Z","modified":"2023-09-21T18:56:32.624632Z","account_id":"a"}`
	const end = `,"success":true,"errors":[],"messages":[]`
	odd := secret()
	odd.Comment, odd.Scopes = proto.String("a \"b\" <c>\n\u0001é"), nil
	cases := []struct {
		name   string
		answer proto.Message
		want   string
	}{
		{"a store", &secretsstorev1.CreateStoreResponse{Store: store}, `{"result":` + storeJSON + end + `}`},
		{"a store without an account", &secretsstorev1.GetStoreResponse{Store: &secretsstorev1.Store{Id: "s", Name: "n", Created: born, Modified: born}},
			`{"result":{"id":"s","name":"n","created":"2023-09-21T18:56:32.624632Z","modified":"2023-09-21T18:56:32.624632Z"}` + end + `}`},
		{"a page of stores", &secretsstorev1.ListStoresResponse{Stores: []*secretsstorev1.Store{store}, ResultInfo: &secretsstorev1.ResultInfo{Count: 1, Page: 1, PerPage: 20, TotalCount: 1, TotalPages: proto.Int32(1)}},
			`{"result":[` + storeJSON + `]` + end + `,"result_info":{"count":1,"page":1,"per_page":20,"total_count":1,"total_pages":1}}`},
		{"an empty page", &secretsstorev1.ListSecretsResponse{ResultInfo: &secretsstorev1.ResultInfo{Page: 9, PerPage: 20}},
			`{"result":[]` + end + `,"result_info":{"count":0,"page":9,"per_page":20,"total_count":0}}`},
		{"secrets that were created", &secretsstorev1.CreateSecretsResponse{Secrets: []*secretsstorev1.Secret{secret(), secret()}}, `{"result":[` + secretJSON + `,` + secretJSON + `]` + end + `}`},
		{"a secret", &secretsstorev1.GetSecretResponse{Secret: secret()}, `{"result":` + secretJSON + end + `}`},
		{"a secret that was changed", &secretsstorev1.UpdateSecretResponse{Secret: secret()}, `{"result":` + secretJSON + end + `}`},
		{"a copy", &secretsstorev1.DuplicateSecretResponse{Secret: secret()}, `{"result":` + secretJSON + end + `}`},
		{"a comment with odd characters, and no scopes", &secretsstorev1.GetSecretResponse{Secret: odd},
			`{"result":{"id":"i","store_id":"s","name":"N","comment":"a \"b\" <c>\n\u0001é","scopes":[],"created":"2023-09-21T18:56:32.624632Z","modified":"2023-09-21T18:56:32.000000Z","status":"active"}` + end + `}`},
		{"a store gone", &secretsstorev1.DeleteStoreResponse{}, `{"result":null` + end + `}`},
		{"a secret gone", &secretsstorev1.DeleteSecretResponse{}, `{"result":null` + end + `}`},
		{"secrets gone", &secretsstorev1.DeleteSecretsResponse{}, `{"result":null` + end + `}`},
		{"a quota", &secretsstorev1.GetQuotaResponse{Quota: &secretsstorev1.Quota{Secrets: &secretsstorev1.QuotaUsage{Quota: 100, Usage: 7}}}, `{"result":{"secrets":{"quota":100,"usage":7}}` + end + `}`},
		{"notices", &secretsstorev1.DeleteSecretResponse{Messages: []*secretsstorev1.Notice{
			{Code: proto.Int32(1), Message: "m", DocumentationUrl: "https://x", Source: &secretsstorev1.NoticeSource{Pointer: "/0"}}, {Message: "bare"}}},
			`{"result":null,"success":true,"errors":[],"messages":[{"code":1,"message":"m","documentation_url":"https://x","source":{"pointer":"/0"}},{"message":"bare"}]}`},
		{"a token", &identityv1.VerifyTokenResponse{Token: &identityv1.Token{Id: "t", Status: "active", NotBefore: born, ExpiresOn: even}},
			`{"result":{"id":"t","status":"active","not_before":"2023-09-21T18:56:32.624632Z","expires_on":"2023-09-21T18:56:32.000000Z"}` + end + `}`},
		{"a user", &identityv1.GetUserResponse{User: &identityv1.User{Id: "u", Email: "e", Username: "n"}}, `{"result":{"id":"u","email":"e","username":"n"}` + end + `}`},
		{"accounts", &identityv1.ListAccountsResponse{Accounts: []*identityv1.Account{{Id: "a", Name: "n", Type: "standard"}}}, `{"result":[{"id":"a","name":"n","type":"standard"}]` + end + `}`},
		{"memberships", &identityv1.ListMembershipsResponse{Memberships: []*identityv1.Membership{{Id: "m", Status: "accepted", Account: &identityv1.Account{Id: "a", Name: "n", Type: "standard"}, Roles: []string{"r"}}}},
			`{"result":[{"id":"m","status":"accepted","account":{"id":"a","name":"n","type":"standard"},"roles":["r"]}]` + end + `}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := cfjson.Success(nil, c.answer, nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if !json.Valid(got) {
				t.Error("not JSON")
			}
		})
	}
}

func TestSuccessRefusesAMessageWithoutAForm(t *testing.T) {
	if _, err := cfjson.Success(nil, &secretsstorev1.GetStoreRequest{}, nil); err == nil {
		t.Error("a request has a form as an answer")
	}
}

func TestFailure(t *testing.T) {
	got := cfjson.Failure([]*secretsstorev1.Notice{{Code: proto.Int32(1001), Message: "store_not_found"}}, nil)
	if want := `{"result":null,"success":false,"errors":[{"code":1001,"message":"store_not_found"}],"messages":[]}`; string(got) != want {
		t.Errorf("got %s", got)
	}
}

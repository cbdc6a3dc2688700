package cfjson_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/policy"
)

func TestABodyIsTheSameInPieces(t *testing.T) {
	value := strings.Repeat("v", 50_000)
	body := `[{"name":"A","value":"` + value + `","scopes":["dex"]}]`
	for name, r := range map[string]io.Reader{
		"at once":              strings.NewReader(body),
		"byte by byte":         iotest.OneByteReader(strings.NewReader(body)),
		"in halves":            iotest.HalfReader(strings.NewReader(body)),
		"with its end at once": iotest.DataErrReader(strings.NewReader(body)),
	} {
		var secrets []*secretsstorev1.NewSecret
		found := &policy.Mistakes{}
		if err := cfjson.ReadRequest(r, &secrets, found); err != nil || len(found.Fields) > 0 || len(secrets) != 1 || secrets[0].GetValue() != value {
			t.Errorf("%s: %v %v, %d secrets", name, err, found.Fields, len(secrets))
		}
	}
}

func TestABodyThatBreaksOffIsRefusedThoughItIsWhole(t *testing.T) {
	broken := iotest.ErrReader(errors.New("connection reset"))
	for _, r := range []io.Reader{
		io.MultiReader(strings.NewReader(`{"name":"x"}`), broken),
		io.MultiReader(strings.NewReader(`{"name":"`), broken),
		broken,
	} {
		found := &policy.Mistakes{}
		if err := cfjson.ReadRequest(r, &secretsstorev1.CreateStoreRequest{}, found); err != nil || len(found.Fields) == 0 || found.Fields[0].Path != policy.Body {
			t.Errorf("%v %v", err, found.Fields)
		}
	}
}

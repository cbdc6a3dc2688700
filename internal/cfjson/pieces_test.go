package cfjson_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/cfjson"
	"platform.internal/storekeeper/internal/contract"
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
		found := &contract.Mistakes{}
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
		found := &contract.Mistakes{}
		if err := cfjson.ReadRequest(r, &secretsstorev1.CreateStoreRequest{}, found); err != nil || len(found.Fields) == 0 || found.Fields[0].Path != contract.Body {
			t.Errorf("%v %v", err, found.Fields)
		}
	}
}

// TestALongListIsNotReadToItsEnd: a body may have millions of items and mistakes. The cost of their treatment
// must not grow with their number.
func TestALongListIsNotReadToItsEnd(t *testing.T) {
	const many = 100_000
	for unit, target := range map[string]any{
		"1,":                      &[]*secretsstorev1.NewSecret{},
		"{},":                     &[]*secretsstorev1.NewSecret{},
		`{"name":1,"x":2},`:       &[]*secretsstorev1.NewSecret{},
		`{"scopes":[1,1,1,1,1]},`: &[]*secretsstorev1.NewSecret{},
		`{"id":"a"},`:             &secretsstorev1.DeleteSecretsRequest{},
		`{"id":7},`:               &secretsstorev1.DeleteSecretsRequest{},
		"[],":                     &secretsstorev1.DeleteSecretsRequest{},
	} {
		found := &contract.Mistakes{}
		body := "[" + strings.Repeat(unit, many) + strings.TrimSuffix(unit, ",") + "]"
		if err := cfjson.ReadRequest(strings.NewReader(body), target, found); err != nil {
			t.Fatal(err)
		}
		count := 0
		switch m := target.(type) {
		case *[]*secretsstorev1.NewSecret:
			count = len(*m)
		case *secretsstorev1.DeleteSecretsRequest:
			count = len(m.GetIds())
		}
		if count != 101 || len(found.Fields) != 0 {
			t.Errorf("%s: %d items and %d mistakes", unit, count, len(found.Fields))
		}
	}
	found := &contract.Mistakes{}
	ids := &secretsstorev1.DeleteSecretsRequest{}
	body := `{"ids":["a"` + strings.Repeat(`,1`, many) + `],"x":1,"y":{}}`
	if err := cfjson.ReadRequest(strings.NewReader(body), ids, found); err != nil || len(ids.GetIds()) != 101 || len(found.Fields) != 2 {
		t.Errorf("%v, %d ids, %d mistakes", err, len(ids.GetIds()), len(found.Fields))
	}
}

func TestMistakesAreNotNotedWithoutEnd(t *testing.T) {
	found := &contract.Mistakes{}
	body := `{"name":"x",` + strings.Repeat(`"unknown":1,`, 100_000) + `"scopes":[]}`
	if err := cfjson.ReadRequest(strings.NewReader(body), &secretsstorev1.DuplicateSecretRequest{}, found); err != nil || len(found.Fields) != 1000 {
		t.Errorf("%v, %d mistakes", err, len(found.Fields))
	}
}

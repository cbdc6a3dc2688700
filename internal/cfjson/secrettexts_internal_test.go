package cfjson

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

func TestKeptTextsOfSecretsMakeTheSameAnswer(t *testing.T) {
	var kept SecretTexts
	list := make([]*secretsstorev1.Secret, 100)
	for i := range list {
		list[i] = &secretsstorev1.Secret{Id: fmt.Sprint(i), Name: "A\"<\u2028" + fmt.Sprint(i), Modified: timestamppb.New(time.Unix(int64(i), 1000))}
	}
	replaced := append([]*secretsstorev1.Secret{{Id: "0", Name: "B"}}, list[1:]...)
	var callers errgroup.Group
	for range 4 {
		callers.Go(func() error {
			for _, page := range [][]*secretsstorev1.Secret{nil, list[:20], list, list[50:], replaced, list} {
				answer := &secretsstorev1.ListSecretsResponse{Secrets: page}
				want, err := Success(nil, answer, nil)
				if err != nil {
					return err
				}
				if got, err := Success([]byte{}, answer, &kept); err != nil || string(got) != string(want) {
					return fmt.Errorf("got %s, %w\nwant %s", got, err, want)
				}
			}
			return nil
		})
	}
	if err := callers.Wait(); err != nil {
		t.Error(err)
	}
}

func TestTheNumberOfKeptTextsIsBounded(t *testing.T) {
	var kept SecretTexts
	for range 30_000 {
		page := []*secretsstorev1.Secret{{Id: "a"}}
		if _, err := Success(nil, &secretsstorev1.ListSecretsResponse{Secrets: page}, &kept); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(kept.young) + len(kept.old); n > maxSecretTexts {
		t.Errorf("%d texts are kept, want at most %d", n, maxSecretTexts)
	}
}

func TestTimesHaveSixDecimals(t *testing.T) {
	for _, at := range []string{"1970-01-01T00:00:00.000000Z", "0001-01-01T00:00:00.000001Z", "2024-02-29T23:59:59.999999Z", "9999-12-31T09:08:07.654321Z", "-0001-12-31T23:00:00.000000Z", "10000-01-01T00:59:59.000000Z"} {
		parsed, err := time.Parse(time.RFC3339, at)
		// JSON has years from 0 to 9999, and an offset can lead out of them.
		switch at[:5] {
		case "-0001":
			parsed, err = time.Parse(time.RFC3339, "0000-01-01T00:00:00+01:00")
		case "10000":
			parsed, err = time.Parse(time.RFC3339, "9999-12-31T23:59:59-01:00")
		}
		if err != nil {
			t.Fatal(err)
		}
		answer := &secretsstorev1.GetStoreResponse{Store: &secretsstorev1.Store{Created: timestamppb.New(parsed), Modified: timestamppb.New(parsed.Add(999))}}
		want := fmt.Sprintf(`{"result":{"id":"","name":"","created":%q,"modified":%q},"success":true,"errors":[],"messages":[]}`, at, at)
		if got, err := Success(nil, answer, nil); err != nil || string(got) != want {
			t.Errorf("got  %s %v\nwant %s", got, err, want)
		}
	}
}

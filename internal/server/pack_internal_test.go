package server

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// An answer is kept as an anypb.Any, byte by byte.
func TestAPackedAnswerIsAnAny(t *testing.T) {
	for _, m := range []proto.Message{
		&secretsstorev1.DeleteStoreResponse{},
		&secretsstorev1.CreateStoreResponse{Store: &secretsstorev1.Store{Id: "id", Name: strings.Repeat("n", 300)}},
	} {
		wrapped, err := anypb.New(m)
		if err != nil {
			t.Fatal(err)
		}
		want, err := proto.Marshal(wrapped)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Pack(m)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%T is packed as %q, %v, and not %q", m, got, err, want)
		}
		if back, err := Unpack(got); err != nil || !proto.Equal(back, m) {
			t.Errorf("%T comes back as %v, %v", m, back, err)
		}
	}
}

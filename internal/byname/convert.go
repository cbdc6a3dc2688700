package byname

import (
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/upstream"
)

// fromCloudflare is the message of a secret that Cloudflare has.
func fromCloudflare(s upstream.Secret) *storekeeperv1.Secret {
	return &storekeeperv1.Secret{
		Id: s.ID, Name: s.Name, Comment: s.Comment, Scopes: slices.Sorted(slices.Values(s.Scopes)),
		Created: timestamppb.New(s.Created), Modified: timestamppb.New(s.Modified), Status: s.Status,
	}
}

// fromMessage is the message of a secret from that of Cloudflare's API.
func fromMessage(s *secretsstorev1.Secret) *storekeeperv1.Secret {
	return &storekeeperv1.Secret{
		Id: s.GetId(), Name: s.GetName(), Comment: s.Comment, Scopes: s.GetScopes(),
		Created: s.GetCreated(), Modified: s.GetModified(), Status: s.GetStatus(),
	}
}

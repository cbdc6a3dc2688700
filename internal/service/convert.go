package service

import (
	"math"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/upstream"
)

func store(s upstream.Store) *secretsstorev1.Store {
	return &secretsstorev1.Store{
		Id: s.ID, Name: s.Name, AccountId: s.AccountID,
		Created: timestamppb.New(s.Created), Modified: timestamppb.New(s.Modified),
	}
}

// secret sorts the scopes: Terraform reads any other order as a change.
func secret(s upstream.Secret) *secretsstorev1.Secret {
	return &secretsstorev1.Secret{
		Id: s.ID, StoreId: s.StoreID, Name: s.Name, Comment: s.Comment, Scopes: slices.Sorted(slices.Values(s.Scopes)),
		Created: timestamppb.New(s.Created), Modified: timestamppb.New(s.Modified), Status: s.Status,
	}
}

func notices(said []upstream.Notice) []*secretsstorev1.Notice {
	return each(said, func(n upstream.Notice) *secretsstorev1.Notice {
		out := &secretsstorev1.Notice{Code: n.Code, Message: n.Message, DocumentationUrl: n.DocumentationURL}
		if n.Pointer != "" {
			out.Source = &secretsstorev1.NoticeSource{Pointer: n.Pointer}
		}
		return out
	})
}

func info(i *upstream.ResultInfo) *secretsstorev1.ResultInfo {
	if i == nil {
		return nil
	}
	out := &secretsstorev1.ResultInfo{
		Count: small(i.Count), Page: small(i.Page), PerPage: small(i.PerPage), TotalCount: small(i.TotalCount),
	}
	if i.TotalPages != nil {
		out.TotalPages = proto.Int32(small(*i.TotalPages))
	}
	return out
}

// small bounds a number of Cloudflare's, which could be of any size.
func small(n int) int32 { return int32(max(math.MinInt32, min(n, math.MaxInt32))) }

// paged is a request for a page of a list.
type paged interface {
	GetPage() int32
	GetPerPage() int32
	GetOrder() string
	GetDirection() string
}

func paging(r paged) upstream.Paging {
	return upstream.Paging{Page: int(r.GetPage()), PerPage: int(r.GetPerPage()), Order: r.GetOrder(), Direction: r.GetDirection()}
}

func each[From, To any](list []From, convert func(From) To) []To {
	out := make([]To, len(list))
	for i, item := range list {
		out[i] = convert(item)
	}
	return out
}

package service

import (
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/upstream"
)

func store(s upstream.Store) *pb.Store {
	return &pb.Store{
		Id: s.ID, Name: s.Name, AccountId: s.AccountID,
		Created: timestamppb.New(s.Created), Modified: timestamppb.New(s.Modified),
	}
}

// secret sorts the scopes: Terraform reads any other order as a change.
func secret(s upstream.Secret) *pb.Secret {
	return &pb.Secret{
		Id: s.ID, StoreId: s.StoreID, Name: s.Name, Comment: s.Comment, Scopes: slices.Sorted(slices.Values(s.Scopes)),
		Created: timestamppb.New(s.Created), Modified: timestamppb.New(s.Modified), Status: s.Status,
	}
}

func notices(said []upstream.Notice) []*pb.Notice {
	return each(said, func(n upstream.Notice) *pb.Notice {
		out := &pb.Notice{Code: n.Code, Message: n.Message, DocumentationUrl: n.DocumentationURL}
		if n.Pointer != "" {
			out.Source = &pb.NoticeSource{Pointer: n.Pointer}
		}
		return out
	})
}

func info(i *upstream.ResultInfo) *pb.ResultInfo {
	if i == nil {
		return nil
	}
	out := &pb.ResultInfo{
		Count: int32(i.Count), Page: int32(i.Page), PerPage: int32(i.PerPage), TotalCount: int32(i.TotalCount),
	}
	if i.TotalPages != nil {
		out.TotalPages = proto.Int32(int32(*i.TotalPages))
	}
	return out
}

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

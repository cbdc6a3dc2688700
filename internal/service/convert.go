package service

import (
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/upstream"
)

// times are the timestamps of an object. They are allocated together with the message that points
// to them, and a list's messages in one slice, so that a list takes one allocation and not three
// per object.
type times struct {
	created, modified timestamppb.Timestamp
}

// set sets both timestamps and returns them.
func (t *times) set(created, modified time.Time) (*timestamppb.Timestamp, *timestamppb.Timestamp) {
	t.created.Seconds, t.created.Nanos = created.Unix(), small(created.Nanosecond())
	t.modified.Seconds, t.modified.Nanos = modified.Unix(), small(modified.Nanosecond())
	return &t.created, &t.modified
}

type datedStore struct {
	secretsstorev1.Store
	times
}

func (d *datedStore) of(s *upstream.Store) *secretsstorev1.Store {
	m := &d.Store
	m.Id, m.Name, m.AccountId = s.ID, s.Name, s.AccountID
	m.Created, m.Modified = d.set(s.Created, s.Modified)
	return m
}

func store(s upstream.Store) *secretsstorev1.Store { return new(datedStore).of(&s) }

func stores(list []upstream.Store) []*secretsstorev1.Store {
	made, out := make([]datedStore, len(list)), make([]*secretsstorev1.Store, len(list))
	for i := range list {
		out[i] = made[i].of(&list[i])
	}
	return out
}

type datedSecret struct {
	secretsstorev1.Secret
	times
}

// of sorts the scopes, because Terraform treats another order as a change.
func (d *datedSecret) of(s *upstream.Secret) *secretsstorev1.Secret {
	m := &d.Secret
	m.Id, m.StoreId, m.Name, m.Status = s.ID, s.StoreID, s.Name, s.Status
	m.Comment, m.Scopes = s.Comment, sorted(s.Scopes)
	m.Created, m.Modified = d.set(s.Created, s.Modified)
	return m
}

// secret returns the message of a secret. All answers share the message of a secret in the cache.
func secret(s upstream.Secret) *secretsstorev1.Secret {
	if s.Form == nil {
		return new(datedSecret).of(&s)
	}
	m, made := s.Form.Load().(*secretsstorev1.Secret)
	if !made {
		m = new(datedSecret).of(&s)
		s.Form.Store(m)
	}
	return m
}

func secrets(list []upstream.Secret) []*secretsstorev1.Secret {
	out := make([]*secretsstorev1.Secret, len(list))
	var made []datedSecret
	for i := range list {
		if list[i].Form != nil {
			out[i] = secret(list[i])
			continue
		}
		if len(made) == 0 {
			made = make([]datedSecret, len(list)-i)
		}
		out[i], made = made[0].of(&list[i]), made[1:]
	}
	return out
}

// sorted returns a sorted list. A list that is already sorted is not copied, because answers are
// immutable.
func sorted(list []string) []string {
	if slices.IsSorted(list) {
		return list
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return list
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

// small limits a number from Cloudflare's answer to int32.
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

package identity

import (
	"google.golang.org/protobuf/proto"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

// Cloudflare's page sizes.
const (
	defaultPerPage = 20
	mostPerPage    = 100
)

// paginate cuts one page out of a list. A page past the end is empty: the SDKs
// read on until they see one.
func paginate[E any](all []E, page, perPage int32) ([]E, *secretsstorev1.ResultInfo) {
	page = max(page, 1)
	if perPage == 0 {
		perPage = defaultPerPage
	}
	perPage = min(perPage, mostPerPage)
	total := int64(len(all))
	from := min(int64(page-1)*int64(perPage), total)
	to := min(from+int64(perPage), total)
	cut := all[from:to]
	return cut, &secretsstorev1.ResultInfo{
		Count: int32(len(cut)), Page: page, PerPage: perPage, TotalCount: int32(total),
		TotalPages: proto.Int32(int32((total + int64(perPage) - 1) / int64(perPage))),
	}
}

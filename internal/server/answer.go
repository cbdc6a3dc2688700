package server

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"platform.internal/storekeeper/internal/fault"
	"platform.internal/storekeeper/internal/inproc"
)

// maxAnswerBytes is the size of the largest page that the server sends over
// gRPC, in bytes. gRPC clients accept messages of 4 MiB by default.
const maxAnswerBytes = 7 << 19

// boundPage refuses a page over gRPC that a client with the default limit cannot receive. 100
// secrets that Storekeeper created always fit. Secrets created outside Storekeeper may have longer
// comments. The page is not shortened, because the caller counts later pages by the requested page
// size.
func boundPage(ctx context.Context, answer any) error {
	if inproc.IsInProcess(ctx) {
		return nil
	}
	page := asMessage(answer)
	if size := proto.Size(page); size > maxAnswerBytes {
		return pageTooLong(itemsOf(page), size)
	}
	return nil
}

// itemsOf returns the number of items of a page.
func itemsOf(page proto.Message) int {
	most, m := 0, page.ProtoReflect()
	for i := range m.Descriptor().Fields().Len() {
		if fd := m.Descriptor().Fields().Get(i); fd.IsList() {
			most = max(most, m.Get(fd).List().Len())
		}
	}
	return most
}

// pageTooLong returns the fault of a page that is too long. The text suggests a page size that is
// likely to fit.
func pageTooLong(items, size int) error {
	fits := max(1, items*(maxAnswerBytes/4*3)/size)
	return fault.Invalid(fault.Field{
		Path: "per_page", Reason: fault.ReasonPerPageInvalid,
		Text: fmt.Sprintf("must be about %d or less: the %d items of this page take %d bytes, and clients of gRPC accept 4 MiB", fits, items, size),
	})
}

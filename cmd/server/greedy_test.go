package main

import (
	"context"
	"fmt"
	"strings"
)

// greedy returns attacks of a caller with rights that use much memory.
func greedy() []attack {
	rights := "Authorization: Bearer " + callerKey + "\r\n"
	header := []string{"authorization", "Bearer " + callerKey}
	item := `,{"name":"a","value":"` + strings.Repeat(`\u0001`, 65536) + `","scopes":["a"]}`
	return []attack{
		{"callers with rights send 48 MiB of scopes", 8, body(rights, `[{"name":"a","value":"v","scopes":[`, `"a",`, 48<<20)},
		{"callers with rights send 100 long values", 8, body(rights, `[{"name":"a","scopes":["a"],"value":"v"}`, item, 38<<20)},
		{"callers with rights send 4 million scopes over gRPC", 8, scopes(header)},
		{"callers with rights leave long messages unfinished", 8, streams(100, createMethod, 8<<20, header)},
		{"callers with rights make the longest batches", 12, longestBatches},
	}
}

// longestBatches creates 100 secrets with values that are six times as long in JSON.
func longestBatches(ctx context.Context, p *confined, worker int) {
	store := identifier.FindStringSubmatch(p.cloudflare("GET", "/stores", ""))[1]
	r := batchOf(store, 100, longest)
	for i, s := range r.GetSecrets() {
		s.Name = fmt.Sprintf("W%d_%d", worker, i)
	}
	// The call may succeed or be refused for lack of memory; the server survives.
	_ = p.send(ctx, "CreateSecrets", r)
}

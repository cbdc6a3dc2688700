package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	// chaosPatience is how long a caller repeats a change without an answer.
	chaosPatience = 60 * time.Second
	// chaosPause is the wait before a repeat.
	chaosPause = 20 * time.Millisecond
)

// chaosAnswer is the final answer to a caller.
type chaosAnswer struct {
	// refusal is the word for why not, "" for success.
	refusal string
	// body is the answer, byte for byte.
	body string
	// ids are the identifiers in the answer.
	ids []string
	// replayed says that the answer was marked as a replay.
	replayed bool
	// tries is the number of attempts.
	tries int
}

// errAskAgain is why a caller asks again, as SDKs do.
var errAskAgain = errors.New("ask again")

var anyID = regexp.MustCompile(`"id":\s*"([0-9a-f]{32})"`)

func idsIn(text string) []string {
	var ids []string
	for _, found := range anyID.FindAllStringSubmatch(text, -1) {
		ids = append(ids, found[1])
	}
	return ids
}

// caller sends changes to the running server.
type caller struct {
	t testing.TB
	// server returns the running server, or nil.
	server func() *victim
}

// ask repeats a change until an answer. tries is the number of earlier attempts.
func (c caller) ask(change *chaosChange, tries int) (chaosAnswer, error) {
	end := time.Now().Add(chaosPatience)
	last := error(nil)
	for ; time.Now().Before(end); time.Sleep(chaosPause) {
		server := c.server()
		if server == nil {
			continue
		}
		ctx, cancel := context.WithDeadline(context.Background(), end)
		answer, err := c.try(ctx, server, change, tries)
		cancel()
		tries++
		answer.tries = tries
		if err == nil {
			return answer, nil
		}
		last = err
	}
	return chaosAnswer{tries: tries}, fmt.Errorf("no answer within %s: %w", chaosPatience, last)
}

func (c caller) try(ctx context.Context, server *victim, change *chaosChange, tries int) (chaosAnswer, error) {
	switch change.door {
	case doorREST:
		return overREST(ctx, server, change, "Idempotency-Key", change.key)
	case doorSDK:
		return overREST(ctx, server, change, "X-Stainless-Retry-Count", strconv.Itoa(tries))
	case doorGRPC:
		return c.overGRPC(metadata.AppendToOutgoingContext(ctx, "idempotency-key", change.key), server, change)
	default:
		return c.overGRPC(ctx, server, change)
	}
}

// overREST makes one attempt. It returns an error if SDKs would retry.
func overREST(ctx context.Context, server *victim, change *chaosChange, header, value string) (chaosAnswer, error) {
	method, path, fields := change.request()
	body := []byte{}
	if fields != nil {
		body, _ = json.Marshal(fields) // texts and lists of them
	}
	r, err := http.NewRequestWithContext(ctx, method, server.rest+secretsStore+path, bytes.NewReader(body))
	if err != nil {
		return chaosAnswer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+callerKey)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(header, value)
	got, err := server.http.Do(r)
	if err != nil {
		return chaosAnswer{}, err
	}
	defer got.Body.Close()
	said, err := io.ReadAll(got.Body)
	if err != nil {
		return chaosAnswer{}, err
	}
	a := chaosAnswer{body: string(said), ids: idsIn(string(said)), replayed: got.Header.Get("Idempotent-Replayed") == "true"}
	if got.StatusCode < http.StatusMultipleChoices {
		return a, nil
	}
	var e envelope
	a.refusal = fmt.Sprintf("status %d: %s", got.StatusCode, said)
	if err := json.Unmarshal(said, &e); err == nil && len(e.Errors) > 0 {
		a.refusal, _, _ = strings.Cut(e.Errors[0].Message, ":")
	}
	if sdkRepeats(got) {
		return a, fmt.Errorf("%w: status %d, %s", errAskAgain, got.StatusCode, said)
	}
	return a, nil
}

// sdkRepeats reports whether Cloudflare's SDKs would send the request again.
func sdkRepeats(got *http.Response) bool {
	switch got.Header.Get("X-Should-Retry") {
	case "true":
		return true
	case "false":
		return false
	}
	switch got.StatusCode {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return true
	default:
		return got.StatusCode >= http.StatusInternalServerError
	}
}

// overGRPC makes one attempt. It returns an error if clients would retry.
func (c caller) overGRPC(ctx context.Context, server *victim, change *chaosChange) (chaosAnswer, error) {
	rpc, text := change.message()
	m := methodNamed(c.t, rpc)
	in, out := messageFor(c.t, m.Input()), messageFor(c.t, m.Output())
	if err := protojson.Unmarshal([]byte(text), in); err != nil {
		return chaosAnswer{}, err
	}
	r := ruling{}
	r.err = server.conn.Invoke(asCaller(ctx), "/"+string(m.Parent().FullName())+"/"+rpc, in, out, grpc.Header(&r.header), grpc.Trailer(&r.trailer))
	r.takeApart()
	a := chaosAnswer{replayed: strings.Join(r.headers().Get("idempotent-replayed"), "") == "true"}
	switch r.code {
	case codes.OK:
		raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(out)
		a.body, a.ids = string(raw), idsIn(protojson.Format(out))
		return a, err
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.ResourceExhausted, codes.Canceled:
		return a, fmt.Errorf("%w: %w", errAskAgain, r.err)
	}
	a.refusal, a.body = strings.ToLower(r.info.GetReason()), r.err.Error()
	if r.info == nil {
		a.refusal = r.err.Error()
	}
	return a, nil
}

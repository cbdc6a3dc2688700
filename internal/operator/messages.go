package operator

import (
	"encoding/base64"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	storekeeperv1 "platform.internal/storekeeper/gen/storekeeper/v1"
	"platform.internal/storekeeper/internal/fault"
)

func (b Budget) message() *storekeeperv1.BudgetStatus {
	return &storekeeperv1.BudgetStatus{
		Credential: b.Credential, Limit: count(b.Limit), Used: count(b.Used), Waiting: count(b.Waiting), Outside: count(b.Outside),
		Window: durationpb.New(b.Window), Blocked: durationpb.New(b.Blocked.Round(time.Millisecond)),
	}
}

func (s StoreState) message() *storekeeperv1.StoreStatus {
	return &storekeeperv1.StoreStatus{Kind: s.Kind, Healthy: s.Err == nil, Error: text(s.Err), Id: s.ID, Commit: s.Commit}
}

func (t Trail) message() *storekeeperv1.TrailStatus {
	return &storekeeperv1.TrailStatus{
		Healthy: t.Err == nil, Error: text(t.Err), LastRecord: t.LastRecord, Backlog: count(t.Backlog), Suppressed: t.Suppressed,
	}
}

func (p Policy) message() *storekeeperv1.PolicyStatus {
	return &storekeeperv1.PolicyStatus{
		File: p.File, Digest: p.Digest, Rules: count(p.Rules), Loaded: timestamp(p.Loaded), LastError: text(p.Err), Failed: timestamp(p.Failed),
	}
}

func (f File) message() *storekeeperv1.FileStatus {
	return &storekeeperv1.FileStatus{
		Kind: f.Kind, File: f.File, Digest: f.Digest, Loaded: timestamp(f.Loaded), LastError: text(f.Err), RestartKeys: f.Restart,
	}
}

func (i Issuer) message() *storekeeperv1.IssuerStatus {
	return &storekeeperv1.IssuerStatus{
		Name: i.Name, Healthy: i.Healthy, Keys: count(i.Keys), KeysRead: timestamp(i.KeysRead), KeysEnd: timestamp(i.KeysEnd), Error: i.Error,
	}
}

// maxError is the number of bytes of an error that an answer repeats.
const maxError = 4096

// text returns the text of an error, "" for nil.
func text(err error) string {
	if err == nil {
		return ""
	}
	all := err.Error()
	return strings.ToValidUTF8(all[:min(len(all), maxError)], "?")
}

// count limits a number to the range of int32.
func count(n int) int32 { return int32(max(-1, min(n, math.MaxInt32))) }

// timestamp returns nil for the zero time.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// writeToken returns the token of the page after the tenant with a key.
func writeToken(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func readToken(token string) (after string, err error) {
	name, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", fault.Invalid(fault.Field{Path: "page_token", Reason: fault.ReasonPageTokenInvalid, Text: "must be the next_page_token of an answer"})
	}
	return string(name), nil
}

package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
)

// holdGRPC checks the result of a gRPC call.
func (v verdict) holdGRPC(t *testing.T, w world, got ruling) {
	t.Helper()
	if want := defaulted(v.Code, "OK"); got.code.String() != want {
		t.Fatalf("grpc: code %s, want %s: %v", got.code, want, got.err)
	}
	if id := got.headers().Get("x-request-id"); len(id) != 1 || !requestIDForm.MatchString(id[0]) {
		t.Errorf("grpc: request id %q", id)
	}
	if got.err == nil {
		result, info, messages := v.answer(t, got)
		same(t, "grpc: result", result, parseJSON(t, w.fill(v.Result)))
		same(t, "grpc: info", info, parseJSON(t, v.Info))
		same(t, "grpc: messages", messages, v.Messages)
		return
	}
	same(t, "grpc: reason", got.info.GetReason(), v.Reason)
	same(t, "grpc: domain", got.info.GetDomain(), "storekeeper.platform.internal")
	same(t, "grpc: detail", got.info.GetMetadata()["detail"], v.Detail)
	same(t, "grpc: fields", got.blamed(), v.Fields)
	same(t, "grpc: retry", int(math.Ceil(got.retry.GetRetryDelay().AsDuration().Seconds())), v.Retry)
}

// answer returns the result, info and messages of an answer as JSON.
func (verdict) answer(t *testing.T, got ruling) (result, info any, messages []string) {
	t.Helper()
	b, err := protojson.MarshalOptions{UseProtoNames: true, EmitDefaultValues: true}.Marshal(got.answer)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range parseJSON(t, string(b)).(map[string]any) {
		switch key {
		case "result_info":
			info = value
		case "messages":
			for _, m := range value.([]any) {
				messages = append(messages, text(m.(map[string]any)["message"]))
			}
		default:
			result = value
		}
	}
	return result, info, messages
}

// holdREST checks the result of a REST call.
func (v verdict) holdREST(t *testing.T, w world, got reply) {
	t.Helper()
	want := v.Status
	if want == 0 {
		want = http.StatusOK
	}
	if got.status != want {
		t.Fatalf("rest: status %d, want %d: %.500s", got.status, want, got.body)
	}
	if got.Success {
		same(t, "rest: result", masked(got.Result), parseJSON(t, w.fill(v.Result)))
		same(t, "rest: info", got.ResultInfo, parseJSON(t, v.Info))
	}
	same(t, "rest: errors", got.errors(), v.Errors)
	if v.Messages != nil || v.Fields == nil {
		same(t, "rest: messages", got.messages(), v.Messages)
	} else {
		same(t, "rest: texts of the messages", texts(got.messages()), texts(v.Fields))
	}
	same(t, "rest: Retry-After", got.header.Get("Retry-After"), map[bool]string{true: strconv.Itoa(v.Retry)}[v.Retry > 0])
	same(t, "rest: X-Should-Retry", got.header.Get("X-Should-Retry"), map[bool]string{true: "false"}[v.Final])
}

// texts returns the texts behind the paths: the paths differ between the
// protocols, the texts do not.
func texts(lines []string) []string {
	var list []string
	for _, line := range lines {
		_, text, _ := strings.Cut(line, ": ")
		list = append(list, text)
	}
	return list
}

var (
	idForm   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$`)
)

func parseJSON(t *testing.T, text string) any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return masked(v)
}

// masked returns a value with every identifier as ID and every time as TIME, in
// a form for both protocols: proto JSON writes 64-bit numbers as strings and
// omits unset fields.
func masked(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = masked(inner)
			if n, err := strconv.ParseFloat(text(inner), 64); err == nil && (key == "quota" || key == "usage") {
				v[key] = n
			}
		}
		if _, secret := v["store_id"]; secret && v["comment"] == nil {
			v["comment"] = nil
		}
	case []any:
		for i := range v {
			v[i] = masked(v[i])
		}
	case string:
		switch {
		case idForm.MatchString(v):
			return "ID"
		case timeForm.MatchString(v):
			return "TIME"
		}
	}
	return v
}

// same compares, an empty list being the same as none.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) == "[]" && fmt.Sprint(want) == "[]" {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %.2000s\nwant %.2000s", what, fmt.Sprint(got), fmt.Sprint(want))
	}
}

func defaulted(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
	"platform.internal/storekeeper/internal/server/servertest"
)

// answer is the result of a call over any protocol.
type answer struct {
	code  codes.Code
	reply proto.Message
	// words are all words of the answer, the error and the headers.
	words []string
	text  string
}

// rpcMethod is a method with everything needed to call the method.
type rpcMethod struct {
	name  string
	reply protoreflect.MessageType
	rule  *annotations.HttpRule
}

// allMethods lists the methods by short name. Methods of the service that finds secrets by name
// have the prefix "ByName/", because another service has the same names.
func allMethods() map[string]rpcMethod {
	all := map[string]rpcMethod{}
	for _, s := range servertest.Services() {
		for i := range s.Methods().Len() {
			md := s.Methods().Get(i)
			reply, err := protoregistry.GlobalTypes.FindMessageByName(md.Output().FullName())
			if err != nil {
				panic(err)
			}
			short := string(md.Name())
			if s.Name() == "SecretService" {
				short = "ByName/" + short
			}
			all[short] = rpcMethod{
				name: fmt.Sprintf("/%s/%s", s.FullName(), md.Name()), reply: reply,
				rule: proto.GetExtension(md.Options(), annotations.E_Http).(*annotations.HttpRule),
			}
		}
	}
	return all
}

// overRPC makes a call over a connection.
func (m rpcMethod) overRPC(ctx context.Context, conn grpc.ClientConnInterface, request proto.Message) answer {
	var header, trailer metadata.MD
	a := answer{reply: m.reply.New().Interface()}
	err := conn.Invoke(ctx, m.name, request, a.reply, grpc.Header(&header), grpc.Trailer(&trailer))
	st := status.Convert(err)
	a.code = st.Code()
	collect(a.reply.ProtoReflect(), &a.words)
	collect(st.Proto().ProtoReflect(), &a.words)
	for _, md := range []metadata.MD{header, trailer} {
		for _, values := range md {
			for _, v := range values {
				a.words = append(a.words, tokens(v)...)
			}
		}
	}
	a.text = fmt.Sprint(err, a.reply)
	return a
}

// collect gathers the words of all texts of a message.
func collect(m protoreflect.Message, into *[]string) {
	if detail, ok := m.Interface().(*anypb.Any); ok {
		if inner, err := detail.UnmarshalNew(); err == nil {
			collect(inner.ProtoReflect(), into)
		}
		return
	}
	visit := func(fd protoreflect.FieldDescriptor, v protoreflect.Value) {
		switch fd.Kind() {
		case protoreflect.StringKind:
			*into = append(*into, tokens(v.String())...)
		case protoreflect.BytesKind:
			*into = append(*into, tokens(string(v.Bytes()))...)
		case protoreflect.MessageKind:
			collect(v.Message(), into)
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case fd.IsList():
			for i := range v.List().Len() {
				visit(fd, v.List().Get(i))
			}
		case fd.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				visit(fd.MapKey(), k.Value())
				visit(fd.MapValue(), v)
				return true
			})
		default:
			visit(fd, v)
		}
		return true
	})
}

// overREST makes a call as Cloudflare's clients do.
func (m rpcMethod) overREST(h http.Handler, caller string, request proto.Message) answer {
	w := httptest.NewRecorder()
	r := m.httpRequest(request)
	r.Header.Set("Authorization", servertest.Bearer(caller))
	h.ServeHTTP(w, r)
	a := answer{reply: m.reply.New().Interface(), text: w.Body.String(), words: tokens(w.Body.String())}
	for _, values := range w.Header() {
		for _, v := range values {
			a.words = append(a.words, tokens(v)...)
		}
	}
	if strings.HasPrefix(r.URL.Path, "/storekeeper/") {
		a.code = m.readNative(w.Code, w.Body.Bytes(), a.reply)
		return a
	}
	var envelope struct {
		Result     json.RawMessage `json:"result"`
		ResultInfo json.RawMessage `json:"result_info"`
		Errors     []struct{ Message string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &envelope); err != nil {
		a.code, a.text = codes.Unknown, "no envelope: "+a.text
		return a
	}
	switch w.Code {
	case http.StatusOK, http.StatusAccepted:
		a.code = m.read(envelope.Result, envelope.ResultInfo, a.reply)
	case http.StatusBadRequest:
		a.code = codes.InvalidArgument
		if len(envelope.Errors) > 0 && strings.Contains(envelope.Errors[0].Message, "already_exists") {
			a.code = codes.AlreadyExists
		}
	case http.StatusForbidden:
		a.code = codes.PermissionDenied
	case http.StatusNotFound:
		a.code = codes.NotFound
	case http.StatusConflict:
		a.code = codes.FailedPrecondition
	default:
		a.code = codes.Unknown
	}
	return a
}

// read stores the result of an envelope in the first field of the RPC's answer.
func (m rpcMethod) read(result, info json.RawMessage, reply proto.Message) codes.Code {
	fields := reply.ProtoReflect().Descriptor().Fields()
	parts := map[string]json.RawMessage{}
	if string(result) != "null" {
		parts[string(fields.Get(0).Name())] = result
	}
	if len(info) > 0 {
		parts["result_info"] = info
	}
	text, err := json.Marshal(parts)
	if err == nil {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, reply)
	}
	if err != nil {
		return codes.DataLoss
	}
	return codes.OK
}

// httpRequest encodes a request according to its HTTP rule.
func (m rpcMethod) httpRequest(request proto.Message) *http.Request {
	if m.isByName() {
		return m.requestByName(request)
	}
	method, path := http.MethodGet, m.rule.GetGet()
	for _, other := range [][2]string{{http.MethodPost, m.rule.GetPost()}, {http.MethodPut, m.rule.GetPut()}, {http.MethodPatch, m.rule.GetPatch()}, {http.MethodDelete, m.rule.GetDelete()}} {
		if other[1] != "" {
			method, path = other[0], other[1]
		}
	}
	if v, ok := request.(interface{ GetAccountId() string }); ok && m.rule.GetAdditionalBindings() != nil && v.GetAccountId() != "" {
		path = m.rule.GetAdditionalBindings()[0].GetGet()
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(request)
	if err != nil {
		panic(err)
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &fields); err != nil {
		panic(err)
	}
	for _, place := range regexp.MustCompile(`\{\w+\}`).FindAllString(path, -1) {
		name := strings.Trim(place, "{}")
		var value string
		_ = json.Unmarshal(fields[name], &value)
		path = strings.ReplaceAll(path, place, url.PathEscape(value))
		delete(fields, name)
	}
	if u, ok := request.(*secretsstorev1.UpdateSecretRequest); ok && u.GetUpdateMask() != nil {
		delete(fields, "update_mask")
		fields["comment"] = json.RawMessage("null")
	}
	var body []byte
	switch m.rule.GetBody() {
	case "*":
		body, _ = json.Marshal(fields)
	case "":
		query := url.Values{}
		for name, value := range fields {
			query.Set(name, strings.Trim(string(value), `"[]`))
		}
		path += "?" + query.Encode()
	default:
		body = fields[m.rule.GetBody()]
		if body == nil {
			body = []byte("[]")
		}
	}
	return httptest.NewRequest(method, path, bytes.NewReader(body))
}

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"platform.internal/storekeeper/internal/config"
)

// startDev runs `server dev` until the test ends.
func startDev(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{t: t}
	p.begin(func(ctx context.Context, console terminal) int {
		return run(ctx, append(append([]string{"dev"}, anyPorts()...), args...), console)
	})
	p.await("the welcome", func() bool { return strings.Contains(p.out.String(), "Ctrl-C") })
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindStringSubmatch(p.out.String())
		if found == nil {
			t.Fatalf("no %s in\n%s", pattern, p.out)
		}
		return found[1]
	}
	p.rest, p.grpc = find(`REST +(http://\S+)/client/v4`), find(`gRPC +(\S+)`)
	p.admin, p.cfURL = find(`admin +(http://\S+)/readyz`), find(`emulator +(http://\S+)/client/v4`)
	p.connect()
	return p
}

func TestTheCallsThatDevPrintsWork(t *testing.T) {
	t.Parallel()
	p := startDev(t)
	welcome := strings.ReplaceAll(p.out.String(), "\\\n", " ")

	curl := regexp.MustCompile(`curl -sS (\S+)\s+-H '([^']+)' -d '([^']+)'`).FindStringSubmatch(welcome)
	if curl == nil {
		t.Fatalf("no curl line in\n%s", welcome)
	}
	// -d makes curl send a POST with the content type of a form.
	made := p.must("POST", strings.TrimPrefix(curl[1], p.rest), curl[3], curl[2], "Content-Type: application/x-www-form-urlencoded")

	grpcurl := regexp.MustCompile(`grpcurl -plaintext -H '([^:]+): ([^']+)' -d '([^']+)'\s+(\S+) (\S+)`).FindStringSubmatch(welcome)
	if grpcurl == nil || grpcurl[4] != p.grpc {
		t.Fatalf("no grpcurl line in\n%s", welcome)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), grpcurl[1], grpcurl[2])
	if answer := p.grpcurl(ctx, grpcurl[5], grpcurl[3]); !strings.Contains(answer, made.id()) {
		t.Errorf("%s is not in %s", made.id(), answer)
	}
	for _, link := range regexp.MustCompile(`http://\S+/(?:docs|readyz)`).FindAllString(welcome, -1) {
		answer, err := p.http.Transport.(*checkedTransport).base.RoundTrip(mustRequest(t, link))
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %v %v", link, answer, err)
		}
		if err == nil {
			_ = answer.Body.Close()
		}
	}
	// The third call is the reflection of grpcurl, which may end later.
	p.await("three calls in the log", func() bool { return len(p.err.lines("call")) == 3 })
}

// grpcurl calls a method that is known by reflection alone.
func (p *program) grpcurl(ctx context.Context, name, request string) string {
	p.t.Helper()
	service, method, _ := strings.Cut(name, "/")
	files := p.described(ctx, service)
	found, err := files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		p.t.Fatal(err)
	}
	m := found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(method))
	in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
	if err := protojson.Unmarshal([]byte(request), in); err != nil {
		p.t.Fatal(err)
	}
	if err := p.conn.Invoke(ctx, "/"+name, in, out); err != nil {
		p.t.Fatal(err)
	}
	return protojson.Format(out)
}

// described asks the server for the files that describe a symbol.
func (p *program) described(ctx context.Context, symbol string) *protoregistry.Files {
	p.t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := reflectionv1.NewServerReflectionClient(p.conn).ServerReflectionInfo(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol}}); err != nil {
		p.t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		p.t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	for _, raw := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		file := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(raw, file); err != nil {
			p.t.Fatal(err)
		}
		set.File = append(set.File, file)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		p.t.Fatalf("the description is not whole: %v", err)
	}
	return files
}

func TestDevTakesLimitsAndFaults(t *testing.T) {
	t.Parallel()
	p := startDev(t, "--store-limit", "2", "--call-limit", "4", "--call-window", "1s", "--call-block", "1s",
		"--set", "budget.calls=1000", "--set", "budget.window=1s", "--set", "telemetry.log.level=warn")
	key := []string{"Authorization: Bearer " + config.DevKey, "Cache-Control: no-cache"}
	// The first change reads the list with an extra call.
	p.must("POST", "stores", `{"name":"a"}`, key...)
	p.must("POST", "stores", `{"name":"b"}`, key...)
	if got := p.do("POST", "stores", `{"name":"c"}`, key...); got.errors()[0] != "1003 maximum_stores_exceeded" {
		t.Errorf("got %s", got.body)
	}
	var got reply
	p.await("a call too many", func() bool {
		got = p.do("GET", "stores", "", key...)
		return got.status != http.StatusOK
	})
	if got.status != http.StatusTooManyRequests || !strings.Contains(got.body, "upstream_throttled") {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if p.err.line("call") != nil {
		t.Errorf("the log holds %s", p.err)
	}

	p.control("DELETE", "state", "")
	p.control("POST", "faults", `{"kind":"status","status":500,"operation":"secrets-store-quota","times":1}`)
	// The call waits for the end of the block.
	if got := p.do("GET", "quota", "", key...); got.status != http.StatusServiceUnavailable {
		t.Errorf("got %d %s", got.status, got.body)
	}
	p.must("GET", "quota", "", key...)
	var journal struct{ Requests []struct{ Operation string } }
	if err := json.Unmarshal([]byte(p.control("GET", "requests", "")), &journal); err != nil || len(journal.Requests) != 2 {
		t.Errorf("%v %v", err, journal)
	}
}

// control calls the control API of the emulator.
func (p *program) control(method, path, body string) string {
	p.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, p.cfURL+"/__emulator/"+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.http.Transport.(*checkedTransport).base.RoundTrip(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		p.t.Fatalf("%v %d %s", err, answer.StatusCode, got)
	}
	return string(got)
}

func TestTheEmulatorRunsAlone(t *testing.T) {
	t.Parallel()
	p := &program{t: t}
	p.begin(func(ctx context.Context, console terminal) int {
		return run(ctx, []string{"emulator", "--listen", "127.0.0.1:0", "--account", noSuchID}, console)
	})
	url := regexp.MustCompile(`serves account ` + noSuchID + ` at (http://\S+)/client/v4`)
	p.await("it says where it is", func() bool { return url.MatchString(p.out.String()) })
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	r := mustRequest(t, url.FindStringSubmatch(p.out.String())[1]+"/client/v4/accounts/"+noSuchID+"/secrets_store/quota")
	r.Header.Set("Authorization", "Bearer any")
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("got %d", answer.StatusCode)
	}
}

// Command gateway is the simplest program of a team: a grpc-go server that
// calls Cloudflare by net/http, with grpc-gateway in front over loopback. It
// does not validate, store or authenticate.
//
// It must not use code of Storekeeper except the generated code.
package main

import (
	_ "expvar" // Allocations are read from /debug/vars.
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	secretsstorev1 "platform.internal/storekeeper/gen/secretsstore/v1"
)

func main() {
	rest := flag.String("rest", "", "the `address` of REST")
	rpc := flag.String("grpc", "", "the `address` of gRPC")
	admin := flag.String("admin", "", "the `address` of /debug/vars")
	upstream := flag.String("upstream", "", "the `URL` behind")
	token := flag.String("token", "", "the `credential` that is put on each request")
	flag.Parse()
	go func() {
		s := &http.Server{Addr: *admin, Handler: http.DefaultServeMux, ReadHeaderTimeout: time.Minute}
		fmt.Fprintln(os.Stderr, s.ListenAndServe())
	}()
	if err := serve(*rest, *rpc, newService(*upstream, *token)); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func serve(rest, rpc string, s *service) error {
	listener, err := net.Listen("tcp", rpc)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	secretsstorev1.RegisterSecretsStoreServiceServer(server, s)
	go func() { fmt.Fprintln(os.Stderr, server.Serve(listener)) }()
	mux := runtime.NewServeMux()
	conn, err := grpc.NewClient(rpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	register(mux, secretsstorev1.NewSecretsStoreServiceClient(conn))
	front := &http.Server{Addr: rest, Handler: mux, ReadHeaderTimeout: time.Minute}
	return front.ListenAndServe()
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

// gossip is a Cloudflare that repeats received values, in one way at a time.
type gossip struct {
	next http.Handler
	telling
}

// telling is the current way of gossip. For changes it applies to a number of
// requests, from the first changing request on, because a change whose every
// answer is lost would never end.
type telling struct {
	way  atomic.Pointer[gossipWay]
	left atomic.Int32
	// reads says that reads are struck, all of them.
	reads atomic.Bool
	began atomic.Bool
}

// tell begins to gossip, about reads or about so many requests of a change.
func (g *telling) tell(way *gossipWay, reads bool, requests int32) {
	g.reads.Store(reads)
	g.began.Store(false)
	g.left.Store(requests)
	g.way.Store(way)
}

// strikes returns the way in which a request is answered, or nil.
func (g *telling) strikes(r *http.Request) *gossipWay {
	way := g.way.Load()
	switch {
	case way == nil || way.tell == nil || g.reads.Load():
		return way
	case r.Method == http.MethodGet && !g.began.Load():
		return nil
	case g.left.Add(-1) < 0:
		return nil
	}
	g.began.Store(true)
	return way
}

// faults returns the faults of the emulator that contain the gossip.
func (way gossipWay) faults(reads bool, method string) []emulator.Fault {
	f := way.fault
	switch {
	case f.Kind == "":
		return nil
	case !reads:
		f.Method, f.Times = method, 1
	}
	return []emulator.Fault{f}
}

// gossipWay answers with a text that must not get out; false leaves the answer
// to the honest Cloudflare.
type gossipWay struct {
	name string
	// blocks says that all calls are refused for a second after it.
	blocks bool
	fault  emulator.Fault
	tell   func(w http.ResponseWriter, secret string) bool
}

func (g *gossip) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	heard := secretValue
	if !bytes.Contains(body, []byte("N0t")) {
		heard = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	if way := g.strikes(r); way == nil || way.tell == nil || !way.tell(w, heard) {
		g.next.ServeHTTP(w, r)
	}
}

// envelopeWith is a failure that says a text in every place there is.
func envelopeWith(code int, message string) string {
	item := map[string]any{"code": code, "message": message, "documentation_url": "https://x/" + message, "source": map[string]string{"pointer": "/" + message}}
	b, _ := json.Marshal(map[string]any{"success": false, "result": message, "errors": []any{item, message}, "messages": []any{item, message}})
	return string(b)
}

func answerWith(status, code int, message func(string) string) func(http.ResponseWriter, string) bool {
	return func(w http.ResponseWriter, secret string) bool {
		// A refusal of another media type is none that Cloudflare documents.
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, envelopeWith(code, message(secret)))
		return true
	}
}

func gossipWays() []gossipWay {
	itself := func(s string) string { return s }
	ways := []gossipWay{
		{name: "honestly"},
		{name: "as an honest answer with headers", tell: func(w http.ResponseWriter, secret string) bool {
			for _, name := range []string{"X-Secret", "Set-Cookie", "Ratelimit", "Cf-Cache-Status", "Content-Language"} {
				w.Header().Set(name, url.QueryEscape(secret)+platformToken)
			}
			return false
		}},
		{name: "as a notice of a success", tell: func(w http.ResponseWriter, secret string) bool {
			b, _ := json.Marshal("got " + secret)
			_, _ = fmt.Fprintf(w, `{"success":true,"result":null,"errors":[],"messages":[{"code":1000,"message":%s,"documentation_url":%s,"source":{"pointer":%s}}]}`, b, b, b)
			return true
		}},
		{name: "as a ray and a media type", tell: func(w http.ResponseWriter, secret string) bool {
			w.Header().Set("Cf-Ray", platformToken)
			w.Header().Set("Content-Type", "text/"+platformToken)
			w.Header().Set("Retry-After", platformToken)
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<html>"+html.EscapeString(secret))
			return true
		}},
		{name: "as half an answer", tell: func(w http.ResponseWriter, secret string) bool {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, `{"success":true,"result":"`+secret)
			return true
		}},
		{name: "as no HTTP", tell: func(w http.ResponseWriter, secret string) bool {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = fmt.Fprintf(conn, "%s %s\r\n\r\n", secret, platformToken)
				_ = conn.Close()
			}
			return true
		}},
		{name: "as a bad header", tell: func(w http.ResponseWriter, secret string) bool {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s %s\r\nContent-Length: %s\r\n\r\n", secret, platformToken, secret)
				_ = conn.Close()
			}
			return true
		}},
		{name: "as a name that is taken", tell: answerWith(400, 1003, func(s string) string { return "secret_name_already_exists: " + s })},
		{name: "as a limit", tell: answerWith(400, 1003, func(s string) string { return "maximum_secrets_exceeded: max " + s })},
		{name: "as a word", tell: answerWith(400, 1001, func(s string) string { return strings.ToLower(s) + "_empty" })},
		{name: "as a text in JSON", tell: answerWith(400, 1001, func(s string) string { b, _ := json.Marshal(s); return string(b) })},
		{name: "as a budget", blocks: true, tell: func(w http.ResponseWriter, secret string) bool {
			w.Header().Set("Retry-After", "1")
			return answerWith(429, 971, itself)(w, secret)
		}},
	}
	for _, status := range []int{200, 302, 400, 401, 403, 404, 409, 500, 520} {
		ways = append(ways, gossipWay{name: "with status " + strconv.Itoa(status), tell: answerWith(status, 1001, itself)})
	}
	for _, f := range []emulator.Fault{
		{Kind: emulator.KindEchoCredential, Status: 401}, {Kind: emulator.KindEchoCredential, Status: 403}, {Kind: emulator.KindEchoCredential, Status: 500},
		{Kind: emulator.KindCut}, {Kind: emulator.KindCut, AfterCommit: true}, {Kind: emulator.KindTruncate},
		{Kind: emulator.KindCutMidBody}, {Kind: emulator.KindContentType}, {Kind: emulator.KindSuccessFalse},
	} {
		ways = append(ways, gossipWay{name: fmt.Sprintf("by the fault %s %d", f.Kind, f.Status), fault: f})
	}
	return append(ways, gossipWay{name: "by a rate limit", blocks: true, fault: emulator.Fault{Kind: emulator.KindRateLimit, RetryAfter: time.Second}})
}

package calls

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// REST makes calls over HTTP.
type REST struct {
	// HTTP sends the requests.
	HTTP *http.Client
	// Root returns the URL of the replica, before each call.
	Root func() string
	// Key is the caller's API key.
	Key string
	// Place is the store of the secrets.
	Place Place
}

var _ Client = REST{}

// Create makes one secret.
func (c REST) Create(ctx context.Context, m Mark, name string, w Write) Answer {
	return c.do(ctx, m, request{"POST", "", []any{map[string]any{
		"name": name, "value": w.Value, "comment": w.Comment, "scopes": scopesOf(w.Scopes),
	}}})
}

// Get reads one secret.
func (c REST) Get(ctx context.Context, m Mark, id string) Answer {
	return c.do(ctx, m, request{"GET", "/" + id, nil})
}

// List reads up to 100 secrets.
func (c REST) List(ctx context.Context, m Mark, search string) Answer {
	return c.do(ctx, m, request{"GET", "?per_page=100&order=name&direction=asc&search=" + url.QueryEscape(search), nil})
}

// Update changes a secret.
func (c REST) Update(ctx context.Context, m Mark, id string, w Write) Answer {
	body := map[string]any{}
	if w.Value != "" {
		body["value"] = w.Value
	}
	if w.Comment != "" {
		body["comment"] = w.Comment
	}
	if w.Scopes != "" {
		body["scopes"] = scopesOf(w.Scopes)
	}
	return c.do(ctx, m, request{"PATCH", "/" + id, body})
}

// Duplicate copies a secret under another name.
func (c REST) Duplicate(ctx context.Context, m Mark, id, name string) Answer {
	return c.do(ctx, m, request{"POST", "/" + id + "/duplicate", map[string]any{"name": name, "scopes": []string{"workers"}}})
}

// Delete deletes a secret.
func (c REST) Delete(ctx context.Context, m Mark, id string) Answer {
	return c.do(ctx, m, request{"DELETE", "/" + id, nil})
}

type request struct {
	method, rest string
	body         any
}

func (c REST) do(ctx context.Context, m Mark, q request) Answer {
	var body io.Reader
	if q.body != nil {
		text, err := json.Marshal(q.body)
		if err != nil {
			return Answer{Verdict: Wrong, Said: err.Error()}
		}
		body = strings.NewReader(string(text))
	}
	at := c.Root() + "/client/v4/accounts/" + c.Place.Account + "/secrets_store/stores/" + c.Place.Store + "/secrets" + q.rest
	r, err := http.NewRequestWithContext(ctx, q.method, at, body)
	if err != nil {
		return Answer{Verdict: Wrong, Said: err.Error()}
	}
	c.mark(r, m)
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return Answer{Verdict: lostREST(err), Said: err.Error()}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return Answer{Verdict: Lost, Said: err.Error()}
	}
	return readREST(answer, text)
}

// lostREST distinguishes a call without a connection from a call that lost its connection.
func lostREST(err error) Verdict {
	if at, ok := errors.AsType[*net.OpError](err); ok && at.Op == "dial" {
		return Unsent
	}
	return Lost
}

func (c REST) mark(r *http.Request, m Mark) {
	r.Header.Set("Authorization", "Bearer "+c.Key)
	if r.Body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	// net/http resends a request with a key after the end of its connection,
	// unless GetBody is nil.
	r.GetBody = nil
	if m.Key != "" {
		r.Header.Set("Idempotency-Key", m.Key)
	} else {
		r.Header.Set("X-Stainless-Retry-Count", strconv.Itoa(m.Retry))
	}
	if m.Fresh {
		r.Header.Set("Cache-Control", "no-cache")
	}
}

// envelope is Cloudflare's. The result is an object, an array or null.
type envelope struct {
	Result json.RawMessage `json:"result"`
	Errors []struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"errors"`
}

type wireSecret struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Comment string   `json:"comment"`
	Scopes  []string `json:"scopes"`
}

func readREST(r *http.Response, text []byte) Answer {
	a := Answer{
		Replayed: r.Header.Get("Idempotent-Replayed") == "true",
		Stale:    strings.Contains(r.Header.Get("Cache-Status"), "stale"),
		Said:     r.Status, Body: string(text),
	}
	if seconds, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil {
		a.RetryAfter = time.Duration(seconds) * time.Second
	}
	if seconds, err := strconv.Atoi(r.Header.Get("Age")); err == nil {
		a.Age = time.Duration(seconds) * time.Second
	}
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		a.Verdict, a.Said = Lost, a.Said+": no JSON: "+err.Error()
		return a
	}
	word := ""
	for _, one := range e.Errors {
		word = one.Message
		a.Said += " " + one.Message
	}
	a.Verdict = verdictREST(r.StatusCode, word)
	if a.Verdict == Done {
		a.Secrets = secretsREST(e.Result)
	}
	return a
}

func verdictREST(status int, word string) Verdict {
	switch {
	case status < 300:
		return Done
	case status == http.StatusNotFound && strings.HasPrefix(word, "secret_not_found"):
		return Missing
	case strings.HasPrefix(word, "secret_name_already_exists"):
		return Taken
	case strings.HasPrefix(word, "maximum_secrets_exceeded"):
		return Full
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return Later
	case status >= 500:
		return Lost
	default:
		return Wrong
	}
}

func secretsREST(result json.RawMessage) []Secret {
	var many []wireSecret
	if json.Unmarshal(result, &many) != nil {
		var one wireSecret
		if json.Unmarshal(result, &one) != nil {
			return nil
		}
		many = []wireSecret{one}
	}
	secrets := make([]Secret, len(many))
	for i, s := range many {
		secrets[i] = Secret{ID: s.ID, Name: s.Name, Comment: s.Comment, Scopes: joined(s.Scopes)}
	}
	return secrets
}

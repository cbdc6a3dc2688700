package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// prepare creates the objects that the changes need.
func (w *chaosWorld) prepare(p *staged) {
	w.t.Helper()
	name := fmt.Sprintf("c%05d-main", p.number)
	w.front.expect(nil)
	first := idsIn(w.make(p, "stores", map[string]any{"name": name}))
	must(w.t, oneID(first))
	for i, c := range p.changes {
		at := first[0]
		switch c.kind {
		case kindStore:
			continue
		case kindNoStore:
			own := idsIn(w.make(p, "stores", map[string]any{"name": fmt.Sprintf("%s-%03d", name, i)}))
			must(w.t, oneID(own))
			at = own[0]
		}
		c.store = at
		w.fill(p, c, p.needs[i])
	}
}

// fill creates the secrets that a change needs.
func (w *chaosWorld) fill(p *staged, c *chaosChange, needs []chaosObject) {
	w.t.Helper()
	if len(needs) == 0 {
		return
	}
	have := *c
	have.names, have.values = nil, nil
	for _, o := range needs {
		have.names, have.values = append(have.names, o.name), append(have.values, o.value)
	}
	made := idsIn(w.make(p, "stores/"+c.store+"/secrets", have.secrets()))
	if len(made) != len(needs) {
		w.t.Fatalf("cycle %d: %d of %d secrets were made", p.number, len(made), len(needs))
	}
	if c.kind != kindTaken && c.kind != kindNoStore {
		c.ids = made
	}
}

// make creates an object through the server, or directly at Cloudflare.
func (w *chaosWorld) make(p *staged, path string, body any) string {
	w.t.Helper()
	text, err := json.Marshal(body)
	must(w.t, err)
	if !p.prepared {
		return w.front.look(http.MethodPost, path, string(text)).Body.String()
	}
	v := w.server()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, v.rest+secretsStore+path, bytes.NewReader(text))
	must(w.t, err)
	r.Header.Set("Authorization", "Bearer "+callerKey)
	answer, err := v.http.Do(r)
	must(w.t, err)
	defer answer.Body.Close()
	said := readText(answer.Body)
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("cycle %d: preparing: %d %s", p.number, answer.StatusCode, said)
	}
	return said
}

func oneID(ids []string) error {
	if len(ids) != 1 {
		return fmt.Errorf("%d identifiers in an answer", len(ids))
	}
	return nil
}

// look lists all that there is at Cloudflare.
func (w *chaosWorld) look() []chaosObject {
	var all []chaosObject
	for _, store := range w.list("stores") {
		all = append(all, chaosObject{name: store.Name, id: store.ID})
		for _, secret := range w.list("stores/" + store.ID + "/secrets") {
			value, _ := w.cf.Value(accountID, store.ID, secret.Name)
			all = append(all, chaosObject{store: store.ID, name: secret.Name, id: secret.ID, value: value})
		}
	}
	return all
}

type listed struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// list reads the first hundred of something; no cycle has more.
func (w *chaosWorld) list(what string) []listed {
	var list struct {
		Result []listed `json:"result"`
	}
	answer := w.front.look(http.MethodGet, what+"?per_page=100", "")
	if err := json.Unmarshal(answer.Body.Bytes(), &list); err != nil || answer.Code != http.StatusOK {
		w.t.Errorf("%s: %d %v %s", what, answer.Code, err, answer.Body)
	}
	return list.Result
}

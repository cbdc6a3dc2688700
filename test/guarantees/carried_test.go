package guarantees_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"path"
	"strings"
	"sync"
	"testing"

	"platform.internal/storekeeper/test/guarantees/fleet"
)

// carried has the changes that Cloudflare carried out, by the identifiers and marks of secrets.
type carried struct {
	mu sync.Mutex
	// names are the names of secrets by identifier.
	names map[string]string
	// made counts the secrets by comment; each comment belongs to one create.
	made map[string]int
	// changed has the tags of set values by identifier, deleted counts deletes.
	changed map[string]map[string]bool
	deleted map[string]int
	// ofQuota are the secrets of the tenant with a quota.
	ofQuota     map[string]bool
	mostOfQuota int
}

func newCarried() *carried {
	return &carried{
		names: map[string]string{}, made: map[string]int{}, changed: map[string]map[string]bool{}, deleted: map[string]int{}, ofQuota: map[string]bool{},
	}
}

// add takes down a change.
func (c *carried) add(change fleet.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := path.Base(change.Path)
	switch change.Method {
	case http.MethodPost:
		var answer struct {
			Result []struct{ ID, Name, Comment string }
		}
		if json.Unmarshal(change.Answer, &answer) != nil {
			return
		}
		for _, s := range answer.Result {
			c.names[s.ID] = s.Name
			if s.Comment != "" {
				c.made[s.Comment]++
			}
			if strings.HasPrefix(s.Name, quotaPrefix) {
				c.ofQuota[s.ID] = true
			}
		}
	case http.MethodPatch:
		if c.changed[id] == nil {
			c.changed[id] = map[string]bool{}
		}
		c.changed[id][tagOf(change.Request)] = true
	case http.MethodDelete:
		c.deleted[id]++
		delete(c.ofQuota, id)
	}
	c.mostOfQuota = max(c.mostOfQuota, len(c.ofQuota))
}

// begun reports whether a secret was made.
func (c *carried) begun() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.names) > 0
}

// tagOf returns the tag of a value or a comment in the body of an update, or "" if
// the update sets neither.
func tagOf(body []byte) string {
	var set struct{ Value, Comment string }
	if json.Unmarshal(body, &set) != nil {
		return ""
	}
	_, tag, _ := strings.Cut(cmp.Or(set.Value, set.Comment), " ")
	return tag
}

// said has the outcomes in the trail about one secret.
type said struct {
	succeeded, unknown int
	// words are all outcomes with their reasons.
	words []string
}

// outcomes has the outcomes of all changes in the trail.
type outcomes struct {
	intents map[string]fleet.Record
	// creates are by the name of the secret, changes by action and identifier.
	creates, changes map[string]said
	// made counts the outcomes that report a created secret, by identifier.
	made map[string]int
}

// read reads a trail. It fails the test if an intent does not have exactly one outcome.
func (o *outcomes) read(t *testing.T, trail []fleet.Record) {
	t.Helper()
	times := map[string]int{}
	for _, r := range trail {
		if r.Kind == "intent" {
			o.intents[r.ID] = r
		}
	}
	for _, r := range trail {
		if r.Kind != "outcome" {
			continue
		}
		times[r.ID]++
		intent, known := o.intents[r.ID]
		if !known {
			t.Errorf("the outcome %s %s has no intent", r.ID, r.Outcome)
			continue
		}
		o.note(intent, r)
	}
	for id := range o.intents {
		if times[id] != 1 {
			t.Errorf("the intent %s has %d outcomes", id, times[id])
		}
	}
}

func (o *outcomes) note(intent, outcome fleet.Record) {
	creates := intent.Action == "secret.create"
	for _, s := range intent.Secrets {
		of, key := o.changes, intent.Action+" "+s.ID
		if creates {
			of, key = o.creates, s.Name
		}
		one := of[key]
		one.words = append(one.words, outcome.Outcome+" "+outcome.Reason)
		switch outcome.Outcome {
		case "succeeded":
			one.succeeded++
		case "unknown":
			one.unknown++
		}
		of[key] = one
	}
	if creates && outcome.Outcome == "succeeded" {
		for _, s := range outcome.Secrets {
			o.made[s.ID]++
		}
	}
}

// judge fails the test if a create was made twice, an intent does not have exactly one
// outcome, or an outcome contradicts Cloudflare. updates has the tags that updates set.
func (c *carried) judge(t *testing.T, trail []fleet.Record, updates *sync.Map) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for comment, n := range c.made {
		if n > 1 {
			t.Errorf("the create of %q was made %d times", comment, n)
		}
	}
	o := &outcomes{intents: map[string]fleet.Record{}, creates: map[string]said{}, changes: map[string]said{}, made: map[string]int{}}
	o.read(t, trail)
	c.judgeCreates(t, o.creates, o.made)
	c.judgeChanges(t, o.changes, updates)
	t.Logf("the trail has %d intents; Cloudflare made %d secrets, changed %d and deleted %d", len(o.intents), len(c.names), len(c.changed), len(c.deleted))
	if len(c.names) == 0 || lasting() && (len(c.changed) == 0 || len(c.deleted) == 0) {
		t.Error("nothing was tried")
	}
}

func (c *carried) judgeCreates(t *testing.T, creates map[string]said, recorded map[string]int) {
	t.Helper()
	made := map[string]int{}
	for id, name := range c.names {
		made[name]++
		if recorded[id] > 1 {
			t.Errorf("%d outcomes say that they made %s, %s", recorded[id], name, id)
		}
	}
	for id := range recorded {
		if c.names[id] == "" {
			t.Errorf("the trail says that %s was made, which Cloudflare never had", id)
		}
	}
	for name, n := range made {
		s := creates[name]
		if s.succeeded > n || n > s.succeeded+s.unknown {
			t.Errorf("%s was made %d times, and the trail says %q", name, n, s.words)
		}
	}
}

func (c *carried) judgeChanges(t *testing.T, changes map[string]said, updates *sync.Map) {
	t.Helper()
	for id, tags := range c.changed {
		s, n := changes["secret.update "+id], 0
		for tag := range tags {
			// A reconciled create may have updated the secret that it found.
			if _, known := updates.Load(tag); known {
				n++
			}
		}
		if n > s.succeeded+s.unknown {
			t.Errorf("%s was changed in %d ways, and the trail says %q", id, n, s.words)
		}
	}
	for id := range c.deleted {
		if s := changes["secret.delete "+id]; s.succeeded+s.unknown == 0 {
			t.Errorf("%s was deleted, and the trail says %q", id, s.words)
		}
	}
	for key, s := range changes {
		action, id, _ := strings.Cut(key, " ")
		switch {
		case action == "secret.update" && s.succeeded > 0 && len(c.changed[id]) == 0,
			action == "secret.delete" && s.succeeded > 0 && c.deleted[id] == 0:
			t.Errorf("the trail says %s of %s, which Cloudflare did not carry out", action, id)
		}
	}
}

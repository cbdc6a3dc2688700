package main

import (
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// openTime is how long after a recovery intents may stay open.
const openTime = 60 * time.Second

// run runs all callers, while the server is killed and restarted.
func (w *chaosWorld) run(p *staged) []*chaosLife {
	var lives []*chaosLife
	var callers sync.WaitGroup
	c := caller{t: w.t, server: w.server}
	for _, change := range p.changes {
		l := &chaosLife{chaosChange: change}
		lives = append(lives, l)
		times := 1
		if change.twins {
			times = 2
		}
		for range times {
			callers.Go(func() { l.hear(c.ask(change, 0)) })
		}
	}
	w.attend(p, &callers)
	return lives
}

// attend restarts the server after each end, until all callers are done.
func (w *chaosWorld) attend(p *staged, callers *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		callers.Wait()
	}()
	var killing <-chan time.Time
	if p.outside > 0 {
		killing = time.After(p.outside)
		p.outside = 0
	}
	for {
		v := w.server()
		select {
		case <-v.gone:
			w.ended(v, p)
		case <-killing:
			v.kill()
		case <-w.front.stalled:
			v.kill()
		case <-done:
			// The server may be about to end.
			if !v.order("", 0) {
				w.ended(v, p)
			}
			return
		}
	}
}

// replay repeats all changes, and expects the first answers.
func (w *chaosWorld) replay(p *staged, lives []*chaosLife) {
	if p.end == endThere {
		return
	}
	if p.end == endKillAndReplay {
		v := w.server()
		v.kill()
		w.ended(v, p)
	}
	c := caller{t: w.t, server: w.server}
	var callers sync.WaitGroup
	for _, l := range lives {
		if len(l.answers) == 0 || l.door == doorSDK && l.answers[0].refusal != "" {
			continue // no SDK repeats what was refused
		}
		callers.Go(func() {
			answer, err := c.ask(l.chaosChange, l.answers[0].tries)
			if err != nil {
				l.failures = append(l.failures, err)
				return
			}
			l.replays = append(l.replays, answer)
		})
	}
	w.attend(p, &callers)
}

var openIntents = regexp.MustCompile(`(?m)^storekeeper_intents_open (-?[0-9]+)$`)

// awaitClosed waits until no intent is open, and returns the number of intents that stay open.
func (w *chaosWorld) awaitClosed() int {
	began, open := time.Now(), -1
	for pause := time.Millisecond; time.Since(began) < openTime; pause = min(2*pause, 100*time.Millisecond) {
		if open = w.openIntents(); open == 0 {
			break
		}
		time.Sleep(pause)
	}
	w.tally.closed(time.Since(began))
	return open
}

// openIntents asks the admin listener, -1 for no answer.
func (w *chaosWorld) openIntents() int {
	v := w.server()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, v.admin+"/metrics", http.NoBody)
	must(w.t, err)
	answer, err := v.http.Do(r)
	if err != nil {
		return -1
	}
	defer answer.Body.Close()
	found := openIntents.FindStringSubmatch(readText(answer.Body))
	if found == nil {
		return -1
	}
	n, err := strconv.Atoi(found[1])
	must(w.t, err)
	return n
}

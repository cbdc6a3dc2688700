package history

import (
	"cmp"
	"context"
	"slices"
	"time"

	"platform.internal/storekeeper/internal/audit"
)

// Index is an index of a trail together with the trail. Implementations: fileindex.Index and postgres.Store.
type Index interface {
	// CatchUp updates the index to the end of the trail, or returns an error.
	CatchUp(ctx context.Context) error
	// Rows returns the changes with a key and a position below before, newest first, at most limit. before 0
	// means the end.
	Rows(ctx context.Context, key audit.Key, before uint64, limit int) ([]audit.Row, error)
	// Lines reads lines without line feeds. A line that was removed from the trail is nil.
	Lines(ctx context.Context, at []audit.Location) ([][]byte, error)
}

const (
	// MostPerPage is the maximum number of changes of a page.
	MostPerPage = 200
	// mostExamined is the maximum number of changes examined for a page, so that a selective filter has a
	// bounded cost per call. The page is then short and has a token.
	mostExamined = 4_000
	// leastRows and mostRows bound the number of changes read at once.
	leastRows, mostRows = 32, 512
	// slack is the maximum time by which a line may be older than an earlier line. A record that waited for
	// the disk keeps its original time.
	slack = 5 * time.Minute
	// namesakes is the number of lines examined to find the identifiers of a store name. mostStores is the
	// maximum number of identifiers used.
	namesakes, mostStores = 200, 16
)

// Page is a page of changes, newest first.
type Page struct {
	Changes []Change
	// Next is the token of the next page, empty on the last page. A page may have fewer changes than
	// requested, or none, although there is a next page.
	Next string
}

// Request is a request for a page.
type Request struct {
	Filter Filter
	// Size is the maximum number of changes of the page, from 1 to MostPerPage.
	Size int
	// Token is Page.Next of the previous page with the same filter. Empty: the first page.
	Token string
	// See decides whether the caller may see a change that passes the filter. See may remove hidden parts of
	// the change. Nil: all changes are visible.
	See func(*Change) bool
}

// Reader reads changes.
type Reader struct {
	Index Index
	// Stores returns the current identifiers of stores with a name. It may be nil.
	Stores func(ctx context.Context, name string) []string
	// TokenKey encrypts page tokens. Empty: anyone can read the tokens.
	TokenKey []byte
}

// Read returns a page. Its errors are ErrToken and those of the index.
func (r Reader) Read(ctx context.Context, q Request) (Page, error) {
	before, err := r.parseToken(q.Token, &q.Filter)
	if err != nil {
		return Page{}, err
	}
	if err := r.Index.CatchUp(ctx); err != nil {
		return Page{}, err
	}
	w := walk{index: r.Index, request: &q, before: before}
	if w.stores, err = r.stores(ctx, &q.Filter); err != nil {
		return Page{}, err
	}
	w.keys = q.Filter.keys(w.stores)
	if err := w.run(ctx); err != nil {
		return Page{}, err
	}
	p := Page{Changes: w.page}
	if !w.ended {
		p.Next, err = r.formatToken(w.before, &q.Filter)
	}
	return p, err
}

// stores returns the identifiers of a store given by name, because a record of a store found by its
// identifier may lack the name.
func (r Reader) stores(ctx context.Context, f *Filter) (ids []string, err error) {
	if f.Store == "" {
		return nil, nil
	}
	if r.Stores != nil {
		ids = r.Stores(ctx, f.Store)
	}
	rows, err := r.Index.Rows(ctx, audit.KeyOf(audit.KeyStore, f.Store), 0, namesakes)
	if err != nil {
		return nil, err
	}
	changes, err := read(ctx, r.Index, rows)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if c != nil && c.Record.Store.Name == f.Store && c.Record.Store.ID != "" {
			ids = append(ids, c.Record.Store.ID)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), mostStores)], nil
}

// walk iterates over the changes with certain keys.
type walk struct {
	index   Index
	request *Request
	stores  []string
	keys    []audit.Key
	page    []Change
	// before is the position of the last examined change.
	before   uint64
	examined int
	ended    bool
}

func (w *walk) run(ctx context.Context) error {
	limit := max(leastRows, min(w.request.Size, mostRows))
	for !w.ended && len(w.page) < w.request.Size && w.examined < mostExamined {
		rows, more, err := w.rows(ctx, limit)
		if err != nil {
			return err
		}
		changes, err := read(ctx, w.index, rows)
		if err != nil {
			return err
		}
		for i, c := range changes {
			if len(w.page) == w.request.Size {
				return nil
			}
			w.take(rows[i], c)
			if w.ended {
				return nil
			}
		}
		w.ended = !more
		limit = min(2*limit, mostRows)
	}
	return nil
}

// rows returns the next changes with any of the keys. more is false if there are no further changes.
func (w *walk) rows(ctx context.Context, limit int) (all []audit.Row, more bool, err error) {
	for _, k := range w.keys {
		rows, err := w.index.Rows(ctx, k, w.before, limit)
		if err != nil {
			return nil, false, err
		}
		all, more = append(all, rows...), more || len(rows) == limit
	}
	if len(w.keys) > 1 {
		slices.SortFunc(all, func(a, b audit.Row) int { return cmp.Compare(b.Position, a.Position) })
		all = slices.CompactFunc(all, func(a, b audit.Row) bool { return a.Position == b.Position })
	}
	return all[:min(len(all), limit)], more || len(all) > limit, nil
}

// take adds a change to the page if the filter wants the change.
func (w *walk) take(row audit.Row, c *Change) {
	w.before = row.Position
	w.examined++
	if c == nil {
		return // its lines are not in the trail any more
	}
	f := &w.request.Filter
	if !f.Since.IsZero() && row.Position == row.Intent.Seq && c.Begun.Before(f.Since.Add(-slack)) {
		w.ended = true
		return
	}
	if row.Position != row.Intent.Seq && len(w.keys) > 1 && w.foundByIntent(c) {
		return // it comes at the place of its intent
	}
	if !f.wants(c, w.stores) {
		return
	}
	// The filter is applied again after See, so that a hidden secret cannot be found.
	if w.request.See != nil && (!w.request.See(c) || !f.wants(c, w.stores)) {
		return
	}
	w.page = append(w.page, *c)
}

// foundByIntent reports whether the intent of a change also has one of the keys.
func (w *walk) foundByIntent(c *Change) bool {
	return slices.ContainsFunc(c.intentKeys, func(k audit.Key) bool { return slices.Contains(w.keys, k) })
}

// read returns the changes of rows, nil for changes whose lines were removed from the trail.
func read(ctx context.Context, index Index, rows []audit.Row) ([]*Change, error) {
	at := make([]audit.Location, 0, 2*len(rows))
	for _, r := range rows {
		at = append(at, r.Intent)
		if r.Outcome.Seq != 0 && r.Outcome != r.Intent {
			at = append(at, r.Outcome)
		}
	}
	lines, err := index.Lines(ctx, at)
	if err != nil {
		return nil, err
	}
	changes := make([]*Change, len(rows))
	for i, r := range rows {
		intent := parse(lines[0])
		lines = lines[1:]
		var outcome *audit.Entry
		if r.Outcome.Seq != 0 && r.Outcome != r.Intent {
			outcome, lines = parse(lines[0]), lines[1:]
		}
		if intent == nil {
			intent, outcome = outcome, nil
		}
		if intent == nil {
			continue
		}
		c := join(intent, outcome)
		c.intentKeys = audit.AppendKeys(nil, &intent.Record)
		changes[i] = &c
	}
	return changes, nil
}

// parse decodes a line. It returns nil if the line was removed or is not an intent or outcome.
func parse(line []byte) *audit.Entry {
	if line == nil {
		return nil
	}
	e, err := audit.ParseLine(line)
	if err != nil || e.Record.Kind != audit.KindIntent && e.Record.Kind != audit.KindOutcome {
		return nil
	}
	return &e
}

package postgres

import (
	"context"
	"fmt"
	"strings"
)

// trailFinding compares the end of the trail with the last receipt and the key.
func (s *Store) trailFinding(ctx context.Context) []Finding {
	h, err := scanHead(s.reads.QueryRow(ctx, headText, 0))
	if err == nil {
		err = s.checkEnd(ctx, h)
	}
	if err != nil {
		return []Finding{{
			Name: "trail", Level: Failed, Text: clean(err).Error(),
			Fix: "find out who changed the table: docs/postgres.md says what to do about an altered trail",
		}}
	}
	return []Finding{{Name: "trail", Text: fmt.Sprintf("its last record is number %d, and it is what was written", h.line.Seq())}}
}

// partitionFinding checks that the partitions with records exist, and the partitions for the next
// records.
func (s *Store) partitionFinding(ctx context.Context) Finding {
	f := Finding{Name: "partitions"}
	h, err := scanHead(s.reads.QueryRow(ctx, headText, 0))
	var all []Partition
	if err == nil {
		all, err = s.Partitions(ctx)
	}
	if err != nil {
		f.Level, f.Text, f.Fix = Failed, errText(clean(err)), "look at the log of the server"
		return f
	}
	var gone []string
	attached := 0
	at := h.lineTime(s.config.Now())
	need, found := at, 0
	for _, p := range all {
		switch {
		case p.Attached:
			attached++
		case p.Missing && p.First > 0:
			gone = append(gone, fmt.Sprintf("%s with the records from %d on", p.Name, p.First))
		}
		if p.Attached && (span{starts: p.Starts, ends: p.Ends}).covers(need) {
			need = p.Ends
			found++
		}
	}
	f.Text = fmt.Sprintf("the audit trail has %d partitions, with room until %s", attached, need.Format(partitionDate))
	switch {
	case len(gone) > 0:
		f.Level, f.Text = Failed, "tables of the audit trail are missing: "+strings.Join(gone, ", ")
		f.Fix = "restore them from a backup. If they were exported before, remove the rows with these names from the table trail_partitions"
	case found < 2: // the present and the next partition
		f.Level, f.Text = Warning, "the audit trail has no partition for "+need.Format(partitionDate)+", and the first change in it has to make it"
		f.Fix = "start a replica, which makes it within two minutes; where one runs, look at its log, and see that the role may create tables in the schema"
	case h.trailAt.Sub(h.clock(s.config.Now())) > maxAhead:
		f.Level, f.Text = Warning, fmt.Sprintf("the last record of the audit trail has the time %s, so all records until then go into one partition", h.trailAt.UTC().Format(partitionDate))
		f.Fix = "see that the clock of the server is right: docs/postgres.md says how to bring the records back"
	}
	return f
}

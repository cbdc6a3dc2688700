package report

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"platform.internal/storekeeper/test/bench/suite"
)

// Print writes the figures for a terminal.
func Print(to io.Writer, b *suite.Book, a About) error {
	targets := TargetTable(b, a)
	targets.Rows = slices.DeleteFunc(targets.Rows, func(row []string) bool { return !slices.ContainsFunc(row, isVerdict) })
	text := []string{"", a.line() + "\n", targets.Text()}
	for _, t := range Tables(b, a) {
		if t.measured() {
			text = append(text, t.Text())
		}
	}
	_, err := io.WriteString(to, strings.Join(text, "\n"))
	return err
}

// Write writes performance.md and the plots into a folder. notes is Markdown
// text about the figures, which is copied.
func Write(folder string, b *suite.Book, a About, notes string) error {
	plots := filepath.Join(folder, "performance")
	if err := os.MkdirAll(plots, 0o750); err != nil {
		return err
	}
	for name, svg := range Plots(b, a) {
		if err := publish(filepath.Join(plots, name), svg); err != nil {
			return err
		}
	}
	if err := publish(filepath.Join(plots, "figures.md"), Figures(b, a)); err != nil {
		return err
	}
	return publish(filepath.Join(folder, "performance.md"), Document(b, a, notes))
}

// publish writes a world-readable file.
func publish(name, text string) error {
	return os.WriteFile(name, []byte(text), 0o644)
}

// Document is performance.md.
func Document(b *suite.Book, a About, notes string) string {
	var d strings.Builder
	d.WriteString("# Performance\n\n<!-- Written by `make bench`. The text under \"What the figures mean\" stands in test/bench/notes.md. -->\n\n")
	d.WriteString("`make bench` measures Storekeeper with everything on beside what people would use instead: in one run, on one machine, against the same\n" +
		"emulated Cloudflare, taking turns. Absolute figures are this machine's; the ratios are what counts.\n\n")
	fmt.Fprintf(&d, "- **Machine:** %s\n- **Disk:** %s\n- **Date:** %s\n- **Built with:** %s, static and stripped\n- **Peers:** %s\n- **How:** %s\n\n", a.Machine, a.Disk, a.Date, a.Go, a.peers(), a.How)
	d.WriteString("Everything on means: tokens of an issuer (RS256) of 64 principals in 8 tenants, 1,000 rules of which the one that allows stands last,\n" +
		"a quota for each tenant, an audit trail that is on the disk before a change leaves, an idempotency key on each change kept in a file, a budget (a million calls\n" +
		"in 10 s where it must not limit) and metrics. Neither Storekeeper nor a peer writes a line of log for each call, but for the lines \"default configuration\".\n" +
		"A peer only puts the platform's credential on the request. The floor is the smallest honest program in Storekeeper's place (test/bench/peers/floor): it checks\n" +
		"a caller's key and the change's, makes the intent durable, calls, makes the answer durable, and does nothing else.\n\n")
	d.WriteString(strings.Replace(TargetTable(b, a).Markdown(), "### ", "## ", 1))
	d.WriteString("\n" + strings.TrimSpace(notes) + "\n\n## Figures\n\n[performance/figures.md](performance/figures.md) has all tables and plots.\n")
	return d.String()
}

// Figures is performance/figures.md: all tables and plots.
func Figures(b *suite.Book, a About) string {
	var d strings.Builder
	d.WriteString("# Figures\n\n<!-- Written by `make bench`. -->\n\nWhat they mean is in [performance.md](../performance.md). " +
		"`-` is what was not measured: a peer that was not on the machine, or what a program does not tell.\n")
	for _, t := range Tables(b, a) {
		d.WriteString("\n" + strings.ReplaceAll(strings.Replace(t.Markdown(), "### ", "## ", 1), "](performance/", "]("))
	}
	return d.String()
}

// line returns the heading of the output.
func (a About) line() string {
	return fmt.Sprintf("%s; %s; %s\n%s\npeers: %s; %s", a.Machine, a.Date, a.Go, a.Disk, a.peers(), a.How)
}

// peers lists the versions of third-party peers.
func (a About) peers() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(a.Peers)) {
		list = append(list, name+" "+a.Peers[name])
	}
	if len(list) == 0 {
		return "none that others made"
	}
	return strings.Join(list, ", ")
}

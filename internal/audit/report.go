package audit

import (
	"fmt"
	"time"
)

// Mark is one record of a chain.
type Mark struct {
	// Seq counts records from 1 over all files of the chain.
	Seq uint64
	// Time is when the record was made.
	Time time.Time
	// Hash is its hash as hexadecimal digits. Kept elsewhere, it shows later
	// that everything up to here is still what it was.
	Hash string
}

// Problem is one thing that is not as it was written.
type Problem struct {
	// File is the path.
	File string
	// Line counts from 1. 0 means the file as a whole.
	Line uint64
	// Seq is the number that the record gives itself, 0 where it has none that
	// can be read.
	Seq uint64
	// Text says what is wrong.
	Text string
}

func (p Problem) String() string {
	switch {
	case p.Line == 0:
		return p.File + ": " + p.Text
	case p.Seq == 0:
		return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	default:
		return fmt.Sprintf("%s:%d: record %d: %s", p.File, p.Line, p.Seq, p.Text)
	}
}

// Report is what a verification found.
type Report struct {
	// Chain is the identifier of the chain.
	Chain string
	// Records is the number of whole lines.
	Records uint64
	// First and Last are the first and last records that could be read. A
	// First that is not record 1 means that files before this one belong to
	// the chain and were not looked at.
	First, Last Mark
	// Missing are the records that belong to the chain and are in none of the
	// files: those before the first one, and those of a file that is gone. What
	// is missing between two files is a problem of the second one.
	Missing []Missing
	// Ahead is how many records at the end the head does not name yet. They
	// were not acknowledged when the head was read.
	Ahead uint64
	// Open is how many intents have no outcome: what became of those calls is
	// not known, or they are still under way. OpenIDs names the first 20. At
	// most 100000 are followed at a time; more are not counted.
	Open    uint64
	OpenIDs []string
	// Broken is how many problems there are. Problems holds the first 20.
	Broken   uint64
	Problems []Problem
}

// Missing is a range of records that belong to a chain and were not looked at.
type Missing struct {
	// From and To are the numbers of the first and the last of them.
	From, To uint64
	// Before is the file that continues them.
	Before string
	// Reason is why that file was begun: "rotated" where the one before has
	// another name, "file_lost" or "file_damaged" where it was found gone or
	// changed. Empty where nobody said.
	Reason string
}

func (m Missing) String() string {
	why := map[string]string{
		ReasonRotated:     "they stand in a file that was rotated: give it too, oldest first, or give --after",
		ReasonFileLost:    "their file was removed, renamed or emptied: give it too where it is kept",
		ReasonFileDamaged: "their file had been changed, and was moved aside",
	}[m.Reason]
	if why == "" {
		return fmt.Sprintf("%s: records %d to %d are missing; their file was not given, or is gone", m.Before, m.From, m.To)
	}
	return fmt.Sprintf("%s: records %d to %d come before it and are missing; %s", m.Before, m.From, m.To, why)
}

const (
	maxProblems = 20
	maxOpenIDs  = 20
	maxOpen     = 100_000
)

// OK says whether the files are what was written. Records of other files may be
// missing, see Complete.
func (r Report) OK() bool { return r.Broken == 0 }

// Complete says whether the files are what was written, and no record of the
// chain is missing up to the last.
func (r Report) Complete() bool { return r.OK() && len(r.Missing) == 0 }

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
	// Hash is the hash of the record in hexadecimal digits. Kept elsewhere, the hash later proves
	// that the chain up to this record is unaltered.
	Hash string
}

// Problem is a deviation from the written chain.
type Problem struct {
	// File is the path.
	File string
	// Line is the line number, from 1. 0 means the file as a whole.
	Line uint64
	// Seq is the number in the record, or 0 if the number cannot be read.
	Seq uint64
	// Text describes the problem.
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

// Report is the result of a verification.
type Report struct {
	// Chain is the identifier of the chain.
	Chain string
	// Records is the number of complete lines.
	Records uint64
	// First and Last are the first and last readable records. If First is not record 1, earlier
	// files of the chain were not verified.
	First, Last Mark
	// Missing lists the records that belong to the chain and are in none of the files: records
	// before the first file, and records of a missing newest file. Records missing between two
	// files are a problem of the second file.
	Missing []Missing
	// Ahead is the number of records after the record that the head names. They were not
	// acknowledged when the head was read.
	Ahead uint64
	// Open is the number of intents without an outcome: the calls are in progress, or their result
	// is unknown. OpenIDs holds the first 20. At most 100000 open intents are tracked; more are not
	// counted.
	Open    uint64
	OpenIDs []string
	// Broken is the number of problems. Problems holds the first 20.
	Broken   uint64
	Problems []Problem
}

// Missing is a range of records of a chain that were not verified.
type Missing struct {
	// From and To are the numbers of the first and the last missing record.
	From, To uint64
	// Before is the file that continues after the missing records.
	Before string
	// Reason is the reason why that file was begun: "rotated" if the previous file was renamed by a
	// rotation, "file_lost" or "file_damaged" if the previous file was found missing or altered.
	// Empty if no reason was recorded.
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

// OK reports whether the files are unaltered. Records of other files may be missing, see Complete.
func (r Report) OK() bool { return r.Broken == 0 }

// Complete reports whether the files are unaltered and no record of the chain up to the last is
// missing.
func (r Report) Complete() bool { return r.OK() && len(r.Missing) == 0 }

package store

import "github.com/retinue-id/retinue"

// RecordQuery selects records of the audit log. Empty fields do not limit.
type RecordQuery struct {
	// Actions are actions ("finding.opened") or the part of them before the
	// dot ("finding").
	Actions []string
	Actor   string // the name of who did it, exact
	Subject string // exact
	At      Window
	FromSeq int64
	Desc    bool
	// After is the sequence number of the last record of the page before; 0
	// for the first page.
	After int64
	Limit int // 0: DefaultPage
	Count CountMode
}

// RecordPage is a page of the audit log.
type RecordPage struct {
	Items       []retinue.Record
	Next        int64 // the After of the next page; 0: this is the last
	Total       int64
	TotalIsMore bool
}

package aws

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"
)

// call is one operation with what it is asked about.
type call struct {
	account string
	region  string // empty for operations of the whole account
	op      string // a name of the table
	subject string // what it is about, where the operation is made for each of several
}

// args returns the parts of the subject, at least n.
func (c call) args(n int) []string {
	p := strings.SplitN(c.subject, subjectSeparator, n)
	for len(p) < n {
		p = append(p, "")
	}
	return p
}

// source answers calls.
type source interface {
	// pages passes each page of the answer to fn, as JSON in the shape that
	// the AWS CLI prints, and returns when the answer held.
	pages(ctx context.Context, c call, fn func(io.Reader) error) (time.Time, error)
	// regions are the regions to read in an account, and whether that is every
	// region that is enabled there.
	regions(ctx context.Context, account string) (names []string, all bool, err error)
	// when is the time that stands for what follows from no single answer: now
	// for a live account, the time of the oldest file for an export.
	when(account string) time.Time
	// workers is how many calls may run at once.
	workers() int
}

var (
	// errNotExported says that the files hold no answer to a call. It is no
	// failure: an export never contains some things.
	errNotExported = errors.New("not in the export")
	// errAbsent says that the system answered that there is no such thing, as
	// for the policy of a bucket that has none.
	errAbsent = errors.New("there is none")
	// errElsewhere says that another scope of the run tells the same better.
	errElsewhere = errors.New("told by another scope")
)

// Package eventpush takes apart what a system pushes: records of its log, as it
// sends them itself. A body holds one record, several one a line or one after
// another, an array, or an object that holds an array under a name of the kind of
// log; it is plain or compressed with gzip, and may lie in the envelope of Amazon
// Data Firehose.
//
// # Bounds
//
// Whoever pushes may be anybody's machine. A body is held whole, at most
// [MaxBody] bytes; what it holds once it is uncompressed is read as it comes and
// ends at [MaxContent] bytes or [MaxRecords] records. One bad record costs no
// other its place.
package eventpush

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// The bounds of what is pushed at once.
const (
	MaxBody    = 16 << 20  // as it is sent, in bytes; audit webhooks of Kubernetes send 10 MB at most
	MaxContent = 128 << 20 // once it is uncompressed, in bytes
	MaxRecords = 250_000
)

// Body is what a system pushed.
type Body struct {
	Data []byte
	// Encoding is the Content-Encoding: empty, "identity" or "gzip". What begins as
	// gzip does is uncompressed in any case.
	Encoding string
	// Firehose says that records lie in the envelope of Amazon Data Firehose, each
	// of whose elements may be compressed by itself.
	// https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html
	Firehose bool
	// Envelopes are the names under which an object that is no record itself holds
	// an array of records.
	Envelopes []string
}

// Record is one record of a body.
type Record struct {
	// Number counts records from 1, Line lines where the body has such.
	Number int64
	Line   int64
	// Data is valid until the function that was given it returns.
	Data []byte
}

// SizeError says that a body is larger than is taken. What came before the bound
// was given.
type SizeError struct{ What string }

// Error says what is too large.
func (e *SizeError) Error() string {
	return "what was pushed is larger than is taken at once: " + e.What
}

// Unwrap returns ErrInvalid.
func (e *SizeError) Unwrap() error { return retinue.ErrInvalid }

// CutError says that a body ended too early: what was sent is not what came.
type CutError struct {
	// After is the number of the last record that was given.
	After int64
	Err   error
}

// Error says where the body ended.
func (e *CutError) Error() string {
	return fmt.Sprintf("what was pushed ends in its midst, after record %d: %v", e.After, e.Err)
}

// Unwrap returns ErrInvalid.
func (e *CutError) Unwrap() error { return retinue.ErrInvalid }

// errLarge ends the reading of content that is too large.
var errLarge = errors.New("too large")

// budget is how much may still be read, over all parts of a body.
type budget struct{ left int64 }

type budgeted struct {
	r io.Reader
	b *budget
}

// Read implements io.Reader.
func (b *budgeted) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.b.left -= int64(n); b.b.left < 0 {
		return 0, errLarge
	}
	return n, err
}

// Content returns what the body holds once it is uncompressed. Reading it fails
// with a *SizeError beyond the bound.
func (b Body) Content() (io.Reader, error) {
	r, err := b.content(&budget{MaxContent})
	return r, err
}

func (b Body) content(left *budget) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(b.Encoding)) {
	case "", "identity", "gzip", "x-gzip":
	default:
		return nil, fmt.Errorf("%w: Content-Encoding %q: want gzip, or none", retinue.ErrUnsupported, retinue.CleanName(b.Encoding[:min(len(b.Encoding), 40)]))
	}
	if len(b.Data) > MaxBody {
		return nil, &SizeError{fmt.Sprintf("%d bytes: at most %d", len(b.Data), MaxBody)}
	}
	return inflated(b.Data, left)
}

// inflated uncompresses what is compressed.
func inflated(data []byte, left *budget) (io.Reader, error) {
	if len(data) < 2 || data[0] != 0x1f || data[1] != 0x8b {
		return &budgeted{bytes.NewReader(data), left}, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, &CutError{Err: fmt.Errorf("it is not gzip: %w", err)}
	}
	return &budgeted{z, left}, nil
}

// Records gives each record of the body to take, in order, and what could not be
// read to fault; take's error ends the reading and is returned. A *SizeError or
// *CutError says that there was more than what was given.
func (b Body) Records(take func(Record) error, fault func(connector.Fault)) error {
	s := &splitter{body: b, left: &budget{MaxContent}, take: take, fault: fault}
	r, err := b.content(s.left)
	if err != nil {
		return err
	}
	if b.Firehose {
		return s.firehose(r)
	}
	return s.split(r)
}

// splitter reads the records of a body.
type splitter struct {
	body  Body
	left  *budget
	take  func(Record) error
	fault func(connector.Fault)
	count int64
}

// split reads the records of content.
func (s *splitter) split(content io.Reader) error {
	r := logs.NewReader(content, logs.ReaderOptions{Envelopes: s.body.Envelopes})
	for {
		rec, err := r.Next()
		if err == nil || errors.As(err, new(*logs.RecordError)) {
			if s.count++; s.count > MaxRecords {
				return &SizeError{fmt.Sprintf("at most %d records", MaxRecords)}
			}
		}
		var bad *logs.RecordError
		switch {
		case errors.As(err, &bad):
			s.fault(connector.Fault{Record: s.count, Line: bad.Line, Err: bad.Err})
		case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case errors.Is(err, errLarge):
			return &SizeError{fmt.Sprintf("at most %d bytes once it is uncompressed", MaxContent)}
		case err != nil:
			return &CutError{After: s.count, Err: plain(err)}
		case len(bytes.TrimSpace(rec.Data)) > 0:
			if err := s.take(Record{Number: s.count, Line: rec.Line, Data: rec.Data}); err != nil {
				return err
			}
		}
	}
}

// plain says how a stream broke, without what the reader of records says besides.
func plain(err error) error {
	for _, known := range []error{io.ErrUnexpectedEOF, gzip.ErrChecksum, gzip.ErrHeader} {
		if errors.Is(err, known) {
			return known
		}
	}
	return errors.New("it does not uncompress")
}

// delivery is the envelope of Amazon Data Firehose.
type delivery struct {
	Records []struct {
		Data string `json:"data"`
	} `json:"records"`
}

// firehose reads the records of each element of a delivery.
func (s *splitter) firehose(content io.Reader) error {
	text, err := io.ReadAll(content)
	switch {
	case errors.Is(err, errLarge):
		return &SizeError{fmt.Sprintf("at most %d bytes once it is uncompressed", MaxContent)}
	case err != nil:
		return &CutError{Err: plain(err)}
	}
	var d delivery
	if err := json.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("%w: not a delivery of Amazon Data Firehose", retinue.ErrInvalid)
	}
	for i, e := range d.Records {
		d.Records[i].Data = ""
		raw, err := base64.StdEncoding.DecodeString(e.Data)
		if err != nil {
			s.count++
			s.fault(connector.Fault{Record: s.count, Err: fmt.Errorf("%w: element %d of the delivery is not base64", retinue.ErrInvalid, i+1)})
			continue
		}
		r, err := inflated(raw, s.left)
		if err == nil {
			err = s.split(r)
		}
		var cut *CutError
		if errors.As(err, &cut) { // the others are whole
			s.count++
			s.fault(connector.Fault{Record: s.count, Err: fmt.Errorf("%w: element %d of the delivery: %v", retinue.ErrInvalid, i+1, cut.Err)})
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

package entry

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// Reader reads files of JSON entries and is a [connector.ActivityReader]. Files
// hold one object a line, one after another, an array, or an object with an array
// under one of the names of Envelopes; gzip is uncompressed. Its fields are not
// changed once it reads.
type Reader struct {
	// Paths are files, folders and patterns. Match picks files below a folder;
	// nil takes all.
	Paths     []string
	Match     func(name string) bool
	Envelopes []string
	// MaxRecord is the size limit of a record in bytes; 0 means [MaxRecord].
	MaxRecord int
	// Decode turns a record into events.
	Decode func(record []byte) ([]retinue.Event, error)
	// Signs, where it is set, names what an event proves of the log's settings ("api"
	// for a call of an API that is only logged when that is switched on).
	Signs func(retinue.Event) []string
	// Blind are the blind spots of a log, of which some of a realm was read; seen
	// tells which signs were among the realm's events.
	Blind func(log string, seen func(sign string) bool) []retinue.BlindSpot
}

// Activity implements [connector.ActivityReader].
func (r *Reader) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	limit := r.MaxRecord
	if limit == 0 {
		limit = MaxRecord
	}
	var signs signs
	decode := func(record []byte) ([]retinue.Event, error) {
		events, err := r.Decode(record)
		if r.Signs != nil {
			for i := range events {
				for _, name := range r.Signs(events[i]) {
					signs.add(events[i].Realm, name)
				}
			}
		}
		return events, err
	}
	return logs.Read(ctx, req, sink, logs.Options{
		Paths: r.Paths, Match: r.Match,
		ReaderOptions: logs.ReaderOptions{Format: logs.JSON, MaxRecord: limit, Envelopes: r.Envelopes},
		Open: func(_ logs.Input, head []byte, _ *logs.ReaderOptions) (logs.Decoder, error) {
			if err := refuse(head); err != nil {
				return nil, err
			}
			return logs.DecoderFunc(func(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
				events, err := decode(rec.Data)
				return append(dst, events...), err
			}), nil
		},
		Cover: func(seen logs.Seen) []retinue.Coverage {
			list := seen.Coverage()
			for i := range list {
				list[i].BlindSpots = r.Blind(list[i].Log, func(sign string) bool { return signs.has(list[i].Realm, sign) })
			}
			return list
		},
	})
}

// Close implements [connector.ActivityReader].
func (r *Reader) Close() error { return nil }

// refuse reports content that is another format than JSON, saying which, so that
// not every line of it is reported.
func refuse(head []byte) error {
	for _, f := range []struct{ magic, name, instead string }{
		{"PAR1", "Parquet", "convert it to JSON first, one record a line"},
		{"PK\x03\x04", "a ZIP archive", "unpack it first"},
		{"\x28\xb5\x2f\xfd", "compressed with Zstandard", "uncompress it first, or compress with gzip"},
		{"BZh", "compressed with bzip2", "uncompress it first, or compress with gzip"},
		{"Obj\x01", "Avro", "convert it to JSON first, one record a line"},
	} {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return fmt.Errorf("%w: the file is %s, which is not read: %s", retinue.ErrUnsupported, f.name, f.instead)
		}
	}
	first := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	line, _, _ := bytes.Cut(first, []byte("\n"))
	if len(first) > 0 && first[0] != '{' && first[0] != '[' && bytes.Count(line, []byte(",")) > 2 && !bytes.ContainsAny(line, "{}") {
		return fmt.Errorf("%w: the file looks like CSV, which is not read: export it as JSON", retinue.ErrUnsupported)
	}
	return nil
}

// signs are what the events of each realm proved. It is safe for concurrent use.
type signs struct {
	mu  sync.Mutex
	all map[sign]bool
}

type sign struct {
	realm retinue.Realm
	name  string
}

// maxSigns bounds signs: realms are the log's own words.
const maxSigns = 10_000

func (s *signs) add(realm retinue.Realm, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[sign]bool{}
	}
	if len(s.all) < maxSigns {
		s.all[sign{realm, name}] = true
	}
}

func (s *signs) has(realm retinue.Realm, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[sign{realm, name}]
}

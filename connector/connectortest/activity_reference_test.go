package connectortest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// The faults of mutants of the reference reader.
const (
	faultLogBlind       fault = "a log has no blind spot"
	faultLogExample     fault = "an example has an option that does not exist"
	faultEventLong      fault = "an agent is too long"
	faultEventRealm     fault = "an event has no realm"
	faultEventNoName    fault = "an event has neither id nor digest"
	faultEventZone      fault = "a time is not in UTC"
	faultEventContext   fault = "the context is not sorted"
	faultEventRaw       fault = "an event that is understood has its record"
	faultEventControl   fault = "an agent holds a control character"
	faultBatchLabel     fault = "a batch has no label"
	faultEventClock     fault = "an event holds the time of the reading"
	faultInputClock     fault = "an input is named after the time of the reading"
	faultStopAhead      fault = "the position is ahead of the events"
	faultOnceIgnored    fault = "positions are ignored"
	faultDamagedEnds    fault = "a damaged record ends the reading"
	faultDamagedSilent  fault = "a damaged record is no fault"
	faultDamagedPlace   fault = "a fault has no place"
	faultDamagedText    fault = "a fault repeats the record"
	faultGrowHalf       fault = "half a record is taken for one"
	faultGrowOnce       fault = "a file counts as done though it grows"
	faultPiecesForgot   fault = "what came before is forgotten when reading goes on"
	faultGzipOther      fault = "events of compressed files differ"
	faultCutSilent      fault = "a cut file gives no fault"
	faultCutDone        fault = "a cut file counts as read"
	faultCutLost        fault = "a cut file gives no event"
	faultCoverNone      fault = "no coverage"
	faultCoverClass     fault = "coverage leaves a class out"
	faultCoverShort     fault = "coverage ends before the last event"
	faultDecodeOther    fault = "a record alone has another digest"
	faultDecodeConfig   fault = "a record with the configuration gives another event"
	faultDecodeKeeps    fault = "decoding keeps a part of the record"
	faultCancelNilLog   fault = "a cancelled reading returns no error"
	faultCancelGoesOn   fault = "a cancelled reading goes on"
	faultRefusedIgnored fault = "a refusal is ignored"
	faultRefusedCover   fault = "coverage after a refusal"
	faultLogSecret      fault = "a secret in the operation"
	faultHostileEvent   fault = "garbage is an event"
	faultHostileKind    fault = "garbage has an error of no kind"
	faultCloseUnused    fault = "an unused reader cannot be closed"
)

const memoryLog = "memory.audit"

// diary is the reference reader: a line is a JSON object with n, at, who, doing and
// perhaps a secret.
type diary struct {
	fault fault
	dir   string
	env   connector.Env
	used  bool
	first bool // the next record is the first of the reading
}

type diaryLine struct {
	N      int    `json:"n"`
	At     string `json:"at"`
	Who    string `json:"who"`
	Doing  string `json:"doing"`
	Secret string `json:"secret"`
}

func (d *diary) decode(record []byte) ([]retinue.Event, error) {
	var l diaryLine
	if err := json.Unmarshal(record, &l); err != nil || l.At == "" {
		if d.fault == faultHostileEvent && err == nil {
			return []retinue.Event{{Log: memoryLog, ID: "x", At: Epoch(), Class: retinue.EventData, Outcome: retinue.OutcomeSuccess, Realm: "memory:7", Operation: "x"}}, nil
		}
		if d.fault == faultDamagedText {
			return nil, fmt.Errorf("%w: read %q", retinue.ErrInvalid, record)
		}
		if d.fault == faultHostileKind {
			return nil, errors.New("what is this")
		}
		return nil, fmt.Errorf("%w: no entry", retinue.ErrInvalid)
	}
	at, err := time.Parse(time.RFC3339, l.At)
	if err != nil {
		return nil, fmt.Errorf("%w: no time", retinue.ErrInvalid)
	}
	e := retinue.Event{Log: memoryLog, ID: fmt.Sprint(l.N), At: at.UTC(), Realm: "memory:7", Class: retinue.EventManagement, Outcome: retinue.OutcomeSuccess,
		Identity: retinue.NewRef("memory:7", "account", l.Who), Operation: l.Doing, Origin: retinue.Origin{Address: netip.MustParseAddr("192.0.2.1"), Agent: "diary"},
		Context: []retinue.ContextValue{{Key: "a", Value: "1"}, {Key: "b", Value: "2"}}}
	if l.N%2 == 1 {
		e.Class = retinue.EventData
	}
	return []retinue.Event{d.spoil(e, l)}, nil
}

// spoil plants what is wrong with an event itself.
func (d *diary) spoil(e retinue.Event, l diaryLine) retinue.Event {
	switch d.fault {
	case faultEventLong:
		e.Origin.Agent = strings.Repeat("x", retinue.MaxEventText+1)
	case faultEventRealm:
		e.Class, e.Realm = retinue.EventManagement, ""
	case faultEventNoName:
		e.ID, e.Reason = "", e.ID
	case faultEventZone:
		e.At = e.At.In(time.FixedZone("there", 3600))
	case faultEventContext:
		e.Context[0], e.Context[1] = e.Context[1], e.Context[0]
	case faultEventRaw:
		e.Raw = []byte("{}")
	case faultEventControl:
		e.Origin.Agent = "a\x1bb"
	case faultEventClock:
		e.Reason = d.env.Now().String()
	case faultLogSecret:
		e.Operation += l.Secret
	case faultPiecesForgot:
		if d.first {
			d.first, e.Operation = false, "begin"
		}
	}
	return e
}

// Activity implements connector.ActivityReader.
func (d *diary) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	d.used, d.first = true, true
	spoiled := &spoiledSink{ActivitySink: sink, fault: d.fault, now: req.Now}
	kept := req.Position
	req.Position = func(input string) (connector.Position, error) {
		p, err := kept(spoiled.name(input))
		spoiled.known = spoiled.known || p.Offset > 0
		if d.fault == faultOnceIgnored {
			p = connector.Position{}
		}
		return p, err
	}
	inner := ctx
	switch d.fault {
	case faultCancelGoesOn:
		inner = context.WithoutCancel(ctx)
	case faultGrowHalf:
		req.Now = req.Now.Add(time.Hour) // no file is young
	}
	err := logs.Read(inner, req, spoiled, logs.Options{Paths: []string{d.dir}, Decode: d.decode, Workers: 1,
		ReaderOptions: logs.ReaderOptions{Format: logs.Lines}, Cover: d.cover})
	switch {
	case d.fault == faultCancelNilLog && ctx.Err() != nil:
		return nil
	case d.fault == faultCancelGoesOn && ctx.Err() != nil:
		return ctx.Err()
	case d.fault == faultRefusedIgnored && errors.Is(err, retinue.ErrUnavailable):
		return nil
	case d.fault == faultRefusedCover && err != nil:
		_ = sink.Cover(ctx, retinue.Coverage{Log: memoryLog, Realm: "memory:7", From: Epoch(), To: Epoch()})
	}
	return err
}

func (d *diary) cover(seen logs.Seen) []retinue.Coverage {
	if d.fault == faultCoverNone {
		return nil
	}
	list := seen.Coverage(retinue.BlindSpot{Code: "memory.forgetful", Text: "It forgets."})
	for i := range list {
		switch d.fault {
		case faultCoverClass:
			list[i].Classes = list[i].Classes[:1]
		case faultCoverShort:
			list[i].To = list[i].From
		}
	}
	return list
}

// Close implements connector.ActivityReader.
func (d *diary) Close() error {
	if d.fault == faultCloseUnused && !d.used {
		return errors.New("nothing was opened")
	}
	return nil
}

// spoiledSink plants what is wrong with what a reader says.
type spoiledSink struct {
	connector.ActivitySink
	fault fault
	now   time.Time
	known bool            // something was read before
	held  []retinue.Event // given with the next batch
	ended bool
	cut   bool
}

func (s *spoiledSink) name(input string) string {
	if s.fault == faultInputClock {
		return input + s.now.String()
	}
	return input
}

// Batch implements connector.ActivitySink.
func (s *spoiledSink) Batch(ctx context.Context, b connector.Batch) error {
	b.Input = s.name(b.Input)
	zipped := strings.HasSuffix(b.Label, ".gz")
	switch {
	case s.ended, s.fault == faultCutLost && zipped && !b.Position.Done, s.fault == faultGrowOnce && s.known && len(b.Events) <= 20:
		b.Events = nil
	case s.fault == faultBatchLabel:
		b.Label = ""
	case s.fault == faultGzipOther && zipped:
		for i := range b.Events {
			b.Events[i].Reason = "compressed"
		}
	case s.fault == faultStopAhead:
		b.Events = append(s.held, b.Events...)
		s.held = nil
		if len(b.Events) > 3000 {
			s.held = []retinue.Event{b.Events[len(b.Events)-1]}
			b.Events = b.Events[:len(b.Events)-1]
		}
	case s.fault == faultCutDone && s.cut:
		b.Position.Done = true
	}
	return s.ActivitySink.Batch(ctx, b)
}

// Fault implements connector.ActivitySink.
func (s *spoiledSink) Fault(f connector.Fault) {
	cut := logs.Cut(f.Err)
	s.cut = s.cut || cut
	switch {
	case s.fault == faultDamagedSilent && !cut, s.fault == faultCutSilent && cut:
		return
	case s.fault == faultDamagedPlace:
		f.Line, f.Record = 0, 0
	case s.fault == faultDamagedEnds && !cut:
		s.ended = true
	}
	s.ActivitySink.Fault(f)
}

func diarySample(t testing.TB, n int) []byte {
	t.Helper()
	return fmt.Appendf(nil, `{"n":%d,"at":%q,"who":"somebody","doing":"write","secret":%q}`, n, Epoch().Add(time.Duration(n)*time.Second).Format(time.RFC3339), "planted "+"value")
}

func diarySpec(f fault) connector.Spec {
	target := []connector.TargetForm{{Form: "DIR", Help: "a folder"}}
	spec := connector.Spec{Kind: "memory", Title: "Memory", Target: target, Activity: &connector.Activity{
		Logs: []connector.LogKind{{Name: memoryLog, Title: "What was done", Covers: []string{"all"},
			BlindSpots: []retinue.BlindSpot{{Code: "memory.forgetful", Text: "It forgets."}}}},
		Target: target, Examples: []connector.TargetForm{{Form: "memory=logs", Help: "a folder"}},
		Open: func(_ context.Context, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
			return &diary{fault: f, dir: cfg.Target, env: env}, nil
		},
	}}
	switch f {
	case faultLogBlind:
		spec.Activity.Logs[0].BlindSpots = nil
	case faultLogExample:
		spec.Activity.Examples[0].Form = "other=logs"
	}
	alone := &diary{fault: f, env: connector.Env{Now: Epoch}}
	spec.Activity.Decode = func(record []byte) ([]retinue.Event, error) {
		events, err := alone.decode(record)
		for i := range events {
			switch f {
			case faultDecodeOther:
				events[i].ID += "-alone"
			case faultDecodeKeeps:
				events[i].Operation = unsafeText(record)
			}
		}
		return events, err
	}
	spec.Activity.Decoder = func(_ connector.Config, env connector.Env) (func([]byte) ([]retinue.Event, error), error) {
		configured := &diary{fault: f, env: env}
		return func(record []byte) ([]retinue.Event, error) {
			events, err := configured.decode(record)
			for i := range events {
				if f == faultDecodeConfig {
					events[i].Region = "elsewhere"
				}
			}
			return events, err
		}, nil
	}
	return spec
}

func diarySubject(f fault) ActivitySubject {
	spec := diarySpec(f)
	return ActivitySubject{Spec: spec, File: "diary.log", Several: 8000, Record: diarySample, Secrets: []string{"planted " + "value"},
		Open:  OpenActivity(spec, nil),
		Write: Lines(diarySample, `{"n": `+DamagedText),
	}
}

// unsafeText is a text that changes with the record: what a decoder must not keep.
func unsafeText(record []byte) string { return unsafe.String(unsafe.SliceData(record), len(record)) }

package bench

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// LoadOptions say what events [NewLoad] makes. The stated profile is the
// default: 100,000 identities over 30 days make some 100 million events in some
// 16 million rows of an hourly history (identity, consumer, action, resource,
// outcome, hour), about 6.3 events a row. Events and rows grow with both numbers
// alike, so smaller loads have the same shape.
type LoadOptions struct {
	Seed       uint64
	Identities int
	Days       int
	// End is when the last hour ends; the default is DefaultEnd.
	End time.Time
	// Events ends the load after so many; 0 means with the last hour.
	Events int64
}

// Load is a stream of events.
type Load struct {
	opts  LoadOptions
	ids   []loadIdentity
	count int64
	rows  int64
}

// NewLoad prepares a load. It holds a few hundred bytes for each identity.
func NewLoad(o LoadOptions) *Load {
	if o.Identities <= 0 {
		o.Identities = 100_000
	}
	if o.Days <= 0 {
		o.Days = 30
	}
	if o.End.IsZero() {
		o.End = DefaultEnd()
	}
	o.End = o.End.UTC().Truncate(time.Hour)
	l := &Load{opts: o, ids: make([]loadIdentity, o.Identities)}
	for i := range l.ids {
		l.ids[i] = newLoadIdentity(o.Seed, i)
	}
	return l
}

// Events is the load of the given options as a stream.
func Events(o LoadOptions) iter.Seq[retinue.Event] { return NewLoad(o).Events() }

// Count and Rows say how many events were yielded by the last run of Events and
// how many rows of an hourly history they make.
func (l *Load) Count() int64 { return l.count }

// Identities are those who act in the load.
func (l *Load) Identities() iter.Seq[retinue.Ref] {
	return func(yield func(retinue.Ref) bool) {
		for i := range l.ids {
			if !yield(l.ids[i].event.Identity) {
				return
			}
		}
	}
}

// Rows says how many rows the events of the last run make.
func (l *Load) Rows() int64 { return l.rows }

// Events yields the events in the order of time. Their slices and strings are
// shared between events: they must not be written to.
func (l *Load) Events() iter.Seq[retinue.Event] {
	return func(yield func(retinue.Event) bool) {
		l.count, l.rows = 0, 0
		var h loadHour
		from := l.opts.End.AddDate(0, 0, -l.opts.Days)
		for at := from; at.Before(l.opts.End); at = at.Add(time.Hour) {
			h.fill(l, at)
			if !h.drain(l, at, yield) {
				return
			}
		}
	}
}

// loadIdentity is what an identity of a load has: the events of its rows differ
// in these alone.
type loadIdentity struct {
	event     retinue.Event
	class     RhythmClass
	hour, day int
	consumers []retinue.Origin
	actions   []string
	resources []retinue.Ref
}

// loadRealms is over how many accounts the identities of a load are spread.
const loadRealms = 64

func newLoadIdentity(seed uint64, i int) loadIdentity {
	d := newDice(seed, 0x10ad, uint64(i))
	account := accountID(i % loadRealms)
	realm := retinue.NewRealm("aws", account)
	name := fmt.Sprintf("load-%06d", i)
	ref := retinue.NewRef(realm, "role", "arn:aws:iam::"+account+":role/"+name)
	id := loadIdentity{hour: d.IntN(24), day: d.IntN(28), event: retinue.Event{
		Log: logCloudTrail, Realm: realm, Class: retinue.EventManagement, Identity: ref, Region: "eu-west-1",
	}}
	switch n := d.IntN(100); {
	case n < 7:
		id.class = RhythmContinuous
	case n < 21:
		id.class = RhythmWeekdays
	case n < 61:
		id.class = RhythmNightly
	case n < 81:
		id.class = RhythmWeekly
	case n < 95:
		id.class = RhythmMonthEnd
	default:
		id.class = RhythmNever
	}
	for range 1 + d.IntN(3) {
		id.consumers = append(id.consumers, retinue.Origin{Address: netip.AddrFrom4([4]byte{10, byte(d.IntN(256)), byte(d.IntN(256)), byte(1 + d.IntN(254))}),
			Agent: pick(d, loadAgents())})
	}
	actions := loadActions()
	for range 1 + d.IntN(4) {
		id.actions = append(id.actions, pick(d, actions))
	}
	for k := range 1 + d.IntN(3) {
		id.resources = append(id.resources, retinue.NewRef(realm, "bucket", fmt.Sprintf("arn:aws:s3:::%s-%d", name, k)))
	}
	return id
}

func loadAgents() []string {
	return []string{"Boto3/1.40.1 Python/3.13.5", "aws-sdk-go-v2/1.39.0", "aws-sdk-java/2.33.0", "APN/1.0 HashiCorp/1.0 Terraform/1.13.0"}
}

func loadActions() []string {
	return []string{"s3:ListBucket", "s3:GetBucketLocation", "ec2:DescribeInstances", "kms:Decrypt", "secretsmanager:GetSecretValue",
		"dynamodb:DescribeTable", "sqs:GetQueueAttributes", "logs:DescribeLogGroups", "ecr:GetAuthorizationToken", "ssm:GetParameters",
		"rds:DescribeDBInstances", "lambda:GetFunctionConfiguration"}
}

// active reports whether an identity acts in an hour.
func (id *loadIdentity) active(at time.Time) bool {
	switch id.class {
	case RhythmContinuous:
		return true
	case RhythmWeekdays:
		return at.Hour() >= 8 && at.Hour() < 16 && at.Weekday() != time.Saturday && at.Weekday() != time.Sunday
	case RhythmNightly:
		return at.Hour() == id.hour
	case RhythmWeekly:
		return at.Hour() == id.hour && int(at.Weekday()) == id.day%7
	case RhythmMonthEnd:
		return at.Hour() == id.hour && at.Day() == id.day+1
	}
	return false
}

// loadHour holds the rows and events of one hour; it is used again for the
// next.
type loadHour struct {
	rows  []retinue.Event
	marks []loadMark
}

// loadMark is one event: a row of the hour and the millisecond in it.
type loadMark struct {
	at  uint32
	row uint32
}

// fill draws the rows of an hour and the times of their events.
func (h *loadHour) fill(l *Load, at time.Time) {
	h.rows, h.marks = h.rows[:0], h.marks[:0]
	hour := uint64(at.Unix() / 3600)
	for i := range l.ids {
		id := &l.ids[i]
		if !id.active(at) {
			continue
		}
		word := mix(l.opts.Seed, uint64(i), hour)
		first := len(h.rows)
		for k := range 1 + word%3 {
			h.row(id, scramble(word+k+1), int(k), first)
		}
	}
	slices.SortFunc(h.marks, func(a, b loadMark) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.row, b.row))
	})
}

// row adds the k-th row of an identity and hour with its events, unless a row
// from the first of them on is the same.
func (h *loadHour) row(id *loadIdentity, word uint64, k, first int) {
	e := id.event
	n := len(id.consumers) * len(id.actions) * len(id.resources)
	if k >= n {
		return
	}
	combination := (int(word>>8)&0xff + k) % n
	e.Origin = id.consumers[combination%len(id.consumers)]
	combination /= len(id.consumers)
	e.Action = id.actions[combination%len(id.actions)]
	e.Resource = id.resources[combination/len(id.actions)]
	e.Outcome = retinue.OutcomeSuccess
	if word&31 == 0 {
		e.Outcome, e.Reason = retinue.OutcomeDenied, "AccessDenied"
	}
	for i := first; i < len(h.rows); i++ {
		if sameRow(&h.rows[i], &e) {
			return
		}
	}
	row := uint32(len(h.rows))
	h.rows = append(h.rows, e)
	for range loadEvents(word >> 40) {
		word = scramble(word)
		h.marks = append(h.marks, loadMark{at: uint32(word % 3_600_000), row: row})
	}
}

func sameRow(a, b *retinue.Event) bool {
	return a.Identity == b.Identity && a.Origin.Address == b.Origin.Address && a.Origin.Agent == b.Origin.Agent &&
		a.Action == b.Action && a.Resource == b.Resource && a.Outcome == b.Outcome
}

// loadEvents draws how many events a row has: 1 to 24, some 6.3 on average.
func loadEvents(word uint64) int {
	switch n := word % 100; {
	case n < 22:
		return 1
	case n < 45:
		return 3
	case n < 75:
		return 6
	case n < 92:
		return 10
	default:
		return 24
	}
}

// drain yields the hour's events.
func (h *loadHour) drain(l *Load, at time.Time, yield func(retinue.Event) bool) bool {
	l.rows += int64(len(h.rows))
	for _, m := range h.marks {
		if l.opts.Events > 0 && l.count == l.opts.Events {
			return false
		}
		e := &h.rows[m.row]
		e.At = at.Add(time.Duration(m.at) * time.Millisecond)
		l.count++
		binary.LittleEndian.PutUint64(e.Digest[:8], scramble(l.opts.Seed^0x1d))
		binary.LittleEndian.PutUint64(e.Digest[8:], uint64(l.count))
		if !yield(*e) {
			return false
		}
	}
	return true
}

package aws

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// trailLog is what events of CloudTrail carry in Log.
const trailLog = "aws.cloudtrail"

// sessionOperation is the operation of the second event of a call that opened a
// session of a role.
const sessionOperation = "session of the role"

// unknownAccount is the realm of records that name no account.
const unknownAccount = "unknown"

const (
	// maxCached bounds each of a decoder's memories; a full one is emptied. With
	// maxCachedText and maxCachedActor, the bytes of one entry, a decoder holds some
	// ten megabytes at most, whatever the log.
	maxCached      = 4096
	maxCachedText  = 512
	maxCachedActor = 1536
	// maxNested bounds wrappers inside wrappers.
	maxNested = 4
	// maxWrapped bounds the records in one wrapper.
	maxWrapped = 20_000
)

// trailTables is what decoders share.
type trailTables struct {
	actions    *actionTable
	parameters map[string][]parameterARN
	rules      map[string][]touchRule
}

func newTrailTables() (*trailTables, error) {
	actions, err := newActionTable()
	if err != nil {
		return nil, err
	}
	return &trailTables{actions: actions, parameters: resourceParameters(), rules: touchRules()}, nil
}

// callInfo is what is known of an operation.
type callInfo struct {
	source, name string
	action       string
	more         []string
	prefix       string
	parameters   []parameterARN
	touches      []touchRule
}

// trailDecoder turns records of CloudTrail into events. It remembers texts,
// identities and operations that come again, which most do, and is used from one
// goroutine. What it remembers changes nothing of what it says.
type trailDecoder struct {
	*trailTables
	rec    trailRecord
	texts  map[string]string
	actors map[string]*actor
	calls  map[string]*callInfo
	realms map[string]retinue.Realm
	callID []byte // scratch
	arn    []byte // scratch
}

func newTrailDecoder(t *trailTables) *trailDecoder {
	return &trailDecoder{trailTables: t, texts: map[string]string{}, actors: map[string]*actor{}, calls: map[string]*callInfo{},
		realms: map[string]retinue.Realm{}}
}

// Decode implements logs.Decoder.
func (d *trailDecoder) Decode(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
	return d.decode(dst, rec.Data, maxNested)
}

// decode adds the events of a record, or of those that it wraps.
func (d *trailDecoder) decode(dst []retinue.Event, data []byte, depth int) ([]retinue.Event, error) {
	if err := d.rec.read(data); err != nil {
		return dst, err
	}
	r := d.rec // a copy: wrapped records use the decoder's own
	if !r.recognised() {
		return d.unwrap(dst, &r, depth)
	}
	ev, ok := d.event(&r, data)
	if !ok {
		return append(dst, d.unknown(&r, data)), nil
	}
	dst = append(dst, ev)
	if session, ok := d.issued(&r, &dst[len(dst)-1]); ok {
		dst = append(dst, session)
	}
	return dst, nil
}

// unwrap decodes the records inside what EventBridge, CloudWatch Logs,
// LookupEvents, CloudTrail Lake and SNS put around them.
func (d *trailDecoder) unwrap(dst []retinue.Event, r *trailRecord, depth int) ([]retinue.Event, error) {
	if depth == 0 {
		return dst, fmt.Errorf("%w: wrapped too often", retinue.ErrInvalid)
	}
	for _, v := range []logs.Value{r.detail, r.inner, r.message} {
		if o := object(v); o != nil {
			return d.decode(dst, o, depth-1)
		}
	}
	if list(r.events) == nil {
		return dst, fmt.Errorf("%w: not a record of CloudTrail", retinue.ErrInvalid)
	}
	n := 0
	for v := range list(r.events).Elements() {
		if n++; n > maxWrapped {
			return dst, fmt.Errorf("%w: more than %d records in one", retinue.ErrInvalid, maxWrapped)
		}
		var err error
		if dst, err = d.decode(dst, v, depth-1); err != nil {
			// One of many: the others are read, and this, which has no time, is reported.
			dst = append(dst, d.unknown(&trailRecord{}, v))
		}
	}
	return dst, nil
}

// event makes the event of a record. It reports false for one that it does not
// understand.
func (d *trailDecoder) event(r *trailRecord, data []byte) (retinue.Event, bool) {
	at, ok := eventTime(raw(r.time))
	if version := raw(r.version); !ok || len(version) > 0 && !bytes.HasPrefix(version, []byte("1.")) {
		return retinue.Event{}, false
	}
	a, home := d.actorOf(r)
	ev := retinue.Event{Log: trailLog, At: at, Realm: d.realm(home), Region: cut(d.text(raw(r.region)), retinue.MaxEventText),
		Identity: a.identity, Person: a.person, Credential: a.credential, Joins: a.joins, Via: a.via, OnBehalfOf: a.onBehalf}
	d.identify(r, data, &ev)
	if !r.insight.IsNull() || string(raw(r.kind)) == "AwsCloudTrailInsight" || string(raw(r.category)) == "Insight" {
		d.insight(r, &ev)
		return ev, true
	}
	if r.name.IsNull() {
		return ev, false
	}
	c := d.call(raw(r.source), raw(r.name))
	ev.Action, ev.More = c.action, c.more
	if _, name, _ := strings.Cut(c.action, ":"); name != c.name {
		ev.Operation = c.name
		if c.action == "" {
			ev.Operation = cut(c.source+" "+c.name, retinue.MaxEventText)
		}
	}
	ev.Class = classOf(r, c)
	ev.Outcome, ev.Reason = d.outcome(r, c)
	ev.Resource = d.resourceOf(r, c, &ev)
	d.origin(r, a, c, &ev)
	ev.Context = d.context(r, a, c, &ev)
	if c.prefix != "iam" && c.prefix != "sts" && !r.readOnly.IsTrue() && (passesRole(r.parameters, 4) != "" || givesProfile(r, c)) {
		ev.More = append(slices.Clip(c.more), "iam:PassRole")
	}
	ev.Touches = d.touches(r, c, &ev)
	return ev, true
}

// eventTime reads a record's time, "2026-01-02T03:04:05Z", and as tables write
// it, "2026-01-02 03:04:05.000".
func eventTime(b []byte) (time.Time, bool) {
	if len(b) < 19 || len(b) > 40 {
		return time.Time{}, false
	}
	n := func(i, j int) int {
		v := 0
		for _, c := range b[i:j] {
			if !isDigit(c) {
				return -1
			}
			v = v*10 + int(c-'0')
		}
		return v
	}
	rest := string(b[19:])
	year, month, day, hour, minute, second := n(0, 4), n(5, 7), n(8, 10), n(11, 13), n(14, 16), n(17, 19)
	if year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 ||
		(b[10] != 'T' && b[10] != ' ') || strings.Trim(rest, ".0123456789Z") != "" {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC), true
}

// identify gives the event its id: the log's own, else the record's digest.
func (d *trailDecoder) identify(r *trailRecord, data []byte, ev *retinue.Event) {
	if id := raw(r.id); len(id) > 0 && len(id) <= retinue.MaxEventIDLength {
		ev.ID = retinue.CleanName(string(id))
		return
	}
	sum := sha256.Sum256(data)
	copy(ev.Digest[:], sum[:])
}

// unknown keeps a record that is not understood. Where it says no time, who reads
// the log reports it.
func (d *trailDecoder) unknown(r *trailRecord, data []byte) retinue.Event {
	ev := retinue.Event{Log: trailLog, Class: retinue.EventUnknown, Outcome: retinue.OutcomeUnknown, Realm: realmOf(unknownAccount),
		Operation: cleanText(r.name.Text()), Region: cleanText(r.region.Text())}
	ev.At, _ = eventTime(raw(r.time))
	if id := r.recipient.Word(); isAccountID(id) {
		ev.Realm = realmOf(id)
	}
	d.identify(r, data, &ev)
	ev.Raw = slices.Clone(data[:min(len(data), retinue.MaxEventUnknown)])
	return ev
}

// insight fills in an event of CloudTrail Insights, which is about a rate of
// calls and not about a call.
func (d *trailDecoder) insight(r *trailRecord, ev *retinue.Event) {
	o := object(r.insight)
	c := d.call(raw(o.Get("eventSource")), raw(o.Get("eventName")))
	ev.Class, ev.Outcome = retinue.EventInsight, retinue.OutcomeUnknown
	ev.Action = c.action
	ev.Operation = cleanText(first(o.Get("insightType").Text(), "insight") + " " + strings.ToLower(o.Get("state").Text()))
	ev.Reason = cleanText(o.Get("errorCode").Text())
	ev.Identity, ev.Credential, ev.Joins = retinue.Ref{}, retinue.Ref{}, nil
}

// actorOf tells who acted, and in which account.
func (d *trailDecoder) actorOf(r *trailRecord) (*actor, string) {
	home := ""
	if id := raw(r.recipient); len(id) == 12 && isAccountID(string(id)) {
		home = d.text(id)
	}
	if a, ok := d.actors[string(r.identity)]; ok && (home != "" || isAccountID(a.account)) {
		return a, first(home, a.account)
	}
	a := newActor(r.identity, home)
	if home == "" {
		home = unknownAccount
		if isAccountID(a.account) {
			home = a.account
		}
	}
	if len(r.identity) <= maxCachedActor && isAccountID(a.account) && named12(r.identity) {
		if len(d.actors) >= maxCached {
			clear(d.actors)
		}
		d.actors[string(r.identity)] = a
	}
	return a, home
}

// named12 reports whether an identity names its own account, so that it is the
// same whoever's log it stands in.
func named12(v logs.Value) bool { return isAccountID(member(v, "accountId").Word()) }

// call looks up an operation.
func (d *trailDecoder) call(source, name []byte) *callInfo {
	d.callID = append(append(append(d.callID[:0], source...), 0), name...)
	if c, ok := d.calls[string(d.callID)]; ok {
		return c
	}
	c := &callInfo{source: cleanText(string(source)), name: cleanText(string(name))}
	c.action, c.more = d.actions.find(string(source), string(name))
	if len(c.more) >= retinue.MaxEventActions {
		c.more = c.more[:retinue.MaxEventActions-1]
	}
	c.prefix, _, _ = strings.Cut(c.action, ":")
	if c.prefix == "" {
		c.prefix = strings.TrimSuffix(c.source, ".amazonaws.com")
	}
	c.parameters = d.parameters[c.prefix]
	c.touches = d.touchesOf(c)
	if len(d.callID) <= 2*maxLookup {
		if len(d.calls) >= maxCached {
			clear(d.calls)
		}
		d.calls[string(d.callID)] = c
	}
	return c
}

// touchesOf finds the rules of an operation: by its action, or by its own name
// where several operations share an action.
func (d *trailDecoder) touchesOf(c *callInfo) []touchRule {
	name := withoutVersion(c.name)
	if rules, ok := d.rules[c.prefix+":"+name]; ok {
		return rules
	}
	if strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") || strings.HasPrefix(name, "Head") {
		return nil
	}
	return d.rules[c.action]
}

// text keeps one copy of a text that comes again, cleaned and cut.
func (d *trailDecoder) text(b []byte) string {
	if s, ok := d.texts[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(s) > maxCachedText {
		return key(s)
	}
	clean := retinue.CleanName(s)
	if len(d.texts) >= maxCached {
		clear(d.texts)
	}
	d.texts[s] = clean
	return clean
}

// raw is a string without undoing escapes, which ids and names do not have.
func raw(v logs.Value) []byte {
	b, escaped := v.Raw()
	if escaped {
		return []byte(v.Text())
	}
	return b
}

// issued makes a second event of a call that opened a session of a role: the
// role was come to by the caller, from where the call came from.
func (d *trailDecoder) issued(r *trailRecord, ev *retinue.Event) (retinue.Event, bool) {
	if ev.Outcome != retinue.OutcomeSuccess || !strings.HasPrefix(ev.Action, "sts:AssumeRole") && ev.Action != "sts:AssumeRoot" {
		return retinue.Event{}, false
	}
	role := ev.Resource
	if role.Kind != "role" {
		ref, ok := principalRef(object(r.answer).Get("assumedRoleUser", "arn").Text())
		if !ok {
			return retinue.Event{}, false
		}
		role = ref
	}
	s := *ev
	s.Class, s.Identity, s.Credential, s.Joins, s.Resource, s.Action, s.More = retinue.EventSignIn, role, retinue.Ref{}, nil, retinue.Ref{}, "", nil
	s.Operation, s.Touches, s.Person = sessionOperation, nil, false
	if s.ID != "" {
		s.ID = cut(s.ID, retinue.MaxEventIDLength-8) + "#session"
	} else {
		s.Digest[0] ^= 0xff
	}
	if !ev.Identity.IsZero() {
		s.Via = append([]retinue.Ref{ev.Identity}, ev.Via...)
	}
	if ev.Identity.Kind == "pipeline" {
		s.Origin.Workload = ev.Identity
	}
	return s, role.Realm != ""
}

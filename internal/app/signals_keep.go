package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/behave"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// noticed is what a look at the use of a thing found.
type noticed struct {
	entity  store.Entity
	looked  bool // false of what signals are not told
	signals []behave.Signal
	people  map[string]bool
	groups  []string
	habits  []byte // JSON; nil where it has none
}

// keptSignal is how a signal is kept: what it says of people is masked in the
// sentence, and named in People elsewhere.
type keptSignal struct {
	Signal     behave.Signal `json:"signal"`
	Behaviours []string      `json:"behaviours"`
	People     []string      `json:"people,omitempty"`
}

// notice looks for what is unusual in the use of a thing. A person's is nobody's
// business here. What a credential does is told of its identity, but that it is
// dead and tried.
func (a *App) notice(tx *sqlstore.Tx, s store.UsageSubject, v verdict.Verdict, used []store.Used) (n noticed, err error) {
	if len(used) == 0 {
		return n, nil
	}
	if n.entity, err = tx.NoticeSubject(s.Key); err != nil {
		return n, err
	}
	n.looked = true
	if n.entity.Class == retinue.ClassPerson {
		return n, nil
	}
	n.people = peopleIn(used)
	history := behave.Replay(used)
	if n.signals, err = a.detectSignals(tx, n.entity, v, history, behave.Options{Mask: a.maskPeople(n.people), Zones: a.zones()}); err != nil {
		return n, err
	}
	if n.entity.Type == retinue.FactCredential {
		if n.signals, err = ofCredential(tx, n.entity, used, n.signals); err != nil {
			return n, err
		}
	}
	if n.groups, err = signalGroups(tx, n.entity); err != nil || len(n.groups) == 0 {
		return n, err
	}
	if h := history.Habits(); len(h) > 0 {
		n.habits, err = json.Marshal(h)
	}
	return n, err
}

// ofCredential leaves of the signals about a credential those that its identity
// does not tell: all, where it is not known; else that it is dead and was tried,
// where the identity lives.
func ofCredential(tx *sqlstore.Tx, e store.Entity, used []store.Used, found []behave.Signal) ([]behave.Signal, error) {
	if len(found) == 0 {
		return nil, nil
	}
	holder, err := userOf(tx, e, used)
	if err != nil || holder == 0 {
		return found, err
	}
	id, err := tx.NoticeSubject(holder)
	if err != nil {
		return nil, err
	}
	dead, err := deadSince(tx, id)
	if err != nil {
		return nil, err
	}
	lives := dead.IsZero() && !slices.Contains([]string{string(retinue.StateDisabled), string(retinue.StateExpired), string(retinue.StateRetired), string(retinue.StateGone)}, id.State)
	return slices.DeleteFunc(found, func(s behave.Signal) bool { return s.Kind != behave.TombstoneUse || !lives }), nil
}

// signalKeeper keeps what a round noticed, within its transaction.
type signalKeeper struct {
	app  *App
	tx   *sqlstore.Tx
	from time.Time // what ended before is no longer looked at
	// silent is what people dismissed, one by one and by families.
	silent   []behave.Dismissal
	accepted map[string]retinue.Acceptance
	kept     map[int64]map[string]store.Signal
	// marked says that the use of somebody else must be looked at now.
	marked bool
}

func (a *App) newSignalKeeper(tx *sqlstore.Tx, entities []int64) (*signalKeeper, error) {
	k := &signalKeeper{app: a, tx: tx, from: tx.At().AddDate(0, 0, -signalDays), kept: map[int64]map[string]store.Signal{}}
	dismissed, err := tx.DismissalsInForce(tx.At())
	if err != nil {
		return nil, err
	}
	if k.silent, err = silences(dismissed); err != nil {
		return nil, err
	}
	if k.accepted, err = tx.Acceptances(tx.At()); err != nil {
		return nil, err
	}
	all, err := tx.SignalsOf(entities...)
	for _, s := range all {
		if k.kept[s.Entity] == nil {
			k.kept[s.Entity] = map[string]store.Signal{}
		}
		k.kept[s.Entity][s.Fingerprint] = s
	}
	return k, err
}

// habits keeps what those of a round do on many days: what is unusual about others
// of their groups may be usual now.
func (k *signalKeeper) habits(round []judgedUse) error {
	var list []store.Habits
	for _, r := range round {
		if n := r.noticed; n.looked && n.habits != nil {
			list = append(list, store.Habits{Entity: n.entity.InternalKey, Groups: n.groups, Body: n.habits})
		}
	}
	fresh, err := k.tx.SetHabits(list)
	if err != nil {
		return err
	}
	for _, e := range fresh {
		peers, err := k.tx.MarkPeersForSignals(e, k.from.UnixMicro())
		if err != nil {
			return err
		}
		k.marked = k.marked || peers > 0
	}
	return nil
}

// keep brings what is kept of a thing's signals in step with what was noticed:
// what is new is told, what is noticed again changes nothing, and what is no
// longer noticed was explained by what was read since.
func (k *signalKeeper) keep(r judgedUse) error {
	n := r.noticed
	if !n.looked {
		return nil
	}
	have := k.kept[n.entity.InternalKey]
	if len(have) == 0 && len(n.signals) == 0 {
		return nil
	}
	findings, err := k.findings(n.entity.InternalKey)
	if err != nil {
		return err
	}
	for _, s := range n.signals {
		if s.Last.Before(k.from) {
			continue
		}
		row, known := have[s.Fingerprint]
		delete(have, s.Fingerprint)
		var old *retinue.Finding
		if f, ok := findings[s.Fingerprint]; ok {
			old = &f
		}
		if err := k.one(n, s, row, known, old); err != nil {
			return fmt.Errorf("keep signal: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if row := have[name]; !row.Last.Before(k.from) {
			if err := k.withdraw(row, findings); err != nil {
				return fmt.Errorf("withdraw signal: %w", err)
			}
		}
	}
	return nil
}

// findings are those that tell of a thing's signals, by fingerprint.
func (k *signalKeeper) findings(entity int64) (map[string]retinue.Finding, error) {
	all, err := k.tx.FindingsOf(entity)
	out := map[string]retinue.Finding{}
	for _, f := range all {
		if isSignalRule(f.Rule) {
			out[f.Fingerprint] = f
		}
	}
	return out, err
}

// one keeps a signal that was noticed, and tells of it.
func (k *signalKeeper) one(n noticed, s behave.Signal, row store.Signal, known bool, old *retinue.Finding) error {
	silent := behave.Silences(k.silent, s)
	next := k.finding(n, s)
	state, err := k.told(n.entity.InternalKey, &next, old, silent, row)
	if err != nil {
		return err
	}
	kept := keptSignal{Signal: s, People: slices.Sorted(maps.Keys(n.people))}
	for _, b := range s.Behaviours {
		kept.Behaviours = append(kept.Behaviours, hex.EncodeToString(b[:]))
	}
	kept.People = slices.DeleteFunc(kept.People, func(p string) bool { return !kept.names(p) })
	body, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	id := next.ID
	if state == store.SignalSilenced && old == nil {
		id = ""
	}
	if known && row.State == state && row.Finding == id && row.Last.Equal(s.Last) && bytes.Equal(row.Body, body) {
		return nil
	}
	return k.tx.KeepSignal(store.Signal{Fingerprint: s.Fingerprint, Entity: n.entity.InternalKey, Kind: string(s.Kind), State: state, First: s.First, Last: s.Last,
		ToldAt: k.tx.At(), Finding: id, Body: body})
}

// names reports whether a signal names somebody.
func (s *keptSignal) names(who string) bool {
	return s.Signal.What == who || s.Signal.Consumer.Name == who || s.Signal.Consumer.Network == who || slices.Contains(s.Signal.Compared.Usual, who)
}

// told tells of a signal by its finding, which it completes from the one before,
// and returns the state in which the signal is.
func (k *signalKeeper) told(entity int64, f *retinue.Finding, old *retinue.Finding, silent bool, row store.Signal) (store.SignalState, error) {
	now := k.tx.At()
	if old == nil {
		if silent {
			return store.SignalSilenced, nil
		}
		f.ID, f.State, f.FirstSeen = retinue.NewFindingID(now), retinue.FindingOpen, now
		if acc, ok := k.accepted[f.Family]; ok {
			f.State, f.Accepted = retinue.FindingAccepted, &acc
		}
		return store.SignalTold, k.save(entity, *f, rules.TransitionOpened, "")
	}
	f.ID, f.State, f.FirstSeen, f.Accepted, f.ResolvedAt = old.ID, old.State, old.FirstSeen, old.Accepted, old.ResolvedAt
	last := signalTime(old, "last")
	grown := signalTime(f, "last").After(last)
	switch {
	case old.State == retinue.FindingAccepted && (old.Accepted == nil || !now.Before(old.Accepted.Until)) && grown,
		old.State == retinue.FindingResolved && !silent && (row.State != store.SignalTold || signalTime(f, "last").After(old.ResolvedAt)):
		f.State, f.Accepted, f.ResolvedAt = retinue.FindingReopened, nil, time.Time{}
		return store.SignalTold, k.save(entity, *f, rules.TransitionReopened, "")
	case old.State == retinue.FindingAccepted:
		return store.SignalTold, nil
	case old.State == retinue.FindingResolved:
		if silent {
			return store.SignalSilenced, nil
		}
		return store.SignalTold, nil
	case silent:
		f.State, f.ResolvedAt = retinue.FindingResolved, now
		return store.SignalSilenced, k.save(entity, *f, rules.TransitionResolved, "what is like it was dismissed")
	case f.Severity != old.Severity || f.Message != old.Message || inHistory(old) && !inHistory(f) && grown:
		return store.SignalTold, k.save(entity, *f, rules.TransitionChanged, "")
	case grown:
		return store.SignalTold, k.save(entity, *f, rules.TransitionNone, "")
	}
	return store.SignalTold, nil
}

// withdraw takes back a signal that is no longer noticed.
func (k *signalKeeper) withdraw(row store.Signal, findings map[string]retinue.Finding) error {
	f, ok := findings[row.Fingerprint]
	if !ok {
		return k.tx.DropSignal(row.Fingerprint)
	}
	if f.State == retinue.FindingAccepted || row.State == store.SignalWithdrawn {
		return nil
	}
	if f.State != retinue.FindingResolved {
		f.State, f.ResolvedAt = retinue.FindingResolved, k.tx.At()
		if err := k.save(row.Entity, f, rules.TransitionResolved, "what was read since explains it"); err != nil {
			return err
		}
		row.State = store.SignalWithdrawn
	} else if row.State == store.SignalSilenced {
		row.State = store.SignalWithdrawn
	}
	return k.tx.KeepSignal(row)
}

// save keeps a finding, and puts on record what happened to it.
func (k *signalKeeper) save(entity int64, f retinue.Finding, t rules.Transition, reason string) error {
	if err := k.tx.SaveFinding(entity, f, t != rules.TransitionNone); err != nil {
		return err
	}
	if action, ok := transitionRecords[t]; ok {
		details := map[string]any{"rule": f.Rule, "severity": f.Severity, "state": f.State} // no fingerprint, by which the name of a person could be tried
		if reason != "" {
			details["reason"] = reason
		}
		k.tx.Record(retinue.Actor{Kind: "system", Name: "signals"}, action, string(f.ID), details)
	}
	return nil
}

// finding is what tells of a signal, without its id and state.
func (k *signalKeeper) finding(n noticed, s behave.Signal) retinue.Finding {
	r, e, now := signalRule(s.Kind), n.entity, k.tx.At()
	mask := k.app.maskPeople(n.people)
	f := retinue.Finding{Fingerprint: s.Fingerprint, Rule: r.ID, Title: r.Title, Severity: s.Severity, OWASP: r.OWASP, Controls: r.Controls, Subject: e.Ref(), Entity: e.ID,
		Name: cmp.Or(e.Name, e.Key), Message: s.Sentence, Remediation: r.Remediation, Family: signalFamily(r.ID, e), Fix: signalFamily("lock", e),
		FixTitle: "Find out who it was; if nobody can say, lock " + cmp.Or(e.Name, e.Key), LastSeen: s.Last}
	if by := lockByHand(e); by != "" {
		f.Remediation += " To lock it by hand: " + by
	}
	f.Evidence = map[string]any{"kind": string(s.Kind), "first": s.First.Format(time.RFC3339), "last": s.Last.Format(time.RFC3339), "events": s.Count}
	add := func(name, value string) {
		if value != "" {
			f.Evidence[name] = value
		}
	}
	add("action", s.Action)
	add("consumer", mask("consumer", s.Consumer.Name))
	add("network", mask("network", s.Consumer.Network))
	add("client", s.Consumer.Agent)
	if len(s.Also) > 0 {
		f.Evidence["also"] = s.Also
	}
	if now.Sub(s.Last) > signalNews {
		f.Evidence["history"] = true
	}
	ways := make([]string, 0, len(s.Behaviours))
	for _, b := range s.Behaviours {
		ways = append(ways, hex.EncodeToString(b[:]))
	}
	f.Evidence["behaviours"] = ways
	f.Priority, f.PriorityReason = rules.Priority(rules.PriorityInput{Severity: s.Severity, Criticality: e.Criticality, Environment: e.Environment, LastUse: s.Last, Now: now})
	return f
}

// inHistory reports whether what a finding tells was over when it was noticed.
func inHistory(f *retinue.Finding) bool {
	is, _ := f.Evidence["history"].(bool)
	return is
}

// signalTime is a time in the evidence of a signal's finding.
func signalTime(f *retinue.Finding, name string) time.Time {
	text, _ := f.Evidence[name].(string)
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

// lookForSignals has the rounds of verdicts run soon.
func (a *App) lookForSignals(ctx context.Context, tx *sqlstore.Tx) error {
	return a.insert(ctx, tx, usageJob{}, jobs.Options{Key: "signals"})
}

package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/jobs"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// loadRules compiles the built-in pack, the folders of the configuration and
// the label file, and returns an id of their content.
func loadRules(cfg Config) (*rules.Set, string, error) {
	p, err := rules.Starter()
	if err != nil {
		return nil, "", err
	}
	packs := []*rules.Pack{p}
	for _, dir := range cfg.Rules {
		p, err := rules.Load(os.DirFS(dir))
		if err != nil {
			return nil, "", fmt.Errorf("read rules in %s: %w", dir, err)
		}
		packs = append(packs, p)
	}
	merged, err := rules.Merge(packs...)
	if err != nil {
		return nil, "", err
	}
	var opt rules.Options
	if cfg.Labels != "" {
		f, err := os.Open(cfg.Labels)
		if err != nil {
			return nil, "", fmt.Errorf("%w: read labels: %v", retinue.ErrInvalid, err)
		}
		defer func() { _ = f.Close() }()
		if opt.CSV, err = rules.ReadLabels(cfg.Labels, f); err != nil {
			return nil, "", err
		}
	}
	set, err := rules.Compile(merged, opt)
	if err != nil {
		return nil, "", err
	}
	id, err := packID(set, opt.CSV)
	return set, id, err
}

// packID identifies what the rules decide: their cases are left out.
func packID(set *rules.Set, csv []rules.LabelRow) (string, error) {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for _, r := range set.Rules() {
		r.Cases = rules.Cases{}
		if err := enc.Encode(r); err != nil {
			return "", fmt.Errorf("identify rules: %w", err)
		}
	}
	for _, r := range set.LabelRules() {
		r.Cases = rules.LabelCases{}
		if err := enc.Encode(r); err != nil {
			return "", fmt.Errorf("identify rules: %w", err)
		}
	}
	if err := enc.Encode(csv); err != nil {
		return "", fmt.Errorf("identify rules: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// fullEvery is after how long everything is judged again, changed or not:
// ages and end dates move by themselves.
const fullEvery = 24 * time.Hour

// The names of what the judge remembers.
const (
	metaJudged = "judged.revision"
	metaFull   = "judged.full"
	metaPack   = "judged.pack"
)

// judge brings the findings up to date with the inventory: everything when the
// rules changed or a day went by, else what was touched since the last time.
//
// One judge works at a time, in this process by a lock and among the servers of
// a database by a lease: two would each open the finding that neither sees yet.
func (a *App) judge(ctx context.Context) error {
	a.judging.Lock()
	defer a.judging.Unlock()
	lease, err := a.judgeAlone(ctx)
	if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	defer func() {
		if err := a.DB.ReleaseLease(context.WithoutCancel(ctx), lease); err != nil {
			a.log.Warn("lease of the judge not released", "error", err.Error())
		}
	}()
	return a.judgeHeld(ctx, lease)
}

// judgeLease names the right to judge among the servers of one database;
// judgeLeaseFor is for how long a judge keeps it without a sign of life.
const (
	judgeLease    = retinue.Realm("retinue:judge")
	judgeLeaseFor = 2 * time.Minute
)

// judgeAlone waits for the right to judge.
func (a *App) judgeAlone(ctx context.Context) (store.Lease, error) {
	// The word tells two installations that are open in one process apart.
	who := holder() + " " + a.fleet.holder[strings.LastIndexByte(a.fleet.holder, '/')+1:]
	until := time.Now().Add(judgeLeaseFor)
	for {
		lease, err := a.DB.AcquireLease(ctx, judgeLease, who, judgeLeaseFor)
		if !errors.Is(err, retinue.ErrConflict) {
			return lease, err
		}
		if time.Now().After(until) {
			return lease, fmt.Errorf("%w: another server judges", retinue.ErrUnavailable) // the job is tried again
		}
		select {
		case <-ctx.Done():
			return lease, ctx.Err()
		case <-time.After(judgeWait):
		}
	}
}

// judgeWait is how often a judge asks whether the other one has ended.
const judgeWait = 50 * time.Millisecond

func (a *App) judgeHeld(ctx context.Context, lease store.Lease) error {
	var from, upTo, labelFrom int64
	full := false
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var err error
		if upTo, err = tx.MaxRevision(); err != nil {
			return err
		}
		if from, full, err = a.judgeFrom(tx); err != nil {
			return err
		}
		labelFrom, err = a.labelFrom(tx)
		return err
	})
	if err != nil {
		return err
	}
	w := &judgeStore{app: a, from: from, labelFrom: labelFrom, lease: lease, renewed: time.Now()}
	var seenAt int64
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		w.tx, seenAt = tx, tx.At().UnixMicro()
		report, err := rules.Judge{Set: a.set, Now: a.now}.Run(ctx, w)
		if err != nil {
			return err
		}
		a.addJudged(report)
		return w.flush(ctx)
	})
	if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		if err := tx.UsageNewsTold(seenAt, w.told...); err != nil {
			return err
		}
		if full {
			if err := tx.SetMeta(metaFull, strconv.FormatInt(a.now().Unix(), 10)); err != nil {
				return err
			}
			if err := a.recordRules(tx); err != nil {
				return err
			}
		}
		if err := a.insert(ctx, tx, driftJob{}, jobs.Options{Key: "all"}); err != nil {
			return err
		}
		return tx.SetMeta(metaJudged, strconv.FormatInt(upTo, 10))
	})
}

// recordRules keeps which rules are in force, on record when they changed.
func (a *App) recordRules(tx *sqlstore.Tx) error {
	have, err := tx.Meta(metaPack)
	if err != nil || have == a.packID {
		return err
	}
	tx.Record(Actor(), retinue.RecordRulesChanged, a.packID, map[string]any{"rules": len(a.set.Rules()), "before": have})
	return tx.SetMeta(metaPack, a.packID)
}

// judgeFrom returns the revision after which things must be judged.
func (a *App) judgeFrom(tx *sqlstore.Tx) (from int64, full bool, err error) {
	pack, err := tx.Meta(metaPack)
	if err != nil {
		return 0, false, err
	}
	last, err := tx.Meta(metaFull)
	if err != nil {
		return 0, false, err
	}
	at, _ := strconv.ParseInt(last, 10, 64)
	if pack != a.packID || a.now().Sub(time.Unix(at, 0)) >= fullEvery {
		return 0, true, nil
	}
	rev, err := tx.Meta(metaJudged)
	if err != nil {
		return 0, false, err
	}
	from, _ = strconv.ParseInt(rev, 10, 64)
	// Who owns something that did not change may have left.
	moved, err := tx.PeopleTouched(from)
	if err != nil {
		return 0, false, err
	}
	if moved {
		return 0, true, nil
	}
	return from, false, nil
}

// labelFrom returns the revision after which things may have other labels than
// those that are kept.
func (a *App) labelFrom(tx *sqlstore.Tx) (int64, error) {
	pack, err := tx.Meta(metaPack)
	if err != nil || pack != a.packID {
		return 0, err
	}
	rev, err := tx.Meta(metaJudged)
	from, _ := strconv.ParseInt(rev, 10, 64)
	return from, err
}

func addReports(a, b rules.Report) rules.Report {
	a.Subjects += b.Subjects
	a.Opened += b.Opened
	a.Reopened += b.Reopened
	a.Changed += b.Changed
	a.Resolved += b.Resolved
	a.Unchanged += b.Unchanged
	a.Suppressed += b.Suppressed
	a.Errors = append(a.Errors, b.Errors...)
	a.ErrorCount += b.ErrorCount
	return a
}

// judgeStore is the rules' view of the database: it reads one snapshot and
// writes in batches beside it.
type judgeStore struct {
	app     *App
	lease   store.Lease
	renewed time.Time
	tx      *sqlstore.Tx
	from    int64
	entity  int64 // of the subject in hand
	pending []pendingSave
	labels  []pendingLabels
	orphans []orphan
	people  people
	// known is who left and knows which credential.
	known map[retinue.EntityID][]rules.Knower
	// told are those whose conclusions on use the rules looked at.
	told []int64

	// access answers about identities; nil where no rule asks or it could not
	// be read. Again says that it moved for others than those touched.
	access *judgedAccess
	again  bool
	// untouched is true while those are judged who were not touched themselves.
	untouched bool
	// labelFrom is the revision after which labels must be given, labelled that
	// those of everything judged in this run were.
	labelFrom int64
	labelled  bool
}

type pendingSave struct {
	entity int64
	change rules.Change
}

type pendingLabels struct {
	entity int64
	labels sqlstore.Labels
}

// orphan is a finding about a part of a thing that is still there, such as a
// trust that was taken away.
type orphan struct {
	entity  int64
	finding retinue.Finding
}

const judgePage = 500

// Touched implements rules.Store.
func (w *judgeStore) Touched(ctx context.Context, fn func(*rules.Subject) error) error {
	things := inventory.New(w.tx)
	known, err := readPeople(w.tx)
	if err != nil {
		return err
	}
	w.people = known
	if w.known, err = knownTo(w.tx, known.dir); err != nil {
		return err
	}
	if err := w.prepare(ctx, things); err != nil {
		return err
	}
	seen, realms := map[int64]bool{}, map[retinue.Realm]bool{}
	err = w.touched(w.from, func(t store.Touched) error {
		th, err := things.Thing(t.Key)
		if errors.Is(err, retinue.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if seen[t.Key] = true; w.again {
			realms[th.Fact.FactRef().Realm] = true
		}
		return w.subjects(t, th, fn)
	})
	if err != nil {
		return err
	}
	if err := w.restOfAccess(things, seen, realms, fn); err != nil {
		return err
	}
	err = w.conclusions(func(t store.Touched) error {
		th, err := things.Thing(t.Key)
		if errors.Is(err, retinue.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return w.subjects(t, th, fn)
	}, seen)
	if err != nil {
		return err
	}
	return w.sources(fn)
}

// subjects judges a thing and, apart, each trust of it.
func (w *judgeStore) subjects(t store.Touched, th *inventory.Thing, fn func(*rules.Subject) error) error {
	w.entity = t.Key
	s := subjectOf(t, th)
	if err := w.owner(t, s); err != nil {
		return err
	}
	w.label(t, s)
	var err error
	if s.Usage, err = usageFacts(w.tx, t.ID); err != nil {
		return err
	}
	s.KnownTo = w.known[t.ID]
	if w.access != nil && t.Type == retinue.FactIdentity {
		s.Access = w.access.of(s.Ref)
	}
	if err := fn(s); err != nil {
		return err
	}
	if _, ok := th.Fact.(retinue.Identity); !ok {
		return nil
	}
	stands := map[retinue.Ref]bool{}
	for i := range th.Trusts {
		ts := trustSubject(s, th.Trusts[i])
		stands[ts.Ref] = true
		if err := fn(ts); err != nil {
			return err
		}
	}
	kept, err := w.tx.FindingsOf(t.Key)
	if err != nil {
		return err
	}
	for _, f := range kept {
		if f.Subject.Kind == string(retinue.FactTrust) && !stands[f.Subject] && f.State != retinue.FindingResolved {
			w.orphans = append(w.orphans, orphan{t.Key, f})
		}
	}
	return nil
}

// owner completes who answers for a subject: who is registered, else who the
// ownership rules name, else who a source names.
func (w *judgeStore) owner(t store.Touched, s *rules.Subject) error {
	if t.Type == retinue.FactIdentity && (s.Owner == nil || s.Owner.From != "registration") {
		o, err := w.tx.Owner(t.Key)
		if err != nil {
			return err
		}
		if o.Owner != "" {
			s.Owner = &rules.Owner{Name: o.Owner, From: o.How}
		}
	}
	if s.Owner != nil {
		s.Owner.State = w.people.state(s.Owner.Name)
	}
	return nil
}

// label asks the label rules and keeps their answer.
func (w *judgeStore) label(t store.Touched, s *rules.Subject) {
	l, _ := w.app.set.Label(s)
	s.Labels = l
	out := sqlstore.Labels{Rules: map[string]string{}}
	keep := func(field, value, by string, to *string) {
		if value != "" && by != "source" && by != "registration" && by != "inventory" {
			*to, out.Rules[field] = value, by
		}
	}
	keep("environment", string(l.Environment), l.EnvironmentBy, &out.Environment)
	keep("criticality", string(l.Criticality), l.CriticalityBy, &out.Criticality)
	keep("dataClass", l.DataClass, l.DataClassBy, &out.DataClass)
	out.Privileged, out.ThirdParty = privileged(s), thirdParty(s)
	if out.Encode() != t.Labels && !w.labelled {
		w.labels = append(w.labels, pendingLabels{t.Key, out})
	}
}

// privileged reports whether a principal's documents let it administer, or
// become someone who can.
func privileged(s *rules.Subject) bool {
	return slices.ContainsFunc(s.Attachments, func(a rules.AttachedPolicy) bool {
		return a.Role != retinue.AttachTrust && a.Role != retinue.AttachResource && a.Role != retinue.AttachDeny && a.Summary.Privileged()
	})
}

// thirdParty reports whether a principal is another organisation's, or may be
// used by one.
func thirdParty(s *rules.Subject) bool {
	if s.Kind == rules.OverCredential {
		return false
	}
	if id := s.Identity; id != nil && (id.Kind == retinue.IdentityOAuthApp || id.Publisher != "") {
		return true
	}
	return slices.ContainsFunc(s.Trusts, func(t retinue.Trust) bool { return t.ThirdParty })
}

// sources judges every source by its last run.
func (w *judgeStore) sources(fn func(*rules.Subject) error) error {
	runs, err := w.tx.LastRuns()
	if err != nil {
		return err
	}
	for _, r := range runs {
		w.entity = -r.Source.Key
		if err := fn(sourceSubject(r)); err != nil {
			return err
		}
	}
	return nil
}

// Findings implements rules.Store.
func (w *judgeStore) Findings(_ context.Context, s *rules.Subject) ([]retinue.Finding, error) {
	all, err := w.tx.FindingsOf(w.entity)
	if err != nil {
		return nil, err
	}
	var out []retinue.Finding
	for _, f := range all {
		if isSignalRule(f.Rule) {
			continue // it is kept by what was noticed of use
		}
		if f.Subject == s.Ref || (s.Kind != rules.OverTrust && f.Subject.Kind != string(retinue.FactTrust)) {
			out = append(out, f)
		}
	}
	return out, nil
}

// Save implements rules.Store.
func (w *judgeStore) Save(ctx context.Context, changes []rules.Change) error {
	for _, c := range changes {
		if w.untouched && c.Transition == rules.TransitionNone {
			continue // nothing was read of it that would be news
		}
		w.pending = append(w.pending, pendingSave{w.entity, c})
	}
	if len(w.pending) < judgePage {
		return nil
	}
	return w.flush(ctx)
}

// Ended implements rules.Store.
func (w *judgeStore) Ended(ctx context.Context, fn func([]retinue.Finding, string) error) error {
	for _, o := range w.orphans {
		w.entity = o.entity
		if err := fn([]retinue.Finding{o.finding}, "it is no longer there"); err != nil {
			return err
		}
	}
	return w.tx.EndedWithFindings(func(entity int64) error {
		findings, err := w.tx.FindingsOf(entity)
		if err != nil {
			return err
		}
		w.entity = entity
		if findings, err = w.untried(entity, findings); err != nil || len(findings) == 0 {
			return err
		}
		return fn(findings, "it is gone")
	})
}

// untried leaves out what tells of use: that something is gone does not mean that
// nobody tries it. What was merged into another tells of it anew.
func (w *judgeStore) untried(entity int64, findings []retinue.Finding) ([]retinue.Finding, error) {
	if !slices.ContainsFunc(findings, func(f retinue.Finding) bool { return isSignalRule(f.Rule) }) {
		return findings, nil
	}
	if _, err := w.tx.NoticeSubject(entity); err != nil {
		if errors.Is(err, retinue.ErrNotFound) {
			return findings, nil
		}
		return nil, err
	}
	return slices.DeleteFunc(findings, func(f retinue.Finding) bool { return isSignalRule(f.Rule) }), nil
}

// flush writes what was collected: findings with their transitions on record,
// and labels.
func (w *judgeStore) flush(ctx context.Context) error {
	if time.Since(w.renewed) > judgeLeaseFor/4 {
		// A judge whose right was taken over stops before it writes.
		if err := w.app.DB.RenewLease(ctx, w.lease, judgeLeaseFor); err != nil {
			return err
		}
		w.renewed = time.Now()
	}
	if len(w.pending) == 0 && len(w.labels) == 0 {
		return nil
	}
	err := w.app.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		accepted, err := tx.Acceptances(tx.At())
		if err != nil {
			return err
		}
		for _, p := range w.pending {
			if err := w.save(tx, p, accepted); err != nil {
				return err
			}
		}
		for _, l := range w.labels {
			if err := tx.SetLabels(l.entity, l.labels); err != nil {
				return err
			}
		}
		return nil
	})
	w.pending, w.labels = w.pending[:0], w.labels[:0]
	return err
}

var transitionRecords = map[rules.Transition]retinue.RecordAction{
	rules.TransitionOpened:   retinue.RecordFindingOpened,
	rules.TransitionResolved: retinue.RecordFindingResolved,
	rules.TransitionReopened: retinue.RecordFindingReopened,
	rules.TransitionExpired:  retinue.RecordFindingReopened,
	rules.TransitionChanged:  retinue.RecordFindingChanged,
}

func (w *judgeStore) save(tx *sqlstore.Tx, p pendingSave, accepted map[string]retinue.Acceptance) error {
	f, t := p.change.Finding, p.change.Transition
	if acc, ok := accepted[f.Family]; ok && t == rules.TransitionOpened {
		f.State, f.Accepted = retinue.FindingAccepted, &acc
	}
	if t == rules.TransitionNone || t == rules.TransitionChanged {
		state, acceptance, known, err := tx.Decided(f.Fingerprint)
		if err != nil {
			return err
		}
		if known {
			f.State, f.Accepted = state, acceptance // what a person decided meanwhile stands
		}
	}
	if err := tx.SaveFinding(p.entity, f, t != rules.TransitionNone); err != nil {
		return err
	}
	if action, ok := transitionRecords[t]; ok {
		details := map[string]any{"rule": f.Rule, "severity": f.Severity, "state": f.State, "fingerprint": f.Fingerprint}
		if p.change.Reason != "" {
			details["reason"] = p.change.Reason
		}
		tx.Record(retinue.Actor{Kind: "system", Name: "rules"}, action, string(f.ID), details)
	}
	return nil
}

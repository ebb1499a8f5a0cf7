package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

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

package app

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// detective collects what speaks for who answers for identities, in one
// snapshot.
type detective struct {
	tx       *sqlstore.Tx
	things   *inventory.Things
	dir      *steward.Directory
	apps     map[string]retinue.Application
	siblings map[string][]steward.Signal
	hands    *hands
}

func newDetective(tx *sqlstore.Tx) (*detective, error) {
	dir, err := directoryOf(tx)
	if err != nil {
		return nil, err
	}
	d := &detective{tx: tx, things: inventory.New(tx), dir: dir, apps: map[string]retinue.Application{}, siblings: map[string][]steward.Signal{}}
	if d.hands, err = readHands(tx, dir); err != nil {
		return nil, err
	}
	for f, err := range tx.FactsOfType(retinue.FactApplication, store.AsOf{}) {
		if err != nil {
			return nil, err
		}
		fact, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return nil, err
		}
		if a, ok := fact.(retinue.Application); ok {
			d.apps[steward.Fold(a.Ref.Key)] = a
			d.apps[steward.Fold(a.Name)] = a
		}
	}
	return d, nil
}

// suggest says who may answer for an identity.
func (d *detective) suggest(key int64) ([]steward.Suggestion, error) {
	th, err := d.things.Thing(key)
	if errors.Is(err, retinue.ErrNotFound) {
		return []steward.Suggestion{}, nil
	}
	if err != nil {
		return nil, err
	}
	signals, err := d.signals(th)
	if err != nil {
		return nil, err
	}
	_, facts, err := d.tx.Merged(key)
	if err != nil {
		return nil, err
	}
	if len(facts) > 0 {
		traces, err := d.hands.traces(facts[0].Entity)
		if err != nil {
			return nil, err
		}
		signals = append(signals, traces...)
	}
	denied, err := d.tx.DeniedOwners(key)
	if err != nil {
		return nil, err
	}
	return steward.Suggest(signals, d.dir, denied, d.tx.At()), nil
}

// maxAround bounds how many things around an identity are asked.
const maxAround = 20

func (d *detective) signals(th *inventory.Thing) ([]steward.Signal, error) {
	out := stated(th.OwnerSignals, "", "")
	around := func(r retinue.Ref, kind, about string) error {
		s, err := d.statedOf(r, kind, about)
		out = append(out, s...)
		return err
	}
	for _, r := range th.Runners[:min(len(th.Runners), maxAround)] {
		name := "workload " + cmp.Or(r.Name, r.Ref.Key)
		out = append(out, labelled(r.Labels, "workload_owner", name)...)
		if err := around(r.Ref, "workload_owner", name); err != nil {
			return nil, err
		}
	}
	for _, c := range th.Credentials[:min(len(th.Credentials), maxAround)] {
		if err := around(c.Credential.Ref, "", "credential "+cmp.Or(c.Credential.Name, c.Credential.Ref.Key)); err != nil {
			return nil, err
		}
	}
	for _, t := range th.Trusts[:min(len(th.Trusts), maxAround)] {
		if t.Kind != retinue.TrusteeKey {
			continue
		}
		if err := around(t.Trustee, "key_comment", "key "+t.Name); err != nil {
			return nil, err
		}
	}
	for _, c := range th.Containers {
		kind, about := "container_label", string(c.Kind)+" "+cmp.Or(c.Name, c.Ref.Key)
		if c.Kind == retinue.ContainerNamespace {
			kind = "namespace_label"
		}
		out = append(out, labelled(c.Labels, kind, about)...)
		if err := around(c.Ref, "", about); err != nil {
			return nil, err
		}
	}
	out = append(out, d.application(th)...)
	near, err := d.near(th)
	return append(out, near...), err
}

// stated are owner signals that sources state. A kind replaces the signal's
// own where it is about something else than the identity.
func stated(list []retinue.OwnerSignal, kind, about string) []steward.Signal {
	out := make([]steward.Signal, 0, len(list))
	for _, o := range list {
		s := steward.Signal{Kind: cmp.Or(kind, o.Signal), Candidate: o.Candidate, Quote: o.Quote, At: o.At, About: about}
		if len(o.Places) > 0 {
			s.Place = &o.Places[0]
		}
		out = append(out, s)
	}
	return out
}

// statedOf are the owner signals about a thing around the identity.
func (d *detective) statedOf(r retinue.Ref, kind, about string) ([]steward.Signal, error) {
	if r.IsZero() {
		return nil, nil
	}
	key, err := d.tx.Resolve(r)
	if err != nil || key == 0 {
		return nil, err
	}
	rel, err := d.tx.Related(key, inventory.MaxAttached, store.EdgeSubject)
	if err != nil {
		return nil, err
	}
	var list []retinue.OwnerSignal
	for _, f := range rel {
		if f.Type != retinue.FactOwnerSignal {
			continue
		}
		fact, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return nil, err
		}
		if o, ok := fact.(retinue.OwnerSignal); ok {
			list = append(list, o)
		}
	}
	return stated(list, kind, about), nil
}

// ownerLabels are the keys of labels that name an owner, in lower case without
// separators.
func ownerLabels() []string {
	return []string{"owner", "owners", "owneremail", "team", "teamname", "squad", "contact", "contactemail", "maintainer", "responsible"}
}

// labelled are labels that name an owner.
func labelled(labels map[string]string, kind, about string) []steward.Signal {
	var out []steward.Signal
	for k, v := range labels {
		plain := strings.NewReplacer("-", "", "_", "", ":", "", ".", "", " ", "").Replace(strings.ToLower(k[strings.LastIndexByte(k, '/')+1:]))
		if v != "" && slices.Contains(ownerLabels(), plain) {
			out = append(out, steward.Signal{Kind: kind, Candidate: v, Quote: k + "=" + v, About: about})
		}
	}
	slices.SortFunc(out, func(a, b steward.Signal) int { return strings.Compare(a.Quote, b.Quote) })
	return out
}

// applicationLabels are the keys of labels that name an application.
func applicationLabels() []string {
	return []string{"application", "app", "app.kubernetes.io/part-of"}
}

// application is the team of the application that the identity belongs to.
func (d *detective) application(th *inventory.Thing) []steward.Signal {
	f, _ := th.Fact.(retinue.Identity)
	var names []string
	if th.Registration != nil && th.Registration.Application != "" {
		names = append(names, th.Registration.Application)
	}
	for _, k := range applicationLabels() {
		names = append(names, f.Labels[k])
	}
	for _, n := range names {
		a, ok := d.apps[steward.Fold(n)]
		if !ok || n == "" || a.Team.IsZero() {
			continue
		}
		return []steward.Signal{{Kind: "application", Candidate: teamMark + a.Team.Key, Quote: "application " + n,
			About: "application " + cmp.Or(a.Name, n)}}
	}
	return nil
}

// near says who answers for most of the identities beside this one: those of
// the same application, and those in the same namespace or repository.
func (d *detective) near(th *inventory.Thing) ([]steward.Signal, error) {
	f, _ := th.Fact.(retinue.Identity)
	var out []steward.Signal
	for _, k := range applicationLabels() {
		if v := f.Labels[k]; v != "" {
			s, err := d.owners("application "+v, store.Filter{Tags: []string{k + "=" + v}})
			if err != nil {
				return nil, err
			}
			out = append(out, s...)
			break
		}
	}
	if len(th.Containers) == 0 {
		return out, nil
	}
	c := th.Containers[0]
	if c.Kind != retinue.ContainerNamespace && c.Kind != retinue.ContainerRepository {
		return out, nil
	}
	key, err := d.tx.Resolve(c.Ref)
	if err != nil || key == 0 {
		return out, err
	}
	_, facts, err := d.tx.Merged(key)
	if errors.Is(err, retinue.ErrNotFound) || err == nil && len(facts) == 0 {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := d.owners(string(c.Kind)+" "+cmp.Or(c.Name, c.Ref.Key), store.Filter{Units: []string{string(facts[0].Entity)}})
	return append(out, s...), err
}

// owners says who answers for most of what a filter selects, if somebody does.
func (d *detective) owners(about string, f store.Filter) ([]steward.Signal, error) {
	if s, ok := d.siblings[about]; ok {
		return s, nil
	}
	f.Classes = []string{string(retinue.ClassNonHuman)}
	facets, err := d.tx.Facets(retinue.FactIdentity, f, string(store.SortOwner))
	if err != nil {
		return nil, err
	}
	var all, best int64
	owner := ""
	for _, v := range facets {
		all += v.Count
		if v.Value != "" && v.Count > best {
			best, owner = v.Count, v.Value
		}
	}
	var out []steward.Signal
	if owner != "" && best*2 > all-best {
		out = []steward.Signal{{Kind: "sibling", Candidate: owner, About: about, Quote: fmt.Sprintf("answers for %d of the %d identities of %s", best, all, about)}}
	}
	d.siblings[about] = out
	return out, nil
}

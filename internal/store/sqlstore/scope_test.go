package sqlstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// twoOwners is an estate of which one half is the left owner's and one half the
// right's. Every name of a half holds the owner's word, so that a reader of one
// half must never see the other's word.
type twoOwners struct {
	*world
	left, right half
}

type half struct {
	word                       string
	realm                      retinue.Realm
	identity, credential, unit store.Entity
	finding                    retinue.Finding
}

func newTwoOwners(t *testing.T, w *world) *twoOwners {
	o := &twoOwners{world: w}
	o.left, o.right = o.half("lefty"), o.half("righty")
	err := w.Update(t.Context(), func(tx *sqlstore.Tx) error {
		for _, h := range []half{o.left, o.right} {
			if err := tx.AddAccessChange(h.identity.InternalKey, store.AccessChange{Kind: "administrator.gained", Text: "by " + h.word}); err != nil {
				return err
			}
			if err := tx.KeepSignal(store.Signal{Fingerprint: "sig-" + h.word, Entity: h.identity.InternalKey, Kind: "two_places", State: store.SignalTold, First: day(1), Last: day(1),
				ToldAt: day(1), Finding: retinue.FindingID("fnd_" + h.word), Body: []byte(`{"by":"` + h.word + `"}`)}); err != nil {
				return err
			}
			if _, err := tx.AddDismissal(store.Dismissal{Entity: h.identity.InternalKey, Kind: "two_places", By: h.word, Reason: "by " + h.word, Body: []byte("{}")}); err != nil {
				return err
			}
			if err := tx.SetVerdicts([]int64{h.identity.InternalKey}, []store.VerdictRow{{Status: "active", Grade: retinue.GradeA, Body: []byte(`{"by":"` + h.word + `"}`),
				Version: &store.VerdictVersion{Status: "active", Grade: retinue.GradeA, Reason: h.word}}}); err != nil {
				return err
			}
		}
		return tx.WritePopulation(day(1), store.IdleAfter{})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []half{o.left, o.right} {
		b := store.UsageBatch{Log: "log-" + h.word, Behaviours: []store.Behaviour{{Log: "log-" + h.word, Realm: h.realm, Identity: h.identity.Ref(), Credential: h.credential.Ref(), Interactive: true, Action: "act-" + h.word,
			Outcome: retinue.OutcomeSuccess}}, Events: []store.UsageEvent{{Hash: 1, At: day(1).Unix()}}, Touches: []store.UsageTouch{{Kind: retinue.TouchEdit, Target: h.identity.Ref()}}}
		if _, err := w.CountUsage(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// half states an account with an identity, its key, a group, a policy, a trust,
// a resource that runs as it, a placement, a use and a person, in realm and
// source of their own.
func (o *twoOwners) half(word string) half {
	h := half{word: word, realm: retinue.Realm("test:" + word)}
	ref := func(kind string) retinue.Ref { return retinue.NewRef(h.realm, kind, kind+"-"+word) }
	id := retinue.Identity{Ref: ref("role"), Name: "role " + word, Kind: retinue.IdentityRole, Class: retinue.ClassNonHuman,
		State: retinue.StateActive, Container: ref("account"), Labels: map[string]string{"team": word}, CreatedAt: day0}
	facts := []retinue.Fact{
		retinue.Container{Ref: ref("org"), Name: "org " + word, Kind: retinue.ContainerOrganization},
		retinue.Container{Ref: ref("account"), Name: "account " + word, Kind: retinue.ContainerAccount, Parent: ref("org")},
		id,
		retinue.Credential{Ref: ref("key"), Name: "key " + word, Kind: retinue.CredentialAccessKey, Identity: id.Ref, CreatedAt: day0.AddDate(-1, 0, 0),
			ExpiresAt: day(10), PublicKey: strings.Repeat("ab", 32)},
		retinue.Group{Ref: ref("group"), Name: "group " + word}, retinue.Membership{Group: ref("group"), Member: id.Ref},
		retinue.Policy{Ref: ref("policy"), Name: "policy " + word, Language: retinue.LanguageAWSIAM, Document: `{"Statement":[],"Id":"` + word + `"}`},
		retinue.Attachment{Policy: ref("policy"), Target: ref("group"), Role: retinue.AttachGroup},
		retinue.Resource{Ref: ref("function"), Name: "function " + word, Kind: "function", RunsAs: []retinue.Ref{id.Ref}, Container: ref("account")},
		retinue.Trust{Subject: id.Ref, Kind: retinue.TrusteeAccount, Name: "vendor " + word, Trustee: retinue.NewRef(h.realm, "account", "vendor-"+word)},
		retinue.Grant{Subject: id.Ref, Privileges: []string{"read"}, ResourceName: "bucket " + word},
		retinue.Placement{Credential: ref("key"), Place: retinue.Place{Kind: retinue.PlaceFile, Realm: h.realm, Path: "/etc/" + word}},
		retinue.OwnerSignal{Subject: id.Ref, Candidate: word + "@example.com", Signal: "tag"},
		retinue.Use{Subject: id.Ref, Meaning: "last_used", At: day0, Grade: retinue.GradeC},
		retinue.Use{Subject: ref("key"), Meaning: "last_used", At: day0, Grade: retinue.GradeC, Action: word},
		retinue.Person{Ref: ref("person"), Name: "person " + word},
	}
	o.scanRealm(h.realm, word, day(0), facts...)
	id.Description = "changed " + word
	facts[2] = id
	o.scanRealm(h.realm, word, day(1), facts...)
	o.find(&h)
	h.finding = retinue.Finding{ID: retinue.NewFindingID(o.Now()), Fingerprint: "fp-" + word, Rule: "rule", Title: "title", Severity: retinue.SeverityHigh,
		State: retinue.FindingOpen, OWASP: []retinue.OWASP{retinue.NHI1}, Entity: h.identity.ID, Subject: id.Ref, Name: "role " + word,
		Message: "message " + word, Family: "family-" + word, Fix: "fix-" + word, Priority: 50, FirstSeen: day(1), LastSeen: day(1)}
	err := o.Update(o.t.Context(), func(tx *sqlstore.Tx) error {
		if err := tx.Accept("family-"+word, retinue.Acceptance{By: word, Reason: "reason " + word, Until: day(400), At: day(1)}); err != nil {
			return err
		}
		return errors.Join(tx.SaveFinding(h.identity.InternalKey, h.finding, true),
			tx.Register(h.identity.InternalKey, retinue.Registration{Entity: h.identity.ID, Owner: word + "@example.com", Purpose: "purpose " + word}, actor))
	})
	if err != nil {
		o.t.Fatal(err)
	}
	o.find(&h)
	return h
}

func (o *twoOwners) find(h *half) {
	h.identity = o.list(store.EntityQuery{Type: retinue.FactIdentity, Realm: h.realm})[0]
	h.credential = o.list(store.EntityQuery{Type: retinue.FactCredential, Realm: h.realm})[0]
	h.unit = o.list(store.EntityQuery{Type: retinue.FactContainer, Realm: h.realm, Kind: string(retinue.ContainerOrganization)})[0]
	for _, f := range o.findings(store.FindingQuery{}) {
		if f.Fingerprint == "fp-"+h.word {
			h.finding = f
		}
	}
}

func (o *twoOwners) findings(q store.FindingQuery) (out []retinue.Finding) {
	err := o.View(o.t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
		for f, err := range tx.Findings(q) {
			if err != nil {
				return err
			}
			out = append(out, f)
		}
		return nil
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

// scopes are the ways in which one sees a half.
func (h half) scopes() map[string]store.RowScope {
	return map[string]store.RowScope{
		"source": {Sources: []string{h.word}},
		"unit":   {Units: []string{string(h.unit.ID)}},
		"tag":    {Tags: []string{"team=" + h.word}},
		"owner":  {Owners: []string{h.word + "@example.com"}},
	}
}

// reads are all reading methods of Tx. Each is asked about the other half as
// well as for lists, and what it tells is searched for the other half's word.
// tells says that a reader of the own half must be told something.
var reads = map[string]struct {
	tells bool
	read  func(tx *sqlstore.Tx, own, other half) (any, error)
}{
	"Usage": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		return eachHalf(own, other, tx.Usage)
	}},
	"UsageTouchesBy": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		actors, err := tx.UsageActors()
		var keys []int64
		for _, a := range actors {
			keys = append(keys, a.Key)
		}
		if err != nil {
			return nil, err
		}
		list, err := tx.UsageTouchesBy(keys...)
		var out []string
		for _, t := range list {
			e := []store.Entity{}
			for x, err := range tx.Entities(store.EntityQuery{ID: t.ID}) {
				if err != nil {
					return nil, err
				}
				e = append(e, x)
			}
			out = append(out, fmt.Sprint(t.ID, e))
		}
		return out, err
	}},
	"UsageNews": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		list, err := tx.UsageNews(0, 100)
		var out []string
		for _, x := range list {
			v, err := tx.Verdict(x.ID)
			if err != nil {
				return nil, err
			}
			out = append(out, string(v.Body))
		}
		return out, err
	}},
	"Signals": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) { return tx.Signals(store.SignalQuery{}) }},
	"Signal": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		var out []store.Signal
		for _, h := range []half{own, other} {
			s, err := tx.Signal(retinue.FindingID("fnd_" + h.word))
			if err != nil && !errors.Is(err, retinue.ErrNotFound) {
				return nil, err
			}
			if err == nil {
				out = append(out, s)
			}
		}
		return out, nil
	}},
	"Dismissals": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) { return tx.Dismissals("", 0) }},
	"UsageDeeds": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		return eachHalf(own, other, tx.UsageDeeds)
	}},
	"UsageTouches": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		return eachHalf(own, other, tx.UsageTouches)
	}},
	"Verdict": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		return eachHalf(own, other, func(id retinue.EntityID) ([]string, error) {
			v, err := tx.Verdict(id)
			return []string{string(v.Body)}, err
		})
	}},
	"Verdicts": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		list, err := tx.Verdicts(store.VerdictQuery{NonHuman: true})
		var out []any
		for _, v := range list {
			out = append(out, v, string(v.Body))
		}
		if err != nil {
			return out, err
		}
		then, err := tx.Verdicts(store.VerdictQuery{NonHuman: true, AsOf: tx.At()})
		for _, v := range then {
			out = append(out, v, v.Reason)
		}
		return out, err
	}},
	"UsedByHand": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		list, err := tx.UsedByHand([]string{"psql"})
		var out []string
		for _, u := range list {
			out = append(out, string(u.ID), u.Behaviour.Action)
		}
		return out, err
	}},
	"VerdictVersions": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		return eachHalf(own, other, func(id retinue.EntityID) ([]store.VerdictVersion, error) { return tx.VerdictVersions(id, 0) })
	}},
	"GrantChanges": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		if list, err := tx.GrantChanges(other.identity.InternalKey, time.Time{}, true); err != nil || len(list) > 0 {
			return nil, errors.Join(err, fmt.Errorf("of the other: %v", list))
		}
		list, err := tx.GrantChanges(own.identity.InternalKey, time.Time{}, true)
		if len(list) == 0 {
			return nil, err
		}
		return list, err
	}},
	"VerdictShares": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		list, err := tx.VerdictShares()
		if len(list) == 1 && list[0].N != 1 {
			err = fmt.Errorf("%d verdicts are counted, want 1", list[0].N)
		}
		return list, err
	}},
	"UsageShares": {true, func(tx *sqlstore.Tx, own, _ half) (any, error) {
		list, err := tx.UsageShares()
		if err == nil && len(list) != 2 {
			err = fmt.Errorf("%d shares, want those of an identity and a credential: %+v", len(list), list)
		}
		for _, s := range list {
			if s.N != 1 || s.Realm != own.realm || s.Source != own.word || (s.Type == retinue.FactIdentity) != (s.Status == "active" && s.Grade == retinue.GradeA) {
				err = errors.Join(err, fmt.Errorf("share %+v", s))
			}
		}
		return list, err
	}},
	"AccessChanges": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		var out []any
		for _, id := range []retinue.EntityID{"", own.identity.ID, other.identity.ID} {
			list, err := tx.AccessChanges(store.AccessChangeQuery{Entity: id})
			if err != nil {
				return nil, err
			}
			for _, c := range list {
				out = append(out, c)
			}
		}
		return out, nil
	}},
	"Entities": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for _, q := range []store.EntityQuery{{}, {Gone: true}, {Text: "righty"}, {Text: "lefty"}, {AsOf: store.AsOf{Observed: day(0)}}, {AsOf: store.AsOf{Observed: day(2)}}} {
			for e, err := range tx.Entities(q) {
				if err != nil {
					return nil, err
				}
				out = append(out, e)
			}
		}
		return out, nil
	}},
	"EntityPages": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for p, err := range tx.EntityPages(store.EntityQuery{}, 10) {
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		return out, nil
	}},
	"Sample": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for p, err := range tx.Sample(retinue.FactIdentity, 1000, 10) {
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		return out, nil
	}},
	"ActorOf": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		if _, _, err := tx.ActorOf(other.identity.ID); !errors.Is(err, retinue.ErrNotFound) {
			return nil, fmt.Errorf("the other's id: %v", err)
		}
		refs, _, err := tx.ActorOf(own.identity.ID)
		return refs, err
	}},
	"EntityKey": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		return hidden(tx.EntityKey, other.identity.ID, own.identity.ID)
	}},
	"Visible": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		ok, err := tx.Visible(other.identity.ID)
		if err == nil && ok {
			err = errors.New("the other's identity is visible")
		}
		if err != nil {
			return nil, err
		}
		ok, err = tx.Visible(own.identity.ID)
		if err != nil || !ok {
			return nil, err
		}
		return "seen", nil
	}},
	"List": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for _, t := range []retinue.FactType{retinue.FactIdentity, retinue.FactCredential, retinue.FactResource, retinue.FactContainer, retinue.FactPerson} {
			for _, sort := range store.SortKeys() {
				for _, asOf := range []store.AsOf{{}, {Observed: day(0)}, {Observed: day(2)}, {Observed: day(0), Known: day(9)}} {
					if sort == store.SortLastUsed && !asOf.IsZero() {
						continue // refused
					}
					p, err := tx.List(store.ListQuery{Type: t, Sort: sort, AsOf: asOf, Count: store.CountExact})
					if err != nil {
						return nil, err
					}
					if int(p.Total) != len(p.Items) {
						return nil, fmt.Errorf("a total of %d for %d rows", p.Total, len(p.Items))
					}
					for _, i := range p.Items {
						out = append(out, i)
					}
				}
			}
		}
		return out, nil
	}},
	"ListFindings": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		var out []any
		for _, sort := range store.FindingSortKeys() {
			for _, asOf := range []store.AsOf{{}, {Observed: day(9)}} {
				p, err := tx.ListFindings(store.FindingList{Sort: sort, AsOf: asOf, Count: store.CountExact})
				if err != nil {
					return nil, err
				}
				if int(p.Total) != len(p.Items) {
					return nil, fmt.Errorf("a total of %d for %d rows", p.Total, len(p.Items))
				}
				for _, i := range p.Items {
					out = append(out, i)
				}
			}
		}
		return out, nil
	}},
	"Facets": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for _, c := range store.FacetColumns() {
			f, err := tx.Facets(retinue.FactIdentity, store.Filter{}, c)
			if err != nil {
				return nil, err
			}
			for _, x := range f {
				if x.Count != 1 {
					return nil, fmt.Errorf("%s %q counts %d", c, x.Value, x.Count)
				}
				out = append(out, x)
			}
		}
		return out, nil
	}},
	"Totals": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		t, err := tx.Totals()
		if err == nil && t.NonHuman != 1 {
			err = fmt.Errorf("%d non-human identities", t.NonHuman)
		}
		return []any{t}, err
	}},
	"Figures": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		f, err := tx.Figures()
		if err == nil && (f.NonHuman != 1 || f.Credentials != 1 || f.Findings[retinue.SeverityHigh] != 1 || f.OWASP[retinue.NHI1][retinue.SeverityHigh] != 1 ||
			f.StaticOld != 1 || f.Expiring != 1) {
			err = fmt.Errorf("figures %+v", f)
		}
		return []any{f}, err
	}},
	"ThirdParties": {false, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		for _, a := range []store.AsOf{{}, {Observed: day(2)}} {
			if n, err := tx.ThirdParties(a); err != nil || n != 0 {
				return nil, errors.Join(err, fmt.Errorf("%d third parties", n))
			}
		}
		return nil, nil
	}},
	"FacetsAt": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for _, c := range store.FacetColumns() {
			f, err := tx.FacetsAt(store.AsOf{Observed: day(2)}, retinue.FactIdentity, store.Filter{}, c)
			if err != nil {
				return nil, err
			}
			if len(f) != 1 || f[0].Count != 1 {
				return nil, fmt.Errorf("%s counts %v", c, f)
			}
			out = append(out, f[0])
		}
		return out, nil
	}},
	"FiguresAt": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		f, err := tx.FiguresAt(store.AsOf{Observed: day(2)})
		if err == nil && (f.NonHuman != 1 || f.Credentials != 1 || f.Findings[retinue.SeverityHigh] != 1 || f.OWASP[retinue.NHI1][retinue.SeverityHigh] != 1 ||
			f.StaticOld != 1 || f.Expiring != 1) {
			err = fmt.Errorf("figures %+v", f)
		}
		return []any{f}, err
	}},
	"Measures": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for _, a := range []store.AsOf{{}, {Observed: day(2)}} {
			m, err := tx.Measures(a, store.IdleAfter{})
			if err != nil {
				return nil, err
			}
			for source, x := range m {
				if len(m) != 1 || x.StaticOld != 1 || x.UnknownIdentities+x.IdleIdentities > 1 {
					return nil, fmt.Errorf("measures %+v", x)
				}
				out = append(out, source)
			}
		}
		return out, nil
	}},
	"IdleChange": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		c, err := tx.IdleChange(store.IdleAfter{Days: 3650}, store.IdleAfter{})
		if err == nil && c.Idle+c.Unknown+c.Credentials > 1 {
			err = fmt.Errorf("change %+v", c)
		}
		return []any{c}, err
	}},
	"Expiries": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		d, err := tx.Expiries(day(0), day(100))
		if err == nil && (len(d) != 1 || d[0].N != 1) {
			err = fmt.Errorf("expiries %v", d)
		}
		return d, err
	}},
	"Population": {false, func(tx *sqlstore.Tx, _, _ half) (any, error) { return tx.Population(day(0), day(9)) }},
	"ListChanges": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		p, err := tx.ListChanges(store.ChangeQuery{Limit: store.MaxPage})
		return p.Items, err
	}},
	"FactsOf": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		a, err := tx.FactsOf(other.identity.InternalKey, false)
		b, err2 := tx.FactsOf(own.identity.InternalKey, false)
		return append(a, b...), errors.Join(err, err2)
	}},
	"Related": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		var out []store.Fact
		for _, h := range []half{own, other} {
			for _, e := range []store.Entity{h.identity, h.credential, h.unit} {
				f, err := tx.Related(e.InternalKey, 100, store.EdgeGroup, store.EdgeMember, store.EdgePolicy, store.EdgeTarget, store.EdgeSubject,
					store.EdgeResource, store.EdgeTrustee, store.EdgeCredential, store.EdgeConsumer, store.EdgeIdentity, store.EdgeRunsAs, store.EdgeContainer)
				if err != nil {
					return nil, err
				}
				out = append(out, f...)
			}
		}
		return out, nil
	}},
	"CountRelated": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		n, err := tx.CountRelated(other.identity.InternalKey, store.EdgeMember)
		if n > 0 {
			err = errors.New("the other's memberships are counted")
		}
		m, err2 := tx.CountRelated(own.identity.InternalKey, store.EdgeMember)
		return some(m), errors.Join(err, err2)
	}},
	"FactsInRealm": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		var out []any
		for _, h := range []half{own, other} {
			for _, t := range retinue.FactTypes() {
				for f, err := range tx.FactsInRealm(t, h.identity.Ref().Realm) {
					if err != nil {
						return nil, err
					}
					out = append(out, f)
				}
			}
		}
		return out, nil
	}},
	"FactsOfType": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for _, t := range retinue.FactTypes() {
			for _, asOf := range []store.AsOf{{}, {Observed: day(0)}, {Observed: day(2)}} {
				for f, err := range tx.FactsOfType(t, asOf) {
					if err != nil {
						return nil, err
					}
					out = append(out, f)
				}
			}
		}
		return out, nil
	}},
	"Resolve": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		e, err := tx.Resolve(other.identity.Ref())
		if e != 0 {
			err = errors.New("the other's ref is resolved")
		}
		e, err2 := tx.Resolve(own.identity.Ref())
		return some(e), errors.Join(err, err2)
	}},
	"Merged": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		if f, _, err := tx.Merged(other.identity.InternalKey); !errors.Is(err, retinue.ErrNotFound) {
			return nil, fmt.Errorf("the other's identity is %v, %v", f, err)
		}
		f, _, err := tx.Merged(own.identity.InternalKey)
		return []any{f}, err
	}},
	"Uses": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		a, err := tx.Uses(other.credential.InternalKey)
		b, err2 := tx.Uses(own.credential.InternalKey)
		return append(a, b...), errors.Join(err, err2)
	}},
	"Changes": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) { return tx.Changes(day0.Add(time.Hour), day(2)) }},
	"RefsOf": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		a, err := tx.RefsOf(other.identity.InternalKey)
		b, err2 := tx.RefsOf(own.identity.InternalKey)
		return append(a, b...), errors.Join(err, err2)
	}},
	"SamePublicKey": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		same, err := tx.SamePublicKey(strings.Repeat("ab", 32))
		if slices.Contains(same, other.credential.InternalKey) {
			err = errors.New("the other's key is found")
		}
		return same, err
	}},
	"Placements": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for p, err := range tx.Placements() {
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		return out, nil
	}},
	"FindingFacets": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		var out []any
		for _, c := range []string{"rule", "severity", "state", "owasp", "source", "owner", "assignee"} {
			f, err := tx.FindingFacets(store.FindingFilter{}, c)
			if err != nil {
				return nil, err
			}
			for _, x := range f {
				if x.Count != 1 {
					return nil, fmt.Errorf("%s %q counts %d", c, x.Value, x.Count)
				}
				out = append(out, x)
			}
		}
		return out, nil
	}},
	"FindingsOf": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		a, err := tx.FindingsOf(other.identity.InternalKey)
		b, err2 := tx.FindingsOf(own.identity.InternalKey)
		return append(a, b...), errors.Join(err, err2)
	}},
	"Findings": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		var out []any
		for _, q := range []store.FindingQuery{{}, {Resolved: true, Suppressed: true}, {ID: other.finding.ID}, {AsOf: store.AsOf{Observed: day(9)}}} {
			for f, err := range tx.Findings(q) {
				if err != nil {
					return nil, err
				}
				out = append(out, f)
			}
		}
		return out, nil
	}},
	"FindingEntity": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		if _, err := tx.FindingEntity(other.finding.ID); !errors.Is(err, retinue.ErrNotFound) {
			return nil, fmt.Errorf("the other's finding: %v", err)
		}
		e, err := tx.FindingEntity(own.finding.ID)
		return some(e), err
	}},
	"EndedWithFindings": {false, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		return nil, tx.EndedWithFindings(func(int64) error { return errors.New("something ended") })
	}},
	"TouchedSince": {true, func(tx *sqlstore.Tx, _, other half) (any, error) {
		page, err := tx.TouchedSince(0, 0, 100, retinue.FactIdentity)
		for _, p := range page {
			if p.ID == other.identity.ID {
				err = errors.New("the other's identity was touched")
			}
		}
		return page, err
	}},
	"Registration": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		a, err := tx.Registration(other.identity.InternalKey)
		b, err2 := tx.Registration(own.identity.InternalKey)
		return []any{a, b}, errors.Join(err, err2)
	}},
	"Acceptances": {true, func(tx *sqlstore.Tx, _, _ half) (any, error) {
		a, err := tx.Acceptances(day(2))
		var out []any
		for k, v := range a {
			out = append(out, k, v)
		}
		return out, err
	}},
	"Scopes": {false, func(tx *sqlstore.Tx, _, _ half) (any, error) { return tx.Scopes() }},
	"Scope": {false, func(tx *sqlstore.Tx, own, _ half) (any, error) {
		return tx.Scope(retinue.NewScope(own.identity.Realm, "iam"))
	}},
	"LastRuns": {false, func(tx *sqlstore.Tx, _, _ half) (any, error) { return tx.LastRuns() }},
	"Then": {true, func(tx *sqlstore.Tx, own, other half) (any, error) {
		then, err := tx.Then(store.AsOf{Observed: day(9)})
		if err != nil {
			return nil, err
		}
		var out []any
		for _, h := range []half{own, other} {
			k := h.identity.InternalKey
			if f, facts, err := then.Merged(k); err == nil {
				out = append(out, f, facts)
			} else if !errors.Is(err, retinue.ErrNotFound) {
				return nil, err
			}
			rel, err1 := then.Related(k, 100, store.EdgeMember, store.EdgeSubject, store.EdgeRunsAs, store.EdgeIdentity)
			n, err2 := then.CountRelated(k, store.EdgeMember)
			uses, err3 := then.Uses(h.credential.InternalKey)
			reg, err4 := then.Registration(k)
			e, err5 := then.Resolve(h.identity.Ref())
			refs, err6 := then.RefsOf(k)
			same, err7 := then.SamePublicKey(strings.Repeat("ab", 32))
			if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
				return nil, err
			}
			if h.word == other.word && (n > 0 || e != 0 || slices.Contains(same, h.credential.InternalKey)) {
				return nil, errors.New("something of the other's is counted or resolved")
			}
			out = append(out, rel, uses, reg, refs)
		}
		return out, nil
	}},
}

// eachHalf asks about the identity of each half; that one is not found is as it
// should be.
func eachHalf[T any](own, other half, ask func(retinue.EntityID) ([]T, error)) (any, error) {
	var out []T
	for _, h := range []half{own, other} {
		list, err := ask(h.identity.ID)
		if err != nil && !errors.Is(err, retinue.ErrNotFound) {
			return nil, err
		}
		if err == nil {
			out = append(out, list...)
		}
	}
	return out, nil
}

// unscoped are the methods that take no scope, with the reason.
var unscoped = map[string]string{
	"RegisteredSince": "yes or no, asked with the scope in it",
	"MovedSince":      "yes or no, asked with the scope in it", "ScansMoved": "yes or no", "CountGained": "a number, asked with the scope in it", "RevisionAt": "a number",
	"Within": "sets the scope", "At": "the clock", "SQL": "for the job queue, in updates", "Touched": "of the update itself",
	"Head": "the audit log is read by permission", "RecordHash": "the audit log is read by permission", "Records": "the audit log is read by permission",
	"MaxRevision": "a number", "PeopleTouched": "a yes or no for the judge", "MissingBefore": "in updates", "Meta": "settings of the installation",
	"Reference":       "of the program, not of the inventory",
	"Decided":         "for the judge, in updates",
	"GrantsKnownFrom": "a time, of what a simulation that asks with the scope rests on",
	"KeyHomes":        "for the receivers of events: which systems they may name keys of",
	"FactsMoved":      "a yes or no for the judge",
	"Standings":       "for the job that looks for changes of access, which sees everything",
	"Documents":       "for the engines: what a reader sees of their answers is decided where they are shown",
	"Stated":          "for the engines: what a reader sees of their answers is decided where they are shown",
	"PauseStream":     "in updates", "ResumeStream": "in updates",
	"UsageInput":    "where a reader stands in a log",
	"UsageActors":   "who acts, for suggestions and leavers: what they touched is asked with the scope in it",
	"Attestations":  "whose word there is on logs, by the permission to see sources",
	"StreamPauses":  "which streams are not read, by the permission to see sources",
	"UsageCoverage": "what logs cover, by the permission to see sources", "UsageFaults": "what of logs could not be read, by the permission to see sources",
	"RealmListed": "a yes or no, by the permission to see sources", "UsageTallies": "what logs brought, by the permission to see sources", "Unlisted": "who is in no listing, by the permission to see sources",
	"SignalsOf": "for the job that looks for signals, which sees everything", "DismissalsInForce": "for that job, and decisions in updates",
	"Ahead":     "for the verdicts, in views of everything; elsewhere it does nothing",
	"Habits":    "for that job: what a reader sees of it is that something is not told",
	"EventDays": "numbers of the installation", "EventBlocks": "which blocks there are, of whoever ActorOf found with the scope",
	"SealedEvents": "sealed: of what is in it, whoever opens it leaves out what the scope does not see", "UnknownEvents": "sealed, of nobody that is known: for those who see everything",
	"AllUsage": "for tests", "Recorded": "of the update itself", "Sealed": "for the installation's own resealing, which opens nothing to a caller",
}

// writes are methods that change something; they work in updates only, which
// see everything.
var writes = []string{"Accept", "ApplyScope", "DropFingerprints", "EnsureSource", "FinishRun", "ForgetSource", "Record", "Register", "SaveFinding",
	"SetLabels", "SetMeta", "SetMissing", "SetRealmName", "StartRun", "WritePopulation", "Refill", "EndSignIns", "Reseal", "SetReference", "DropReference", "AddAccessChange", "SetStanding",
	"SetSigningKey", "AddCoverage", "AddFault", "SetVerdicts", "UsageDue", "TakeUsage", "MarkTouchedUsage", "MarkSilentUsage", "UsageNewsTold",
	"MarkSignalsDue", "MarkTouchedForSignals", "MarkKindForSignals", "MarkPeersForSignals", "SignalsLooked", "KeepSignal", "DropSignal", "SetHabits", "AddDismissal", "RevokeDismissal",
	"DropEventDays", "ReplaceEventBlocks", "DropUnknown"}

func some(v int64) any {
	if v == 0 {
		return nil
	}
	return v
}

func hidden(find func(retinue.EntityID) (int64, error), other, own retinue.EntityID) (any, error) {
	if _, err := find(other); !errors.Is(err, retinue.ErrNotFound) {
		return nil, fmt.Errorf("the other's id: %v", err)
	}
	key, err := find(own)
	return some(key), err
}

func TestReadingMethodsTakeTheScope(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		o := newTwoOwners(t, w)
		for _, pair := range [][2]half{{o.left, o.right}, {o.right, o.left}} {
			own, other := pair[0], pair[1]
			for by, scope := range own.scopes() {
				for name, r := range reads {
					t.Run(own.word+"/"+by+"/"+name, func(t *testing.T) { o.checkRead(t, scope, r.tells, r.read, own, other) })
				}
			}
		}
		for name, r := range reads {
			err := o.View(t.Context(), store.RowScope{}, func(tx *sqlstore.Tx) error {
				got, err := r.read(tx, o.left, o.right)
				if text := told(t, got); strings.Contains(text, "lefty") || strings.Contains(text, "righty") {
					t.Errorf("%s tells the empty scope %s", name, text)
				}
				_ = err // that nothing was found is as it should be
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
}

func (o *twoOwners) checkRead(t *testing.T, scope store.RowScope, tells bool, read func(*sqlstore.Tx, half, half) (any, error), own, other half) {
	err := o.View(t.Context(), scope, func(tx *sqlstore.Tx) error {
		got, err := read(tx, own, other)
		if err != nil {
			return err
		}
		text := told(t, got)
		if strings.Contains(text, other.word) {
			t.Errorf("tells of the other: %s", text)
		}
		if v := reflect.ValueOf(got); tells && (got == nil || v.Kind() == reflect.Slice && v.Len() == 0) {
			t.Error("tells nothing")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// told is everything that an answer says, as text.
func told(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// permitted are files, by how their names begin, whose methods read by
// permission: what they hold is the platform's own, or is asked about by those
// who may see a thing already.
var permitted = map[string]string{
	"accounts":       "accounts, sessions and tokens of the platform",
	"answers":        "answers to actions of a caller",
	"notices":        "channels, notices and tickets, by the permission to manage channels",
	"ownership":      "ownership is settled by the platform; what callers are told is asked with the scope",
	"recordlist":     "the audit log is read by permission",
	"registrations":  "of a thing that its caller found with the scope",
	"retention":      "what is kept for how long, by the permission to manage settings",
	"sources_config": "configured sources, by the permission to see sources",
	"triage":         "of a finding that its caller found with the scope",
	"undo":           "of a caller's own actions",
	"usage_attest":   "whose word stands on what logs cover, by the permission to see sources",
	"views":          "a caller's own views",
}

// TestEveryMethodIsCovered fails for a method of Tx or Then that nobody has
// thought about: give a reading method a case in reads.
func TestEveryMethodIsCovered(t *testing.T) {
	files := methodFiles(t)
	for m := range reflect.TypeFor[*sqlstore.Tx]().Methods() {
		_, read := reads[m.Name]
		_, free := unscoped[m.Name]
		for prefix := range permitted {
			free = free || strings.HasPrefix(files[m.Name], prefix)
		}
		if !read && !free && !slices.Contains(writes, m.Name) {
			t.Errorf("Tx.%s in %s: does it take the row scope? Give it a case in reads, or say in unscoped why it need not", m.Name, files[m.Name])
		}
	}
	then := []string{"CountRelated", "Merged", "RefsOf", "Registration", "Related", "Resolve", "SamePublicKey", "Uses"}
	for m := range reflect.TypeFor[*sqlstore.Then]().Methods() {
		if !slices.Contains(then, m.Name) {
			t.Errorf("Then.%s: add it to the case Then", m.Name)
		}
	}
}

// methodFiles returns the file in which each method of Tx is declared.
func methodFiles(t *testing.T) map[string]string {
	out := map[string]string{}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				if star, ok := fn.Recv.List[0].Type.(*ast.StarExpr); ok && fmt.Sprint(star.X) == "Tx" {
					out[fn.Name.Name] = name
				}
			}
		}
	}
	return out
}

// TestThingsTellNoMoreThanRefs: of what is at the other end of a relation of
// something that is seen, only the ref is told.
func TestThingsTellNoMoreThanRefs(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		mine := identity("mine", func(i *retinue.Identity) { i.Labels = map[string]string{"team": "a"} })
		theirs := identity("theirs", func(i *retinue.Identity) { i.Name = "Hidden name" })
		group := retinue.Group{Ref: retinue.NewRef(realm, "group", "g"), Name: "Shared group"}
		policy := retinue.Policy{Ref: retinue.NewRef(realm, "policy", "p"), Name: "Shared policy", Language: retinue.LanguageAWSIAM,
			Document: `{"Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`}
		w.scan("a", iam(day(0), mine, theirs, group, policy,
			retinue.Membership{Group: group.Ref, Member: mine.Ref}, retinue.Membership{Group: group.Ref, Member: theirs.Ref},
			retinue.Attachment{Policy: policy.Ref, Target: group.Ref, Role: retinue.AttachGroup},
			retinue.Attachment{Policy: policy.Ref, Target: theirs.Ref, Role: retinue.AttachIdentity},
			retinue.Resource{Ref: retinue.NewRef(realm, "function", "f"), Name: "Hidden function", Kind: "function", RunsAs: []retinue.Ref{mine.Ref, theirs.Ref}},
			retinue.Trust{Subject: mine.Ref, Kind: retinue.TrusteePrincipal, Name: "role/theirs", Trustee: theirs.Ref}))
		err := w.View(t.Context(), store.RowScope{Tags: []string{"team=a"}}, func(tx *sqlstore.Tx) error {
			e, err := tx.Resolve(mine.Ref)
			if err != nil {
				return err
			}
			th, err := inventory.New(tx).Thing(e)
			if err != nil {
				return err
			}
			text := told(t, th)
			for _, word := range []string{"Hidden name", "Hidden function"} {
				if strings.Contains(text, word) {
					t.Errorf("%q is told: %s", word, text)
				}
			}
			for _, word := range []string{"Shared group", "Shared policy"} {
				if !strings.Contains(text, word) {
					t.Errorf("%q, which is what it may do, is not told: %s", word, text)
				}
			}
			g, err := tx.Resolve(group.Ref)
			if err != nil {
				return err
			}
			rel, err := tx.Related(g, 100, store.EdgeGroup, store.EdgeTarget)
			if text := told(t, rel); strings.Contains(text, "theirs") || len(rel) != 2 {
				t.Errorf("the group tells %s", text)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestCredentialsAreSeenWithTheirHolder checks what credentials inherit, in
// whichever order they and their holder are scanned.
func TestCredentialsAreSeenWithTheirHolder(t *testing.T) {
	for _, holderFirst := range []bool{true, false} {
		both(t, func(t *testing.T, w *world) {
			account := retinue.Container{Ref: retinue.NewRef(realm, "account", "1"), Kind: retinue.ContainerAccount, Name: "one"}
			id := identity("holder", func(i *retinue.Identity) {
				i.Container, i.Labels, i.Environment = account.Ref, map[string]string{"team": "a"}, retinue.EnvironmentProduction
			})
			key := retinue.Credential{Ref: retinue.NewRef(realm, "key", "k"), Kind: retinue.CredentialAccessKey, Identity: id.Ref}
			keys := listing{scope: retinue.NewScope(realm, "keys"), at: day(0), facts: []retinue.Fact{key}}
			if holderFirst {
				w.scan("a", iam(day(0), account, id))
				w.scan("b", keys)
			} else {
				w.scan("b", keys)
				w.scan("a", iam(day(0), account, id))
			}
			unit := w.list(store.EntityQuery{Type: retinue.FactContainer})[0]
			entity := w.list(store.EntityQuery{Type: retinue.FactIdentity})[0]
			err := w.Update(t.Context(), func(tx *sqlstore.Tx) error {
				return tx.Register(entity.InternalKey, retinue.Registration{Entity: entity.ID, Owner: "@payments"}, actor)
			})
			if err != nil {
				t.Fatal(err)
			}
			for by, scope := range map[string]store.RowScope{"unit": {Units: []string{string(unit.ID)}}, "tag": {Tags: []string{"team=a"}},
				"team": {Teams: []string{"payments"}}, "holder's source": {Sources: []string{"a"}}, "own source": {Sources: []string{"b"}}} {
				err := w.View(t.Context(), scope, func(tx *sqlstore.Tx) error {
					p, err := tx.List(store.ListQuery{Type: retinue.FactCredential})
					if err != nil {
						return err
					}
					if len(p.Items) != 1 {
						t.Fatalf("by %s: %d credentials", by, len(p.Items))
					}
					c := p.Items[0]
					w.want(by+": what it inherits", []any{c.Owner, c.Environment, c.Class, c.Container}, []any{"@payments", "production", "non_human", "1"})
					w.want(by+": holder", c.HolderName, map[bool]string{true: "", false: "holder"}[by == "own source"])
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			w.want("credentials of the holder", w.page(store.ListQuery{Type: retinue.FactIdentity}).Items[0].Credentials, 1)
		})
	}
}

func (w *world) page(q store.ListQuery) store.ListPage {
	w.t.Helper()
	var p store.ListPage
	if err := w.View(w.t.Context(), store.Everything(), func(tx *sqlstore.Tx) (err error) { p, err = tx.List(q); return err }); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) scanRealm(realm retinue.Realm, source string, at time.Time, facts ...retinue.Fact) {
	w.t.Helper()
	w.run(connector.Access{Realm: realm}, source, listing{scope: retinue.NewScope(realm, "all-"+source), at: at, facts: facts})
}

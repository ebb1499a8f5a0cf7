package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam/escalate"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Paths answers which AWS identities can come to more than they were given.
type Paths struct {
	*escalate.State
	// Partial names the scopes that were not read whole: what they hold may open
	// further paths.
	Partial []string
}

// AccessPaths answers from what the inventory holds of all AWS accounts, since
// paths cross them.
func (a *App) AccessPaths(ctx context.Context) (Paths, error) {
	var p Paths
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		p, err = loadPaths(ctx, tx)
		return err
	})
	return p, err
}

// EscalationQuery selects escalations.
type EscalationQuery struct {
	// To is what is to be reached: "admin", or a thing as it is named elsewhere.
	To string
	// Language and Realm limit whose escalations are listed; empty for all.
	Language string
	Realm    retinue.Realm
}

// Escalations are the identities that reach a target, with what was not read.
type Escalations struct {
	List []Escalation
	Gaps []string
}

// Escalations lists the identities that reach an administrator of any system,
// or another target, each by a way with the fewest hops. Those of AWS that come
// to an administrator of AWS by AWS alone are answered by the search of package
// escalate, which also follows what an identity gains for itself.
func (x *Access) Escalations(ctx context.Context, q EscalationQuery) (out Escalations, err error) {
	out.List = []Escalation{}
	if err := x.app.hasRealm(ctx, q.Realm); err != nil {
		return out, err
	}
	known := map[string]bool{}
	others := true
	if q.To == "admin" && x.scope.All && x.at.IsZero() {
		if others, err = x.app.besidesAWS(ctx); err != nil {
			return out, err
		}
		if out, known, err = x.withinAWS(ctx, q); err != nil && !(errors.Is(err, retinue.ErrNotFound) && others) {
			return out, err
		}
	}
	if !others {
		return out, nil
	}
	err = x.read(ctx, func(r *reader) error {
		list, err := r.escalations(x, q, known)
		out.List = append(out.List, list...)
		out.Gaps = append(out.Gaps, x.gaps(q.Realm)...)
		return err
	})
	return out, err
}

// hasRealm refuses a realm that nothing was read of.
func (a *App) hasRealm(ctx context.Context, realm retinue.Realm) error {
	if realm == "" {
		return nil
	}
	return a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		scopes, err := tx.Scopes()
		if err == nil && !slices.ContainsFunc(scopes, func(s store.ScopeStatus) bool { return s.Scope.Realm == realm }) {
			err = fmt.Errorf("%w: the inventory holds no system %.200q", retinue.ErrNotFound, string(realm))
		}
		return err
	})
}

// besidesAWS reports whether the inventory holds systems that are no AWS
// accounts: only then is the picture of all systems needed.
func (a *App) besidesAWS(ctx context.Context) (others bool, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		scopes, err := tx.Scopes()
		others = len(scopes) == 0 || slices.ContainsFunc(scopes, func(s store.ScopeStatus) bool { return s.Scope.Realm.Kind() != "aws" })
		return err
	})
	return others, err
}

// withinAWS lists those of AWS, and every identity that was looked at.
func (x *Access) withinAWS(ctx context.Context, q EscalationQuery) (out Escalations, known map[string]bool, err error) {
	out.List, known = []Escalation{}, map[string]bool{}
	if q.Language != "" && q.Language != "aws" || q.Realm != "" && q.Realm.Kind() != "aws" {
		return out, known, nil
	}
	p, err := x.app.AccessPaths(ctx)
	if err != nil {
		return out, known, err
	}
	out.Gaps = append(slices.Clone(p.Partial), p.Gaps...)
	for _, e := range p.Escalations() {
		if q.Realm != "" && realmOfARN(e.Identity) != q.Realm {
			continue
		}
		known[e.Identity] = true
		out.List = append(out.List, Escalation{Identity: e.Identity, Target: e.Target, Already: e.Already, Hops: hopsWithinAWS(e.Hops)})
	}
	return out, known, nil
}

func realmOfARN(arn string) retinue.Realm {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return retinue.NewRealm("aws", parts[4])
	}
	return ""
}

func hopsWithinAWS(hops []escalate.Hop) []AccessHop {
	out := []AccessHop{}
	for _, h := range hops {
		out = append(out, AccessHop{Technique: h.Technique, From: h.From, To: h.To, Because: h.Because, Through: h.Through, Assumes: h.Assumes})
	}
	return out
}

// escalations lists from the picture of all systems who reaches the target.
func (r *reader) escalations(x *Access, q EscalationQuery, known map[string]bool) ([]Escalation, error) {
	g := r.estate.Graph()
	targets := g.Admins()
	if q.To != "admin" {
		t, err := r.find(q.To, "")
		if err != nil {
			return nil, err
		}
		targets = nil
		if n := g.Find(r.estate.Same(t.Ref)); n != graph.None {
			targets = append(targets, n)
		}
	}
	speaks, err := r.estate.Speaks(q.Language)
	if err != nil {
		return nil, err
	}
	// The certain ways come first, whatever their length.
	sure, all := g.Backward(graph.Options{Certain: true}, targets...), g.Backward(graph.Options{}, targets...)
	var out []Escalation
	for i := range g.Len() {
		id := graph.NodeID(i)
		n := g.Node(id)
		if n.Kind != graph.Identity || !all.Reaches(id) && !n.Admin || known[n.Ref.Key] ||
			q.Realm != "" && n.Ref.Realm != q.Realm || q.Language != "" && !speaks(n.Ref.Realm) {
			continue
		}
		from := all
		if sure.Reaches(id) {
			from = sure
		}
		path := from.Path(id)
		already := q.To == "admin" && n.Admin
		if !already && len(path) == 0 || x.onlyAWS(g, n, path, q, already) {
			continue
		}
		e, err := r.escalation(g, id, from.Target(id), path, already)
		if err != nil {
			return nil, err
		}
		e.Possible = !already && from == all
		if e.Identity != "" {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Escalation) int {
		return strings.Compare(string(a.Realm)+"\x00"+a.Identity, string(b.Realm)+"\x00"+b.Identity)
	})
	return out, nil
}

// onlyAWS reports whether what the picture says is for package escalate to say,
// which was asked already: a way of an AWS identity within AWS.
func (x *Access) onlyAWS(g *graph.Graph, n graph.Node, path graph.Path, q EscalationQuery, already bool) bool {
	if q.To != "admin" || !x.scope.All || !x.at.IsZero() || n.Ref.Realm.Kind() != "aws" {
		return false
	}
	return already || !slices.ContainsFunc(path, func(s graph.StepID) bool {
		to := g.Node(g.Step(s).To)
		return to.Kind != graph.Set && to.Ref.Realm.Kind() != "aws"
	})
}

func (r *reader) escalation(g *graph.Graph, id, target graph.NodeID, path graph.Path, already bool) (e Escalation, err error) {
	who, err := r.node(g, id)
	if err != nil || who.Hidden {
		return Escalation{}, err
	}
	e = Escalation{Identity: who.Key, Already: already, Hops: []AccessHop{}}
	if who.Realm.Kind() != "aws" {
		e.Realm = who.Realm
	}
	if already {
		return e, nil
	}
	to, err := r.node(g, target)
	if err != nil {
		return e, err
	}
	e.Target = to.Key
	e.Hops, err = r.hops(g, path)
	return e, err
}

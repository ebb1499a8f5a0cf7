package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/access/excess"
	"github.com/retinue-id/retinue/internal/access/graph"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// judgedAccess answers what rules ask about access, for one run of the judge:
// one estate, and one search towards each sort of target that is asked about,
// whoever is judged.
type judgedAccess struct {
	estate  *estate.Estate
	towards map[string]towards
}

// towards are who comes to the targets of one sort, for certain and at all.
type towards struct{ certain, possible *graph.Backward }

// accessForJudge builds the estate with the labels as they were just kept. One
// that was built before may have older ones.
func (a *App) accessForJudge(ctx context.Context) (*judgedAccess, error) {
	var e *estate.Estate
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		e, err = loadEstate(ctx, tx, store.AsOf{})
		return err
	})
	if errors.Is(err, retinue.ErrInvalid) {
		a.log.Warn("access not judged", "error", err.Error())
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &judgedAccess{estate: e, towards: map[string]towards{}}, nil
}

// of returns the answers about an identity.
func (j *judgedAccess) of(ref retinue.Ref) *identityAccess {
	return &identityAccess{judge: j, ref: j.estate.Same(ref)}
}

// search finds who comes to targets of a sort.
func (j *judgedAccess) search(sort string) towards {
	if t, ok := j.towards[sort]; ok {
		return t
	}
	g := j.estate.Graph()
	var targets []graph.NodeID
	for i := range g.Len() {
		if id := graph.NodeID(i); isTarget(g.Node(id), sort) {
			targets = append(targets, id)
		}
	}
	var t towards
	if len(targets) > 0 {
		t = towards{g.Backward(graph.Options{Certain: true}, targets...), g.Backward(graph.Options{}, targets...)}
	}
	j.towards[sort] = t
	return t
}

// targetData is the sort of what has any class of data.
const targetData = "data"

func isTarget(n graph.Node, sort string) bool {
	switch sort {
	case estate.ReachedAdministrator:
		return n.Admin
	case estate.ReachedProduction:
		return n.Kind != graph.Set && n.Environment == retinue.EnvironmentProduction
	case targetData:
		return n.Kind != graph.Set && n.DataClass != ""
	}
	return n.Kind != graph.Set && n.DataClass == sort
}

// identityAccess implements rules.Access for one identity.
type identityAccess struct {
	judge *judgedAccess
	ref   retinue.Ref
	held  []access.Held // nil until asked for
}

// Judged implements rules.Access.
func (i *identityAccess) Judged() bool { return i.judge.estate.Judged(i.ref) }

// Administrator implements rules.Access.
func (i *identityAccess) Administrator() bool {
	g := i.judge.estate.Graph()
	n := g.Find(i.ref)
	return n != graph.None && g.Node(n).Admin
}

// Way implements rules.Access.
func (i *identityAccess) Way(sort string) rules.Way {
	g := i.judge.estate.Graph()
	n := g.Find(i.ref)
	t := i.judge.search(sort)
	if n == graph.None || t.possible == nil {
		return rules.Way{}
	}
	by := t.certain
	if !by.Reaches(n) {
		by = t.possible
	}
	if by.Hops(n) <= 0 {
		return rules.Way{}
	}
	path := by.Path(n)
	w := rules.Way{Hops: by.Hops(n), Certain: by == t.certain, To: nameOf(g, by.Target(n)), How: howOf(g, path)}
	if hops := g.Hops(path); len(hops) > 0 {
		w.Grant = grantNamed(g.Step(hops[0].Main).Because)
	}
	return w
}

func nameOf(g *graph.Graph, n graph.NodeID) string {
	x := g.Node(n)
	return cmp.Or(x.Name, x.Ref.Key)
}

// howOf says a way in words, hop by hop.
func howOf(g *graph.Graph, path graph.Path) string {
	var parts []string
	for _, h := range g.Hops(path) {
		s := g.Step(h.Main)
		from := make([]string, len(h.From))
		for i, n := range h.From {
			from[i] = nameOf(g, n)
		}
		text := strings.Join(from, " with ") + " " + string(s.Verb) + " " + nameOf(g, h.To)
		if s.Technique != "" && s.Technique != string(s.Verb) {
			text += " (" + s.Technique + ")"
		}
		for _, c := range s.Remains {
			text += ", if " + c.String()
		}
		if s.Assumes != "" {
			text += ", if " + s.Assumes
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// grantNamed names the grant that decided: the document with the statement.
func grantNamed(because []access.Reason) string {
	for _, r := range because {
		if r.Effect == "deny" || r.Document == "" && r.Statement == "" {
			continue
		}
		return strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{r.Layer, r.Document, r.Statement},
			func(w string) bool { return w == "" }), " "))
	}
	return ""
}

// Can implements rules.Access.
func (i *identityAccess) Can(action, resource string) bool {
	answers, err := i.judge.estate.Can(i.ref, action, resource)
	return err == nil && slices.ContainsFunc(answers, func(a estate.Answer) bool { return a.Outcome == access.Allowed })
}

// all is what the identity holds for certain or under conditions. What an
// engine does not understand is left out.
func (i *identityAccess) all() []access.Held {
	if i.held == nil {
		i.held = slices.DeleteFunc(i.judge.estate.Held(i.ref), func(h access.Held) bool { return h.Outcome == access.Unknown })
	}
	return i.held
}

// Held implements rules.Access.
func (i *identityAccess) Held() []rules.Holding {
	out := make([]rules.Holding, 0, len(i.all()))
	for _, h := range i.all() {
		out = append(out, rules.Holding{Consequence: string(h.Consequence), Sentence: h.Sentence, Actions: h.Actions, Resources: h.Resources,
			Breadth: string(excess.BreadthOf(h.Resources)), Within: h.Within, Certain: h.Outcome == access.Allowed, Grant: grantNamed(h.Because)})
	}
	return out
}

// Excess implements rules.Access. What is reached through others and scopes of
// tokens have findings of their own and play no part in it.
func (i *identityAccess) Excess() rules.Excess {
	x := excess.Of(excess.Input{Held: i.all(), Administrator: i.Administrator()})
	out := rules.Excess{Score: x.Score, Level: string(x.Level), Sentence: x.Sentence}
	for _, w := range x.Wildcards {
		if w.Consequence != access.Looks {
			out.Wildcards = append(out.Wildcards, w.Sentence)
		}
	}
	for _, c := range x.Combinations {
		if !i.confirms(c.ID) {
			continue
		}
		out.Combinations = append(out.Combinations, rules.Combination{ID: c.ID, Title: c.Title, Severity: string(c.Severity), Grants: c.Grants})
	}
	return out
}

// confirms asks the engine whether what a combination needs is allowed: a grant
// of a pattern names more than what a boundary or a deny leaves of it.
func (i *identityAccess) confirms(id string) bool {
	table := excess.Combinations()
	at := slices.IndexFunc(table, func(r excess.Rule) bool { return r.ID == id })
	return at >= 0 && !slices.ContainsFunc(table[at].Needs, func(n excess.Need) bool {
		follows := slices.ContainsFunc(i.all(), func(h access.Held) bool { return slices.Contains(n.Consequences, h.Consequence) })
		return !follows && !slices.ContainsFunc(n.Actions, i.allowed)
	})
}

// allowed reports whether an action is held by its own name or allowed on some
// resource.
func (i *identityAccess) allowed(action string) bool {
	named := func(h access.Held) bool {
		return slices.ContainsFunc(h.Actions, func(a string) bool { return strings.EqualFold(a, action) })
	}
	return slices.ContainsFunc(i.all(), named) || i.Can(action, "")
}

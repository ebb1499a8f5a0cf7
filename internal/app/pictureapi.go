package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// The bounds of a picture: how many things of a kind are shown at once, and
// how many where a group was opened.
const (
	pictureGroup  = 12
	pictureOpened = 200
)

// Picture implements api.Things.
func (a *App) Picture(ctx context.Context, scope store.RowScope, id retinue.EntityID, at store.AsOf, expand []string) (out api.Picture, err error) {
	err = a.viewThing(ctx, scope, retinue.FactIdentity, id, at, func(v *viewed) error {
		p := &painter{v: v, expand: expand, have: map[string]bool{}}
		if err := p.paint(); err != nil {
			return err
		}
		out = p.out
		return nil
	})
	return out, err
}

// painter collects what hangs on an identity and folds what is too much.
type painter struct {
	v      *viewed
	expand []string
	out    api.Picture
	have   map[string]bool
	items  []item
}

// item is a node with the edge that joins it to what is nearer the middle.
type item struct {
	node api.PictureNode
	edge api.PictureEdge
	// under is the node that it hangs on where that is not the middle.
	under string
}

func (p *painter) paint() error {
	row := p.v.row
	center := string(row.ID)
	p.out = api.Picture{Center: center, Edges: []api.PictureEdge{}, Note: accessNote,
		Nodes: []api.PictureNode{{ID: center, Side: "center", Type: "identity", Kind: row.Kind, Name: cmp.Or(row.Name, row.Key), Entity: row.ID, Flag: flagOf(row)}}}
	p.have[center] = true
	for _, step := range []func() error{p.credentials, p.trusts, p.runners, p.memberships, p.grants} {
		if err := step(); err != nil {
			return err
		}
	}
	p.fold()
	return nil
}

func flagOf(row store.ListRow) string {
	switch {
	case row.Findings[retinue.SeverityCritical] > 0:
		return "critical"
	case row.Findings[retinue.SeverityHigh] > 0:
		return "high"
	case row.Privileged:
		return "privileged"
	}
	return ""
}

// add puts a thing on the left or right. Edges lead from who acts to what is
// acted on: from the left to the middle, and from the middle to the right.
func (p *painter) add(n api.PictureNode, under, verb, sentence string) {
	near := cmp.Or(under, p.out.Center)
	e := api.PictureEdge{From: near, To: n.ID, Verb: verb, Sentence: sentence}
	if n.Side == "left" {
		e.From, e.To = n.ID, near
	}
	e.ID = e.From + ">" + e.To + ">" + verb
	p.items = append(p.items, item{node: n, edge: e, under: under})
}

func (p *painter) name() string { return p.out.Nodes[0].Name }

func (p *painter) credentials() error {
	for _, c := range p.v.thing.Credentials {
		n, err := p.v.named(c.Credential.Ref)
		if err != nil {
			return err
		}
		name := cmp.Or(c.Credential.Name, c.Credential.Ref.Key)
		id := "credential:" + cmp.Or(string(n.ID), c.Credential.Ref.String())
		p.add(api.PictureNode{ID: id, Side: "left", Type: "credential", Kind: string(c.Credential.Kind), Name: name, Entity: n.ID},
			"", "authenticates", fmt.Sprintf("Whoever holds the %s %s acts as %s.", words(string(c.Credential.Kind)), name, p.name()))
		for i, pl := range c.Placements {
			where := placeName(pl.Place)
			verb, sentence := "holds", fmt.Sprintf("%s lies in %s.", name, where)
			if pl.Reference {
				verb, sentence = "refers to", fmt.Sprintf("%s is referred to in %s.", name, where)
			}
			if pl.Historic {
				sentence = fmt.Sprintf("%s lies in the history of %s.", name, where)
			}
			p.add(api.PictureNode{ID: fmt.Sprintf("place:%s:%d", id, i), Side: "left", Type: "place", Kind: string(pl.Place.Kind), Name: where, Flag: string(pl.Exposure)}, id, verb, sentence)
		}
	}
	return nil
}

func placeName(p retinue.Place) string {
	s := p.Path
	if p.Field != "" {
		s += "#" + p.Field
	}
	if p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
	}
	return s
}

func (p *painter) trusts() error {
	for i, t := range p.v.thing.Trusts {
		var n api.Named
		if !t.Trustee.IsZero() {
			var err error
			if n, err = p.v.named(t.Trustee); err != nil {
				return err
			}
		}
		flag := ""
		switch {
		case t.Kind == retinue.TrusteeAnyone:
			flag = "anyone"
		case t.ThirdParty:
			flag = "third party"
		}
		p.add(api.PictureNode{ID: fmt.Sprintf("trustee:%d", i), Side: "left", Type: "trustee", Kind: string(t.Kind), Name: cmp.Or(t.Name, n.Name), Entity: identityOnly(n.ID), Flag: flag},
			"", "can become", trustSentence(t, p.name())+".")
	}
	return nil
}

// identityOnly keeps ids for which there is a page.
func identityOnly(id retinue.EntityID) retinue.EntityID {
	if strings.HasPrefix(string(id), "idn_") || strings.HasPrefix(string(id), "crd_") {
		return id
	}
	return ""
}

func (p *painter) runners() error {
	for i, r := range p.v.thing.Runners {
		name := cmp.Or(r.Name, r.Ref.Key)
		flag := ""
		if r.Public {
			flag = "public"
		}
		p.add(api.PictureNode{ID: fmt.Sprintf("runner:%d", i), Side: "left", Type: "runner", Kind: r.Kind, Name: name, Flag: flag},
			"", "runs as", fmt.Sprintf("The %s %s runs as %s.", words(r.Kind), name, p.name()))
	}
	p.out.Truncated = p.v.thing.Counts.Runners > int64(len(p.v.thing.Runners))
	return nil
}

func (p *painter) memberships() error {
	for _, m := range p.v.thing.Memberships {
		if len(m.Path) > 0 {
			continue // it comes through another group, and is shown with that
		}
		name := cmp.Or(m.Name, m.Membership.Group.Key)
		p.add(api.PictureNode{ID: "group:" + m.Membership.Group.String(), Side: "right", Type: "group", Kind: "group", Name: name},
			"", "member of", fmt.Sprintf("%s is a member of %s.", p.name(), name))
	}
	return nil
}

func (p *painter) grants() error {
	for i, at := range p.v.thing.Attachments {
		if at.Attachment.Role == retinue.AttachTrust || at.Attachment.Role == retinue.AttachResource {
			continue
		}
		name := cmp.Or(at.Policy.Policy.Name, at.Policy.Policy.Ref.Key)
		flag := consequence(at.Policy)
		verb := map[string]string{"administers": "administers by", "escalates": "escalates by", "secrets": "reads secrets by", "writes": "changes by", "reads": "reads by", "other": "is given"}[flag]
		if r := at.Attachment.Role; r != retinue.AttachIdentity && r != retinue.AttachGroup {
			flag, verb = "", "limited by"
		}
		sentence := fmt.Sprintf("%s %s %s: %s.", p.name(), verb, name, strings.Join(sentencesOf(at.Policy), "; "))
		if len(at.Path) > 0 {
			sentence = strings.TrimSuffix(sentence, ".") + ", through " + strings.Join(at.Path, " → ") + "."
		}
		p.add(api.PictureNode{ID: fmt.Sprintf("policy:%d", i), Side: "right", Type: "policy", Kind: string(at.Policy.Policy.Language), Name: name, Flag: flag}, "", verb, sentence)
	}
	for i, g := range p.v.thing.Grants {
		target := cmp.Or(g.ResourceName, g.Resource.Key, "everything")
		kind := cmp.Or(g.Resource.Kind, "resource")
		p.add(api.PictureNode{ID: fmt.Sprintf("resource:%d", i), Side: "right", Type: "resource", Kind: kind, Name: target},
			"", strings.Join(g.Privileges, ", "), fmt.Sprintf("%s has %s on %s.", p.name(), strings.Join(g.Privileges, ", "), target))
	}
	return nil
}

// fold keeps the first of each kind on each side, and one group for the rest.
func (p *painter) fold() {
	type key struct{ side, typ, kind string }
	count, shown := map[key]int{}, map[key]int{}
	keyOf := func(it item) key { return key{it.node.Side, it.node.Type, it.node.Kind} }
	for _, it := range p.items {
		count[keyOf(it)]++
	}
	for _, it := range p.items {
		k := keyOf(it)
		limit, group := pictureGroup, "more:"+k.side+":"+k.typ+":"+k.kind
		if slices.Contains(p.expand, group) {
			limit = pictureOpened
		}
		if it.under != "" && !p.have[it.under] {
			continue // what it hangs on is folded away
		}
		if shown[k] < limit {
			shown[k]++
			p.put(it)
			continue
		}
		if p.have[group] {
			continue
		}
		rest := count[k] - limit
		it.node = api.PictureNode{ID: group, Side: k.side, Type: "more", Kind: k.kind, Name: fmt.Sprintf("+%d %s", rest, words(k.kind)), Count: rest}
		from, to := it.edge.From, group
		if k.side == "left" {
			from, to = group, it.edge.To
		}
		it.edge = api.PictureEdge{ID: from + ">" + to, From: from, To: to, Verb: it.edge.Verb, Sentence: fmt.Sprintf("%d more of this kind.", rest)}
		p.put(it)
	}
}

func (p *painter) put(it item) {
	if !p.have[it.node.ID] {
		p.have[it.node.ID] = true
		p.out.Nodes = append(p.out.Nodes, it.node)
	}
	p.out.Edges = append(p.out.Edges, it.edge)
}

// words turns a kind into words.
func words(kind string) string {
	return strings.ReplaceAll(strings.ReplaceAll(kind, "_", " "), "-", " ")
}

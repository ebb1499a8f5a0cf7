package estate

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// placementSteps lets whoever reads a place have the credentials that lie in
// it. What only names a credential gives it to what reads it there, such as a
// pod or a pipeline, and to nobody else.
func (j *joins) placementSteps(b *graph.Builder) {
	keepers := j.keepers()
	for _, p := range j.placements {
		cred := b.Node(graph.Node{Ref: p.Credential, Kind: graph.Credential})
		reason := placementReason(p)
		step := graph.Step{To: cred, Verb: graph.PlacedAt, Technique: "reading " + words(string(p.Place.Kind)), Because: []access.Reason{reason},
			Needs: [][]graph.GrantID{b.GrantsOf(p.Credential, []access.Reason{reason})}, Through: reason.Document}
		if encrypted, _ := p.Attrs["encrypted"].(bool); encrypted {
			step.Remains = append(step.Remains, access.Condition{Key: "passphrase", Operator: "is", Values: []string{"known"}, Text: "the passphrase of the key is known"})
		}
		if p.Historic {
			step.Remains = append(step.Remains, access.Condition{Key: "value", Operator: "is", Values: []string{"current"},
				Text: "the value that was taken out of the repository was not replaced since"})
		}
		if !p.Consumer.IsZero() && p.Consumer.Kind != "pipeline" && given(p) { // of pipelines, their engine says it
			s := step
			s.From, s.Verb = []graph.NodeID{j.node(b, p.Consumer)}, graph.ReadsSecret
			b.Step(s)
		}
		if p.Reference {
			continue
		}
		place := j.place(b, p.Place, keepers)
		step.From = []graph.NodeID{place}
		b.Step(step)
		j.readers(b, p, place)
	}
}

// given reports whether what reads a placement comes to have the value: it is
// handed to what runs, while a file that lists public keys gives nobody theirs.
func given(p retinue.Placement) bool {
	if !p.Reference {
		return true
	}
	if how, ok := textsOf(p.Attrs["readBy"]); ok && !slices.Contains(how, "environment") && !slices.Contains(how, "volume") {
		return false // the node reads it to pull images or for a driver, and the pod never sees it
	}
	return slices.Contains([]retinue.PlaceKind{retinue.PlaceCIVariable, retinue.PlaceKubernetes, retinue.PlaceVault,
		retinue.PlaceEnvironment, retinue.PlaceCloudConfig, retinue.PlaceMCPConfig}, p.Place.Kind)
}

// textsOf is an attribute that is a list of texts, as a connector gives it or as
// it comes out of the store.
func textsOf(v any) ([]string, bool) {
	switch list := v.(type) {
	case []string:
		return list, true
	case []any:
		out := make([]string, 0, len(list))
		for _, x := range list {
			s, _ := x.(string)
			out = append(out, s)
		}
		return out, true
	}
	return nil, false
}

func placementReason(p retinue.Placement) access.Reason {
	at := p.Place.Path
	if !p.Place.Container.IsZero() {
		at = p.Place.Container.Key + ":" + at
	}
	text := "the credential lies there"
	if p.Reference {
		text = "the credential is handed in there"
	} else if p.Historic {
		text = "the credential lies in its history"
	}
	return access.Reason{Layer: "placement", Document: at, Statement: p.Place.Field, Effect: "allow", Text: text}
}

// vaultPlace names a place of a secret manager.
type vaultPlace struct {
	realm retinue.Realm
	path  string
}

// keepers finds the secrets of secret managers that are places themselves:
// other credentials lie in them under their names.
func (j *joins) keepers() map[vaultPlace]retinue.Ref {
	out := make(map[vaultPlace]retinue.Ref)
	for _, p := range j.placements {
		if p.Place.Kind != retinue.PlaceVault || p.Reference || p.Credential.Realm != p.Place.Realm || p.Place.Field != "" {
			continue
		}
		key := vaultPlace{p.Place.Realm, p.Place.Path}
		if name := j.things[p.Credential].name; name == p.Place.Path {
			if _, ok := out[key]; !ok {
				out[key] = p.Credential
			}
		}
	}
	return out
}

// place is the node of a place: the Secret of a cluster, the secret of a secret
// manager, else a node of its own.
func (j *joins) place(b *graph.Builder, p retinue.Place, keepers map[vaultPlace]retinue.Ref) graph.NodeID {
	switch {
	case p.Kind == retinue.PlaceKubernetes && p.Container.Kind == "namespace":
		return b.Node(graph.Node{Ref: retinue.NewRef(p.Realm, "secret", p.Container.Key+"/"+p.Path), Kind: graph.Credential})
	case p.Kind == retinue.PlaceVault:
		if ref, ok := keepers[vaultPlace{p.Realm, p.Path}]; ok {
			return b.Node(graph.Node{Ref: ref, Kind: graph.Credential})
		}
	}
	return b.Node(graph.Node{Ref: PlaceRef(p), Kind: graph.Place, Name: p.Path})
}

// PlaceRef is the ref of the node of a place that is no thing of the inventory
// by itself.
func PlaceRef(p retinue.Place) retinue.Ref {
	key := p.Path
	if !p.Container.IsZero() {
		key = p.Container.Key + ":" + key
	}
	return retinue.NewRef(p.Realm, "place", key)
}

// readers lets those who hold a whole machine or repository read the place, and
// everyone whom the exposure of the file names.
func (j *joins) readers(b *graph.Builder, p retinue.Placement, place graph.NodeID) {
	c := p.Place.Container
	if k := c.Kind; k == "host" || k == "repository" {
		b.Step(graph.Step{From: []graph.NodeID{j.node(b, c)}, To: place, Verb: graph.Contains, Technique: "holding the " + k})
	}
	if runs := j.pipelines[c]; len(runs) > 0 {
		checkout := b.Node(graph.Node{Ref: retinue.NewRef(c.Realm, "checkout", c.Key), Kind: graph.Set, Name: "every pipeline of " + c.Key})
		for _, ref := range runs {
			b.Step(graph.Step{From: []graph.NodeID{j.node(b, ref)}, To: checkout, Verb: graph.MemberOf, Technique: "a pipeline of the repository"})
		}
		delete(j.pipelines, c) // once is enough
		j.checkouts[c] = checkout
	}
	if checkout, ok := j.checkouts[c]; ok {
		b.Step(graph.Step{From: []graph.NodeID{checkout}, To: place, Verb: graph.Reads, Technique: "checking out the repository"})
	}
	switch {
	case p.Exposure == retinue.ExposurePublic:
		b.Step(graph.Step{From: []graph.NodeID{anyone(b)}, To: place, Verb: graph.Reads, Technique: "reading what is public"})
	case p.Exposure == retinue.ExposureWorld && c.Kind == "host":
		b.Step(graph.Step{From: []graph.NodeID{accountsOf(b, c)}, To: place, Verb: graph.Reads, Technique: "reading a file that is open to every account"})
	}
}

// anyone is the node of everybody.
func anyone(b *graph.Builder) graph.NodeID {
	return b.Node(graph.Node{Ref: retinue.NewRef("anyone:anyone", "anyone", "anyone"), Kind: graph.Anyone, Name: "anyone"})
}

// accountsOf is the node that every account of a machine leads to.
func accountsOf(b *graph.Builder, host retinue.Ref) graph.NodeID {
	return b.Node(graph.Node{Ref: retinue.NewRef(host.Realm, "accounts", host.Key), Kind: graph.Set, Name: "every account of " + host.Key})
}

func words(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

package estate

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/glob"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// issuerName brings the spellings of an issuer together: clouds leave out the
// scheme, and some a slash at the end.
func issuerName(issuer string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(issuer), "https://"), "/")
}

// claim is what a workload says of itself: that its tokens are taken for an
// identity.
type claim struct{ subject, workload retinue.Ref }

// federationSteps lets workloads act as the identities whose trusts take their
// tokens. A trust names an issuer and a pattern of subjects. Where the other
// side was not read, the workload's own claim is taken, and said to be one.
func (j *joins) federationSteps(b *graph.Builder) {
	claims := make(map[claim]bool)
	admits := make(map[retinue.Ref]bool) // whose trusts were read
	for _, t := range j.trusts {
		if t.Kind != retinue.TrusteeFederated {
			continue
		}
		if claimed(t) {
			claims[claim{t.Subject, t.Trustee}] = true
		} else {
			admits[t.Subject] = true
		}
	}
	for _, t := range j.trusts {
		switch {
		case t.Kind != retinue.TrusteeFederated || t.Federation == nil:
		case claimed(t):
			_, known := j.things[t.Subject]
			if !admits[t.Subject] && !known {
				j.federate(b, t, t.Trustee, "it trusts the issuer, as the workload's annotation says")
			}
		default:
			for _, w := range j.matching(t, claims) {
				j.federate(b, t, w, "")
			}
		}
	}
}

func claimed(t retinue.Trust) bool { _, ok := t.Attrs["claimedBy"]; return ok }

// matching lists the workloads whose tokens a trust takes. Where it does not
// say which issuer's, those that claim it.
func (j *joins) matching(t retinue.Trust, claims map[claim]bool) []retinue.Ref {
	var out []retinue.Ref
	pattern := t.Federation.Subject
	issuer := issuerName(t.Federation.Issuer)
	for at, list := range j.workloads {
		if issuer != "" && at != "" && at != issuer {
			continue
		}
		for _, w := range list {
			if (at == "" || issuer == "") && !claims[claim{t.Subject, w.ref}] {
				continue
			}
			if glob.Match(pattern, w.subject) {
				out = append(out, w.ref)
			}
		}
	}
	slices.SortFunc(out, retinue.Ref.Compare)
	return out
}

func (j *joins) federate(b *graph.Builder, t retinue.Trust, from retinue.Ref, assumes string) {
	reason := access.Reason{Layer: "trust", Document: t.Subject.Key, Statement: t.Federation.Subject, Effect: "allow",
		Text: "it takes tokens of " + t.Federation.Issuer + " for " + t.Federation.Subject}
	s := j.stepOf(b, j.node(b, from), t.Subject, graph.Federates, "use of the workload's token", t.Subject, reason)
	s.Assumes = assumes
	for _, key := range t.Conditions {
		if k := strings.ToLower(key); !strings.HasSuffix(k, ":sub") && !strings.HasSuffix(k, ":aud") {
			s.Remains = append(s.Remains, access.Condition{Key: key, Operator: "limits", Text: "the condition on " + key + " of the trust holds"})
		}
	}
	b.Step(s)
}

// clusterSteps lets principals of AWS act in the clusters whose access entries
// name them: as members of the groups that an entry names, or as administrators
// by the policy that makes them so (EKS User Guide, "Access policy
// permissions"). The other access policies are not rules of the cluster and are
// left out.
func (j *joins) clusterSteps(b *graph.Builder) {
	for _, g := range j.grants {
		issuer, ok := j.eks[g.Resource]
		realm, known := j.clusters[issuer]
		if !ok || !known || issuer == "" {
			continue
		}
		for _, p := range g.Privileges {
			group, isGroup := strings.CutPrefix(p, "group:")
			if p == "policy:AmazonEKSClusterAdminPolicy" {
				group, isGroup = "system:masters", true
			}
			if !isGroup {
				continue
			}
			to := retinue.NewRef(realm, "group", group)
			b.Node(graph.Node{Ref: to, Kind: graph.Set, Name: group, Admin: group == "system:masters"})
			reason := access.Reason{Layer: "access entry", Document: g.Resource.Key, Statement: p, Effect: "allow", Text: "the cluster's access entry of " + g.Subject.Key}
			j.step(b, j.node(b, g.Subject), to, graph.SignsInAs, "sign-in to the cluster", g.Subject, reason)
		}
	}
}

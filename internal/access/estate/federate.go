package estate

import (
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

// federationSteps lets workloads act as identities that they claim take their
// tokens, where the engine of tokens cannot say: the issuer is not known, and
// the trust agrees in the subject; or the identity lies in a system that was not
// read, and the claim is all there is.
func (j *joins) federationSteps(b *graph.Builder) {
	subjects := make(map[retinue.Ref][]retinue.Trust)
	for _, t := range j.trusts {
		if t.Kind == retinue.TrusteeFederated && t.Federation != nil && !claimed(t) {
			subjects[t.Subject] = append(subjects[t.Subject], t)
		}
	}
	for _, t := range j.trusts {
		if t.Kind != retinue.TrusteeFederated || t.Federation == nil || !claimed(t) || t.Trustee.IsZero() {
			continue
		}
		if _, known := j.things[t.Subject]; !known {
			j.federate(b, t, t.Trustee, "it trusts the issuer, as the annotation of the workload says")
			continue
		}
		if t.Federation.Issuer != "" {
			continue
		}
		for _, admits := range subjects[t.Subject] {
			if glob.Match(admits.Federation.Subject, t.Federation.Subject) {
				j.federate(b, admits, t.Trustee, "the issuer that it trusts is the cluster's, which was not read")
				break
			}
		}
	}
}

func claimed(t retinue.Trust) bool { _, ok := t.Attrs["claimedBy"]; return ok }

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

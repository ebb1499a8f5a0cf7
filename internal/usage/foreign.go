package usage

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Withhold takes off an event the names of identities and credentials of systems
// for which its sender does not speak, and returns them. The event itself stays: it
// is of a system that the sender speaks for, and somebody did it. What a name of
// another system stood for gets no evidence of use by it, and nothing is taken to
// have been done to it.
//
// The resource that was acted on and the workload that acted stay as they are: no
// verdict is formed of them. So does what a credential is known by without a name (a
// public key, a hash): a system says by it what came in, wherever that belongs. The
// id of a cloud's key is a name in every system but the cloud's own.
func Withhold(e *retinue.Event, speaksFor func(retinue.Realm) bool) []retinue.Ref {
	var out []retinue.Ref
	foreign := func(r retinue.Ref) bool {
		if r.IsZero() || r.Realm == e.Realm || speaksFor(r.Realm) {
			return false
		}
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
		return true
	}
	for _, r := range []*retinue.Ref{&e.Identity, &e.Credential, &e.OnBehalfOf} {
		if foreign(*r) {
			*r = retinue.Ref{}
		}
	}
	e.Via = slices.DeleteFunc(e.Via, foreign)
	e.Touches = slices.DeleteFunc(e.Touches, func(t retinue.Touch) bool { return foreign(t.Target) })
	e.Joins = slices.DeleteFunc(e.Joins, func(j retinue.JoinKey) bool {
		cloud, id, _ := strings.Cut(j.Value, ":")
		return j.Kind == retinue.JoinProviderID && (cloud == "aws" || cloud == "gcp") && cloud != e.Realm.Kind() &&
			foreign(retinue.NewRef(retinue.NewRealm(cloud, "*"), "credential", id))
	})
	return out
}

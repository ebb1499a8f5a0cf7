package usage

import (
	"encoding/base32"
	"encoding/binary"
	"fmt"
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
// id of a cloud's key is a name: in every system but the cloud's own, and in an
// account of the cloud where the key is another account's. Whose it is says homes,
// which returns where the inventory has a key (nil: nothing is known), else the id
// itself ([AWSKeyAccount]), else the identity that the event names with it.
func Withhold(e *retinue.Event, speaksFor func(retinue.Realm) bool, homes func(retinue.JoinKey) []retinue.Realm) []retinue.Ref {
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
	by := e.Identity
	for _, r := range []*retinue.Ref{&e.Identity, &e.Credential, &e.OnBehalfOf} {
		if foreign(*r) {
			*r = retinue.Ref{}
		}
	}
	e.Via = slices.DeleteFunc(e.Via, foreign)
	e.Touches = slices.DeleteFunc(e.Touches, func(t retinue.Touch) bool { return foreign(t.Target) })
	e.Joins = slices.DeleteFunc(e.Joins, func(j retinue.JoinKey) bool {
		cloud, id, _ := strings.Cut(j.Value, ":")
		if j.Kind != retinue.JoinProviderID || cloud != "aws" && cloud != "gcp" {
			return false
		}
		if cloud != e.Realm.Kind() {
			return foreign(retinue.NewRef(retinue.NewRealm(cloud, "*"), "credential", id))
		}
		home := keyHome(e, j, by, homes, speaksFor)
		return home != "" && foreign(retinue.NewRef(home, "credential", id))
	})
	return out
}

// keyHome is the account of a cloud that a key belongs to, empty where that is not
// known. Of several in which the inventory has it, it is one for which the sender
// speaks, if there is one.
func keyHome(e *retinue.Event, j retinue.JoinKey, by retinue.Ref, homes func(retinue.JoinKey) []retinue.Realm, speaksFor func(retinue.Realm) bool) retinue.Realm {
	cloud, id, _ := strings.Cut(j.Value, ":")
	var home retinue.Realm
	if homes != nil {
		for _, r := range homes(j) {
			switch {
			case r.Kind() != cloud: // where a copy lies
			case r == e.Realm || speaksFor(r):
				return r
			default:
				home = r
			}
		}
	}
	if home != "" {
		return home
	}
	if account, ok := AWSKeyAccount(id); ok && cloud == "aws" {
		return retinue.NewRealm(cloud, account)
	}
	if by.Realm.Kind() == cloud {
		return by.Realm
	}
	return ""
}

// AWSKeyAccount returns the account that an access key of AWS belongs to, which its
// id holds: 40 bits behind the first of what follows the four letters of its kind,
// in base 32. AWS does not document that; GetAccessKeyInfo answers the same. Ids
// from before 2019, whose fifth letter is I or J, do not hold it.
func AWSKeyAccount(id string) (string, bool) {
	const length, kind, accountBits, mostAccounts = 20, 4, 40, 1_000_000_000_000
	if len(id) != length || id[:kind] != "AKIA" && id[:kind] != "ASIA" || id[kind] == 'I' || id[kind] == 'J' {
		return "", false
	}
	raw, err := base32.StdEncoding.DecodeString(id[kind:])
	if err != nil {
		return "", false
	}
	const first = 48 // bits that are looked at: one, the account, and seven of something else
	account := binary.BigEndian.Uint64(raw) >> (64 - first) >> (first - 1 - accountBits) & (1<<accountBits - 1)
	if account >= mostAccounts {
		return "", false
	}
	return fmt.Sprintf("%012d", account), true
}

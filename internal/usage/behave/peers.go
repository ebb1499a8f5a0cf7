package behave

import (
	"maps"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

const (
	// usualAmong is how many others must use a value, each on usualDays, for it to
	// be usual among them: an attacker who goes from one to the next is not.
	usualAmong, usualDays = 3, 5
	// peersKept is how many are remembered of each value.
	peersKept = 8
)

// Peers is what the identities of a group use: those of one realm, or of one
// consumer. It is filled first and then only read, by any number of goroutines.
type Peers struct {
	values map[peerValue][]peerUse
}

type peerValue struct {
	dim   dimension
	value string
}

type peerUse struct {
	ref   retinue.Ref
	first time.Time // the fifth day of use
}

// Add takes up what one of the group did.
func (p *Peers) Add(ref retinue.Ref, used []store.Used) {
	if p.values == nil {
		p.values = map[peerValue][]peerUse{}
	}
	own := map[peerValue]map[int64]bool{}
	for _, x := range replay(used).all {
		if x.denied() {
			continue
		}
		for d, v := range x.values {
			k := peerValue{dimension(d), v}
			if own[k] == nil {
				own[k] = map[int64]bool{}
			}
			own[k][x.day()] = true
		}
	}
	for k, days := range own {
		if k.value != "" && len(days) >= usualDays {
			since := slices.Sorted(maps.Keys(days))[usualDays-1]
			p.values[k] = keepEarliest(p.values[k], peerUse{ref, seconds(since * 86400)})
		}
	}
}

// keepEarliest adds a use to those that are remembered, the latest going where
// there are too many.
func keepEarliest(list []peerUse, u peerUse) []peerUse {
	if len(list) < peersKept {
		return append(list, u)
	}
	late := 0
	for i := range list {
		if list[i].first.After(list[late].first) {
			late = i
		}
	}
	if u.first.Before(list[late].first) {
		list[late] = u
	}
	return list
}

// usual reports whether a value was usual among others before.
func (p *Peers) usual(d dimension, value string, before time.Time, self retinue.Ref) bool {
	if p == nil {
		return false
	}
	n := 0
	for _, u := range p.values[peerValue{d, value}] {
		if u.ref != self && u.first.Before(before) {
			n++
		}
	}
	return n >= usualAmong
}

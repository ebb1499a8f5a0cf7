package behave

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// usualAmong is how many others must have used a value for it to be usual among
// them, and peersKept how many are remembered of each.
const usualAmong, peersKept = 3, 8

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
	first time.Time
}

// Add takes up what one of the group did.
func (p *Peers) Add(ref retinue.Ref, used []store.Used) {
	if p.values == nil {
		p.values = map[peerValue][]peerUse{}
	}
	own := map[peerValue]time.Time{}
	for i := range used {
		b := &used[i].Behaviour
		if b.Outcome == retinue.OutcomeDenied || len(used[i].Months) == 0 {
			continue
		}
		first := seconds(used[i].Months[0].First)
		for d, v := range valuesOf(b) {
			k := peerValue{dimension(d), v}
			if was, ok := own[k]; v != "" && (!ok || first.Before(was)) {
				own[k] = first
			}
		}
	}
	for k, first := range own {
		p.values[k] = keepEarliest(p.values[k], peerUse{ref, first})
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

// usual reports whether others used a value before.
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

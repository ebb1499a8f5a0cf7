package replay

import (
	"cmp"
	"slices"

	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
)

// Share is what a consumer would take with it into an identity of its own.
type Share struct {
	Affected
	// Needs are the permissions with the resources, as the history keeps them.
	Needs []Need `json:"needs"`
	// Alone is true where no other consumer has any of its needs.
	Alone bool `json:"alone"`
}

// Need is a permission on a resource.
type Need struct {
	Action    string `json:"action,omitempty"`
	Operation string `json:"operation,omitempty"`
	Resource  string `json:"resource,omitempty"`
	Uses      int64  `json:"uses"`
}

// Division is an identity divided among its consumers.
type Division struct {
	Shares []Share `json:"shares"`
	// Result has the uses that go to somebody as GoesOn, and those of which the
	// log does not say whose they are as Unjudged.
	Result
}

// byConsumer judges by whether it is known who would go with a use.
type byConsumer struct{}

// Judge implements Judge.
func (byConsumer) Judge(b *store.Behaviour) (Fate, string) {
	if b.Consumer.Kind == usage.ConsumerUnknown || b.Consumer.Name == "" {
		return Unjudged, "the log does not say who it was"
	}
	return GoesOn, ""
}

// Split divides a history among the consumers that it names, latest first.
func Split(used []store.Used) Division {
	out := Division{Result: Run(used, byConsumer{}), Shares: []Share{}}
	users := map[Need]map[Consumer]bool{}
	own := map[Consumer]map[Need]int64{}
	for _, l := range out.Of(GoesOn) {
		n := Need{Action: l.Action, Operation: l.Operation, Resource: l.Resource}
		if users[n] == nil {
			users[n] = map[Consumer]bool{}
		}
		if own[l.Consumer] == nil {
			own[l.Consumer] = map[Need]int64{}
		}
		users[n][l.Consumer] = true
		own[l.Consumer][n] += l.Uses
	}
	for _, a := range affected(out.Lines, GoesOn) {
		s := Share{Affected: a, Alone: true}
		for n, uses := range own[a.Consumer] {
			s.Alone = s.Alone && len(users[n]) == 1
			n.Uses = uses
			s.Needs = append(s.Needs, n)
		}
		slices.SortFunc(s.Needs, func(a, b Need) int {
			return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Resource, b.Resource))
		})
		out.Shares = append(out.Shares, s)
	}
	return out
}

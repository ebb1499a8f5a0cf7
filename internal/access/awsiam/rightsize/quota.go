package rightsize

import (
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
)

// Limit is how large policies may be ("IAM and AWS STS quotas", IAM and STS
// character limits, and IAM entity quotas). White space does not count.
type Limit struct {
	Name string `json:"name"`
	// Characters is how many one document may have, or all documents of a kind
	// together where Shared.
	Characters int  `json:"characters"`
	Shared     bool `json:"shared,omitempty"`
	// Documents is how many can be attached to one identity, without having
	// the quota raised; 0 means that there is no such limit.
	Documents int `json:"documents,omitempty"`
}

// The limits.
var (
	Managed     = Limit{Name: "managed", Characters: 6144, Documents: 10}
	InlineUser  = Limit{Name: "user", Characters: 2048, Shared: true}
	InlineGroup = Limit{Name: "group", Characters: 5120, Shared: true}
	InlineRole  = Limit{Name: "role", Characters: 10240, Shared: true}
)

// Limits lists the limits.
func Limits() []Limit { return []Limit{Managed, InlineUser, InlineGroup, InlineRole} }

// Document is one of the documents of the new policy.
type Document struct {
	Policy json.RawMessage `json:"policy"`
	// Size is its characters without white space.
	Size int `json:"size"`
}

// split packs statements, in their order, into documents that are within the
// limit. A statement that is too large for one is taken apart first. fits is
// false where there are more documents than can be attached, or where they
// share a limit and exceed it together.
func split(statements []statement, limit Limit) (documents []Document, fits bool, err error) {
	if limit.Shared {
		// Inline policies add up: splitting them gains nothing.
		if len(statements) == 0 {
			return []Document{}, true, nil
		}
		d := document(statements)
		return []Document{d}, d.Size <= limit.Characters, nil
	}
	documents = []Document{}
	var now []statement
	for _, st := range statements {
		pieces, err := pieces(st, limit.Characters)
		if err != nil {
			return nil, false, err
		}
		for _, piece := range pieces {
			if len(now) > 0 && document(append(now[:len(now):len(now)], piece)).Size > limit.Characters {
				documents = append(documents, document(now))
				now = nil
			}
			now = append(now, piece)
		}
	}
	if len(now) > 0 {
		documents = append(documents, document(now))
	}
	return documents, limit.Documents == 0 || len(documents) <= limit.Documents, nil
}

func document(statements []statement) Document {
	d := Document{Policy: render(statements)}
	d.Size = Length(d.Policy)
	return d
}

// pieces takes a statement apart until each piece is within the limit: by its
// resources, else by its actions. Lists of Not cannot be taken apart.
func pieces(st statement, limit int) ([]statement, error) {
	if document([]statement{st}).Size <= limit {
		return []statement{st}, nil
	}
	a, b := st, st
	switch {
	case len(st.Resource) > 1:
		half := len(st.Resource) / 2
		a.Resource, b.Resource = st.Resource[:half], st.Resource[half:]
	case len(st.Action) > 1:
		half := len(st.Action) / 2
		a.Action, b.Action = st.Action[:half], st.Action[half:]
	default:
		return nil, fmt.Errorf("%w: right-size: statement %s alone is larger than %d characters", retinue.ErrUnsupported, st.Sid, limit)
	}
	if st.Sid != "" {
		// A document may hold an id once only, and both may come into one.
		a.Sid, b.Sid = st.Sid+"A", st.Sid+"B"
	}
	first, err := pieces(a, limit)
	if err != nil {
		return nil, err
	}
	second, err := pieces(b, limit)
	return append(first, second...), err
}

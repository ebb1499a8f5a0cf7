package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/web/api"
)

// Bounds of the list of third parties.
const (
	maxThirdPartyAccess = 5000
	maxGranted          = 3
)

// ThirdParties implements api.ThirdParties.
func (a *App) ThirdParties(ctx context.Context, scope store.RowScope) (out []api.ThirdParty, err error) {
	err = a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		w := thirdParties{tx: tx, things: inventory.New(tx), by: map[string]*api.ThirdParty{}}
		yes := true
		q := store.ListQuery{Type: retinue.FactIdentity, Filter: store.Filter{ThirdParty: &yes}, Limit: store.MaxPage, Count: store.CountNone}
		for n := 0; n < maxThirdPartyAccess; {
			p, err := tx.List(q)
			if err != nil {
				return err
			}
			for _, row := range p.Items {
				if err := w.add(row); err != nil {
					return err
				}
			}
			n += len(p.Items)
			if q.Cursor = p.Next; q.Cursor == "" {
				break
			}
		}
		out = w.list()
		return nil
	})
	return out, err
}

// thirdParties groups identities by the organisations that act through them.
type thirdParties struct {
	tx     *sqlstore.Tx
	things *inventory.Things
	by     map[string]*api.ThirdParty
}

func (w *thirdParties) add(row store.ListRow) error {
	th, err := w.things.Thing(row.InternalKey)
	if errors.Is(err, retinue.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	base := thirdPartyAccess(row, th)
	f, _ := th.Fact.(retinue.Identity)
	if f.Publisher != "" || f.Kind == retinue.IdentityOAuthApp {
		x := base
		x.How = "app"
		w.join(cmp.Or(f.Publisher, f.Name), f.Publisher != "", true, x, row)
	}
	for _, t := range th.Trusts {
		if !t.ThirdParty || t.Kind == retinue.TrusteeService {
			continue
		}
		x := base
		x.How, x.Account, x.Conditions = "trust", cmp.Or(t.Name, t.Trustee.Key), orEmpty(t.Conditions)
		if t.Kind == retinue.TrusteeAccount || t.Kind == retinue.TrusteePrincipal {
			x.ExternalID = map[bool]string{true: "present", false: "missing"}[t.ExternalID]
		}
		name := cmp.Or(t.Vendor, x.Account)
		if t.Kind == retinue.TrusteeAnyone {
			name = "Anyone"
		}
		w.join(name, t.Vendor != "", t.OrganizationKnown, x, row)
	}
	return nil
}

// thirdPartyAccess is what is alike for every way in which an identity is a third
// party's.
func thirdPartyAccess(row store.ListRow, th *inventory.Thing) api.ThirdPartyAccess {
	uses := th.Uses
	for _, c := range th.Credentials {
		uses = append(uses[:len(uses):len(uses)], c.Uses...)
	}
	x := api.ThirdPartyAccess{ID: row.ID, Name: row.Name, Kind: row.Kind, Source: row.Source, ExternalID: "not_applicable", Conditions: []string{},
		Granted: []string{}, Privileged: row.Privileged, Use: useSummary(uses, row.Source), Owner: row.Owner, Since: row.CreatedAt, Environment: string(row.Environment)}
	seen := map[string]bool{}
	grants := inventory.GrantsOf(row.Entity, th)
	slices.SortStableFunc(grants, func(a, b inventory.Grant) int { return cmp.Compare(b2n(b.Admin), b2n(a.Admin)) })
	for _, g := range grants {
		sentences := g.Sentences
		if len(g.Privileges) > 0 {
			sentences = append(sentences[:len(sentences):len(sentences)], strings.Join(g.Privileges, ", ")+" on "+cmp.Or(g.Resource, "what it was granted for"))
		} else if len(sentences) == 0 && g.Policy != "" {
			sentences = []string{g.Policy}
		}
		for _, s := range sentences {
			switch {
			case seen[s]:
			case len(x.Granted) < maxGranted:
				x.Granted = append(x.Granted, s)
			default:
				x.GrantedMore++
			}
			seen[s] = true
		}
	}
	if g := th.Registration; g != nil && (g.Purpose != "" || !g.ReviewDate.IsZero() || !g.EndDate.IsZero()) {
		x.Registration = &api.ReviewDate{ReviewDate: g.ReviewDate, EndDate: g.EndDate, Purpose: g.Purpose}
	}
	return x
}

func b2n(b bool) int {
	if b {
		return 1
	}
	return 0
}

// join adds an access to its organisation.
func (w *thirdParties) join(vendor string, named, known bool, x api.ThirdPartyAccess, row store.ListRow) {
	key := strings.ToLower(vendor)
	v := w.by[key]
	if v == nil {
		v = &api.ThirdParty{Vendor: vendor, NameKnown: named, OrganizationKnown: known, Owners: []string{}, Findings: map[retinue.Severity]int64{}}
		w.by[key] = v
	}
	first := !slices.ContainsFunc(v.Access, func(o api.ThirdPartyAccess) bool { return o.ID == x.ID })
	v.Access = append(v.Access, x)
	v.OrganizationKnown = v.OrganizationKnown || known
	if x.ExternalID == "missing" {
		v.MissingExternalID++
	}
	if !first {
		return
	}
	v.Privileged += b2n(x.Privileged)
	switch x.Use.Status {
	case "used":
		if x.Use.LastUsed.After(v.LastUsed) {
			v.LastUsed = x.Use.LastUsed
		}
	case "never_used":
		v.NeverUsed++
	default:
		v.UseUnknown++
	}
	if x.Owner == "" {
		v.Unowned++
	} else if !slices.Contains(v.Owners, x.Owner) {
		v.Owners = append(v.Owners, x.Owner)
	}
	for s, n := range row.Findings {
		v.Findings[s] += int64(n)
	}
}

// list orders organisations: those that can administer first, then by how much
// they were granted.
func (w *thirdParties) list() []api.ThirdParty {
	out := make([]api.ThirdParty, 0, len(w.by))
	for _, v := range w.by {
		slices.Sort(v.Owners)
		slices.SortFunc(v.Access, func(a, b api.ThirdPartyAccess) int {
			return cmp.Or(cmp.Compare(b2n(b.Privileged), b2n(a.Privileged)), strings.Compare(a.Name, b.Name), strings.Compare(string(a.ID), string(b.ID)), strings.Compare(a.Account, b.Account))
		})
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b api.ThirdParty) int {
		return cmp.Or(cmp.Compare(b.Privileged, a.Privileged), cmp.Compare(b.MissingExternalID, a.MissingExternalID), cmp.Compare(len(b.Access), len(a.Access)),
			strings.Compare(a.Vendor, b.Vendor))
	})
	return out
}

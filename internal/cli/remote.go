package cli

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
)

// remote is the inventory of a server, as far as the token's account sees it.
type remote struct{ c *client.Client }

func listOf(t retinue.FactType) string {
	if t == retinue.FactCredential {
		return "/credentials"
	}
	return "/identities"
}

func set(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

func (r *remote) options(q store.EntityQuery) client.ListOptions {
	v := url.Values{}
	set(v, "id", string(q.ID))
	set(v, "source", q.Source)
	set(v, "realm", string(q.Realm))
	set(v, "kind", q.Kind)
	set(v, "class", string(q.Class))
	set(v, "state", q.State)
	set(v, "environment", string(q.Environment))
	set(v, "criticality", string(q.Criticality))
	set(v, "owner", q.Owner)
	set(v, "text", q.Text)
	if q.Gone {
		v.Set("gone", "true")
	}
	return client.ListOptions{Filter: v, Limit: q.Limit, AsOf: q.AsOf.Observed, KnownAt: q.AsOf.Known}
}

func (r *remote) rows(ctx context.Context, q store.EntityQuery) iter.Seq2[store.Entity, error] {
	return func(yield func(store.Entity, error) bool) {
		for x, err := range client.List[store.ListRow](ctx, r.c, listOf(q.Type), r.options(q)) {
			if !yield(x.Entity, err) {
				return
			}
		}
	}
}

func (r *remote) entities(ctx context.Context, q store.EntityQuery, fn func(iter.Seq2[store.Entity, error]) error) error {
	return fn(r.rows(ctx, q))
}

func (r *remote) grants(ctx context.Context, q store.EntityQuery, word string, fn func(iter.Seq2[inventory.Grant, error]) error) error {
	if word != "" {
		x, err := r.find(ctx, retinue.FactIdentity, word)
		if err != nil {
			return err
		}
		q = store.EntityQuery{Type: retinue.FactIdentity, ID: x.ID, AsOf: q.AsOf}
	}
	return fn(client.List[inventory.Grant](ctx, r.c, "/grants", r.options(q)))
}

// find resolves what a person typed: a public id, a key or a name.
func (r *remote) find(ctx context.Context, t retinue.FactType, word string) (store.Entity, error) {
	prefix, _ := retinue.EntityPrefix(t)
	if strings.HasPrefix(word, prefix) {
		return r.first(ctx, store.EntityQuery{Type: t, ID: retinue.EntityID(word)}, word, func(store.Entity) bool { return true })
	}
	x, err := r.first(ctx, store.EntityQuery{Type: t, Text: word, Limit: 200}, word, func(x store.Entity) bool { return x.Key == word })
	if err == nil {
		return x, nil
	}
	return r.first(ctx, store.EntityQuery{Type: t, Text: word, Limit: 200}, word, func(x store.Entity) bool { return strings.EqualFold(x.Name, word) })
}

// first returns the one row that fits; several are an error that lists them.
func (r *remote) first(ctx context.Context, q store.EntityQuery, word string, fits func(store.Entity) bool) (store.Entity, error) {
	var found []store.Entity
	for x, err := range r.rows(ctx, q) {
		if err != nil {
			return store.Entity{}, err
		}
		if fits(x) {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 0:
		return store.Entity{}, fmt.Errorf("%w: nothing is called %q; `list --text` searches", retinue.ErrNotFound, word)
	case 1:
		return found[0], nil
	}
	ids := make([]string, 0, 5)
	for _, x := range found[:min(len(found), 5)] {
		ids = append(ids, fmt.Sprintf("%s (%s, %s)", x.ID, x.Name, x.Source))
	}
	return store.Entity{}, fmt.Errorf("%w: %q names %d things: give an id: %s", retinue.ErrInvalid, word, len(found), strings.Join(ids, ", "))
}

func (r *remote) show(ctx context.Context, t retinue.FactType, word string, history bool, when store.AsOf) (*shown, error) {
	x, err := r.find(ctx, t, word)
	if err != nil {
		return nil, err
	}
	at := client.ListOptions{AsOf: when.Observed, KnownAt: when.Known}
	query := url.Values{}
	if !when.IsZero() {
		set(query, "as_of", when.Observed.UTC().Format(time.RFC3339Nano))
		if !when.Known.IsZero() {
			query.Set("known_at", when.Known.UTC().Format(time.RFC3339Nano))
		}
	}
	path := listOf(t) + "/" + url.PathEscape(string(x.ID))
	s := &shown{}
	if t == retinue.FactCredential {
		err = r.showCredential(ctx, path, query, s)
	} else {
		err = r.showIdentity(ctx, path, query, at, s)
	}
	if err == nil && history && t == retinue.FactIdentity {
		s.History, err = all[store.Fact](client.List[store.Fact](ctx, r.c, path+"/facts", at))
	}
	return s, err
}

func (r *remote) showCredential(ctx context.Context, path string, query url.Values, s *shown) error {
	var d struct {
		store.Entity
		Fact       retinue.Credential  `json:"fact"`
		Refs       []retinue.Ref       `json:"refs"`
		Placements []retinue.Placement `json:"placements"`
		Uses       []retinue.Use       `json:"uses"`
	}
	if _, err := r.c.Do(ctx, client.Request{Path: path, Query: query}, &d); err != nil {
		return err
	}
	s.Entity, s.Fact, s.Refs, s.Placements, s.Uses = d.Entity, d.Fact, d.Refs, d.Placements, d.Uses
	return r.showFindings(ctx, string(d.ID), query, s)
}

func (r *remote) showIdentity(ctx context.Context, path string, query url.Values, at client.ListOptions, s *shown) error {
	var d struct {
		store.Entity
		Description  string                `json:"description"`
		ClassReason  string                `json:"classReason"`
		Refs         []retinue.Ref         `json:"refs"`
		Registration *retinue.Registration `json:"registration"`
		OwnerSignals []retinue.OwnerSignal `json:"ownerSignals"`
		Uses         []retinue.Use         `json:"uses"`
	}
	if _, err := r.c.Do(ctx, client.Request{Path: path, Query: query}, &d); err != nil {
		return err
	}
	s.Entity, s.Refs, s.Registration, s.OwnerSignals, s.Uses = d.Entity, d.Refs, d.Registration, d.OwnerSignals, d.Uses
	s.Fact = retinue.Identity{Ref: d.Ref(), Name: d.Name, Kind: retinue.IdentityKind(d.Kind), Class: d.Class, ClassReason: d.ClassReason, Description: d.Description}
	var access struct {
		Grants []inventory.Grant `json:"grants"`
	}
	if _, err := r.c.Do(ctx, client.Request{Path: path + "/access", Query: query}, &access); err != nil {
		return err
	}
	s.Grants = access.Grants
	var err error
	if s.Credentials, err = all[retinue.Credential](client.List[retinue.Credential](ctx, r.c, path+"/credentials", at)); err != nil {
		return err
	}
	if s.Trusts, err = all[retinue.Trust](client.List[retinue.Trust](ctx, r.c, path+"/trusts", at)); err != nil {
		return err
	}
	if s.Placements, err = all[retinue.Placement](client.List[retinue.Placement](ctx, r.c, path+"/placements", at)); err != nil {
		return err
	}
	return r.showFindings(ctx, string(d.ID), query, s)
}

func (r *remote) showFindings(ctx context.Context, id string, query url.Values, s *shown) (err error) {
	if query.Has("as_of") {
		return nil
	}
	s.Findings, err = all[retinue.Finding](client.List[retinue.Finding](ctx, r.c, "/findings", client.ListOptions{Filter: url.Values{"entity": {id}}}))
	return err
}

// all reads a list that is not paged, or short.
func all[T any](rows iter.Seq2[T, error]) (out []T, err error) {
	for x, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

func (r *remote) findings(ctx context.Context, q store.FindingQuery, fn func(iter.Seq2[retinue.Finding, error]) error) error {
	v := url.Values{}
	set(v, "id", string(q.ID))
	set(v, "rule", q.Rule)
	set(v, "owasp", string(q.OWASP))
	set(v, "source", q.Source)
	set(v, "entity", string(q.Entity))
	set(v, "family", q.Family)
	set(v, "fix", q.Fix)
	set(v, "text", q.Text)
	set(v, "state", string(q.State))
	for _, s := range retinue.Severities() {
		if q.Severity != "" && s.AtLeast(q.Severity) {
			v.Add("severity", string(s))
		}
	}
	if q.Suppressed {
		v.Set("suppressed", "true")
	}
	if q.Resolved && q.State == "" {
		v["state"] = []string{"open", "acknowledged", "accepted", "reopened", "resolved"}
	}
	o := client.ListOptions{Filter: v, Limit: q.Limit, AsOf: q.AsOf.Observed, KnownAt: q.AsOf.Known}
	return fn(client.List[retinue.Finding](ctx, r.c, "/findings", o))
}

func (r *remote) finding(ctx context.Context, id retinue.FindingID) (retinue.Finding, error) {
	f, err := r.c.Finding(ctx, id)
	return f.Finding, err
}

func (r *remote) decide(ctx context.Context, d app.Decision) (int, error) {
	in := client.Decision{State: d.State, Reason: d.Reason, Until: d.Until}
	if strings.HasPrefix(d.What, "fnd_") {
		in.IDs = []retinue.FindingID{retinue.FindingID(d.What)}
	} else {
		in.Family = d.What
	}
	out, err := r.c.Decide(ctx, in)
	return out.Changed, err
}

func (r *remote) register(ctx context.Context, word string, change app.RegistrationChange) (string, error) {
	x, err := r.find(ctx, retinue.FactIdentity, word)
	if err != nil {
		return "", err
	}
	g := change.Registration
	body := map[string]string{}
	for flag, field := range map[string]struct{ name, value string }{
		"owner": {"owner", g.Owner}, "backup-owner": {"backupOwner", g.BackupOwner}, "purpose": {"purpose", g.Purpose},
		"application": {"application", g.Application}, "environment": {"environment", string(g.Environment)},
		"criticality": {"criticality", string(g.Criticality)}, "end-date": {"endDate", dateOf(g.EndDate)},
		"review-date": {"reviewDate", dateOf(g.ReviewDate)}, "class": {"class", string(g.Class)}, "class-reason": {"classReason", g.ClassReason},
	} {
		if change.Changed(flag) {
			body[field.name] = field.value
		}
	}
	_, err = r.c.Do(ctx, client.Request{Method: http.MethodPatch, Path: "/identities/" + url.PathEscape(string(x.ID)) + "/registration", Body: body}, nil)
	return x.Name, err
}

func dateOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (r *remote) records(ctx context.Context, from int64, fn func(iter.Seq2[retinue.Record, error]) error) error {
	return fn(r.c.Records(ctx, client.ListOptions{Sort: "seq", Filter: url.Values{"from_seq": {fmt.Sprint(from)}}}))
}

func (r *remote) verify(ctx context.Context) (string, bool, error) {
	var v struct {
		OK      bool   `json:"ok"`
		Summary string `json:"summary"`
	}
	_, err := r.c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/records/verify"}, &v)
	return v.Summary, v.OK, err
}

func (r *remote) changes(ctx context.Context, from, to time.Time) ([]store.Change, error) {
	o := client.ListOptions{Filter: url.Values{"from": {from.UTC().Format(time.RFC3339Nano)}, "to": {to.UTC().Format(time.RFC3339Nano)}}}
	return all[store.Change](client.List[store.Change](ctx, r.c, "/changes", o))
}

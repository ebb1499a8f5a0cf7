package repo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
)

// sighting is one value at one path, in the head or in a commit.
type sighting struct {
	finding secrets.Finding
	path    string
	kind    retinue.PlaceKind
	commit  plumbing.Hash // zero for the head
	author  string
	when    time.Time
}

// maxSightings bounds what one scope states, so that a repository made of
// look-alikes does not fill memory.
const maxSightings = 200_000

// state states the credential of a sighting and its place, once for each value
// and path of a scope.
func (r *run) state(ctx context.Context, scope retinue.Scope, s sighting) error {
	if r.leftOut(s) {
		return nil
	}
	seen := r.sighted[scope]
	if seen == nil {
		seen = map[placeKey]bool{}
		r.sighted[scope] = seen
	}
	k := keyOf(s.path+"\x00"+s.finding.Rule, s.finding.Secret)
	if seen[k] {
		return nil
	}
	if len(seen) >= maxSightings {
		r.once(scope, fmt.Errorf("%w: more than %d findings: the rest is not stated", retinue.ErrUnsupported, maxSightings))
		return nil
	}
	seen[k] = true
	ref := secrets.Ref(r.realm, s.path, s.finding, r.c.env)
	if !r.has(scope, retinue.FactCredential, ref) {
		c := secrets.Credential(ref, s.finding, r.c.env)
		if s.finding.Parsed.IDOnly {
			r.putOff(scope, c)
			return r.emit(scope, r.placement(ref, s))
		}
		if err := r.verify(ctx, &c, s.finding); err != nil {
			return err
		}
		if err := r.emit(scope, c); err != nil {
			return err
		}
	}
	return r.emit(scope, r.placement(ref, s))
}

// leftOut reports what .gitleaksignore or the baseline holds, and counts it.
func (r *run) leftOut(s sighting) bool {
	f := s.finding
	if r.ignore.holds(s.commit, s.path, f.Rule, f.MatchLine) {
		r.count(connector.NoteFold, "%d findings are left out by .gitleaksignore", 1)
		return true
	}
	if r.c.baseline.holds(s.path, f) {
		r.count(connector.NoteFold, "%d findings stand in the baseline already", 1)
		return true
	}
	return false
}

// placement says where a value is, and who committed it.
func (r *run) placement(ref retinue.Ref, s sighting) retinue.Placement {
	f := s.finding
	p := retinue.Placement{
		Credential: ref,
		Place: retinue.Place{Kind: s.kind, Realm: r.realm, Container: r.container, Path: clean(s.path),
			Field: clean(f.Field), Line: f.Line, Column: f.Column},
		Confidence: f.Confidence, Detector: f.Rule,
	}
	if f.Generic {
		p.Attrs = retinue.Attrs{"generic": true}
	}
	if !s.commit.IsZero() {
		p.Place.Commit, p.Author, p.At = s.commit.String(), s.author, s.when
		p.Historic = !r.inHead[keyOf(s.path, f.Secret)]
	}
	return p
}

// author names who committed: the e-mail address, else the name.
func author(s object.Signature) string {
	if mail := strings.TrimSpace(s.Email); mail != "" {
		return clean(strings.ToValidUTF8(mail, "?"))
	}
	return clean(strings.ToValidUTF8(s.Name, "?"))
}

// moment returns a time that a fact can hold; commits can claim any.
func moment(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// once reports a problem of a scope that would be repeated.
func (r *run) once(scope retinue.Scope, err error) {
	if r.said[scope] {
		return
	}
	r.said[scope] = true
	r.problem(scope, err)
}

// putOff keeps a credential of which only the id was seen until the end of its
// scope: its secret half may come, and says more.
func (r *run) putOff(scope retinue.Scope, c retinue.Credential) {
	if r.ids[scope] == nil {
		r.ids[scope] = map[retinue.Ref]retinue.Credential{}
	}
	r.ids[scope][c.Ref] = c
}

// stateIDs states the credentials of which nothing but the id came.
func (r *run) stateIDs(scope retinue.Scope) error {
	for ref, c := range r.ids[scope] {
		if r.has(scope, retinue.FactCredential, ref) {
			continue
		}
		if err := r.emit(scope, c); err != nil {
			return err
		}
	}
	delete(r.ids, scope)
	return nil
}

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/azurerbac"
	"github.com/retinue-id/retinue/internal/access/gcpiam"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
	"github.com/retinue-id/retinue/internal/access/pgacl"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// AccessChecker answers questions in one access language. It is used by one
// goroutine.
type AccessChecker struct {
	// Decide reads one question and answers it. An error, which wraps
	// retinue.ErrInvalid, says that the line is not a question.
	Decide func(line []byte) (access.Decision, error)
	// System names what the answers are about: a realm, or a cloud whose realms
	// answer together; empty where every question brings its own documents.
	System string
	// Gaps say what of the state was not read whole. What is not allowed by the
	// rest is then Unknown.
	Gaps []string
}

// accessLanguage is a language whose engine answers from a state.
type accessLanguage struct {
	name string
	// kind is the connector that reads the state, and the kind of its realms.
	kind  string
	facts []retinue.FactType
	// decides reports whether a scope holds what decides answers.
	decides func(path string) bool
	// build makes the checker from a state.
	build func(in accessState) (func([]byte) (access.Decision, error), error)
	// title names all its systems together.
	title string
	// shared are realms whose facts count beside those of the one that is asked
	// about; nil for none.
	shared func(retinue.Realm) bool
	// common is the realm of what is the same everywhere, which is no system.
	common retinue.Realm
	// optional says that questions may bring their documents instead. Its engine
	// knows by itself what the scopes that were not read whole leave open.
	optional bool
}

// accessState is what a checker is made from: the facts of a realm and of those
// that are shared, and which scopes were read whole.
type accessState struct {
	realm retinue.Realm
	facts func(fn func(retinue.Fact) error) error
	whole []retinue.Scope
}

func accessLanguages() []accessLanguage {
	return []accessLanguage{
		{name: "kubernetes", kind: "kubernetes", facts: []retinue.FactType{retinue.FactPolicy, retinue.FactAttachment}, decides: holdsRBAC, build: checkKubernetes},
		{name: "postgres", kind: "postgres", facts: []retinue.FactType{retinue.FactContainer, retinue.FactPolicy, retinue.FactMembership}, decides: holdsGrants, build: checkPostgres},
		{name: "gcp", kind: "gcp", facts: gcpiam.Facts(), decides: holdsGCP, build: checkGCP, title: "Google Cloud", shared: gcpiam.Reads, common: gcpiam.Common, optional: true},
		{name: "azure", kind: "azure", facts: azurerbac.Facts(), decides: holdsAzure, build: checkAzure, optional: true},
	}
}

// AccessLanguages names the languages of access questions.
func AccessLanguages() []string {
	var out []string
	for name := range accessCases() {
		out = append(out, name)
	}
	for _, l := range accessLanguages() {
		if !l.optional {
			out = append(out, l.name)
		}
	}
	slices.Sort(out)
	return out
}

// accessCases are the languages whose questions bring their documents. In a
// check the context of a question is complete, so none is asked as an open one.
func accessCases() map[string]func([]byte) (access.Decision, error) {
	return map[string]func([]byte) (access.Decision, error){
		"aws":   caseAWS(),
		"azure": func(line []byte) (access.Decision, error) { return caseAzure(line, nil) },
		"gcp":   func(line []byte) (access.Decision, error) { return caseGCP(line, nil) },
	}
}

func findLanguage(name string) (accessLanguage, error) {
	all := accessLanguages()
	if i := slices.IndexFunc(all, func(l accessLanguage) bool { return l.name == name }); i >= 0 {
		return all[i], nil
	}
	if _, ok := accessCases()[name]; ok {
		return accessLanguage{}, fmt.Errorf("%w: questions in %s bring their documents: no state is read for them", retinue.ErrInvalid, name)
	}
	return accessLanguage{}, fmt.Errorf("%w: access language %.40q: want one of %s", retinue.ErrInvalid, name, strings.Join(AccessLanguages(), ", "))
}

// AccessTakesState reports whether answers in a language can rest on a state,
// and whether they must: otherwise each question may bring its documents. It
// refuses languages that there are none of.
func AccessTakesState(language string) (can, must bool, err error) {
	_, brings := accessCases()[language]
	can = slices.ContainsFunc(accessLanguages(), func(l accessLanguage) bool { return l.name == language })
	if !can && !brings {
		_, err = findLanguage(language)
	}
	return can, can && !brings, err
}

// AccessCheckCases returns the checker of a language whose questions bring
// their documents.
func AccessCheckCases(language string) (AccessChecker, error) {
	decide, ok := accessCases()[language]
	if !ok {
		return AccessChecker{}, fmt.Errorf("%w: questions in %s need a state", retinue.ErrInvalid, language)
	}
	return AccessChecker{Decide: decide}, nil
}

// AccessCheckState answers from an export: the connector of the language reads
// it into an inventory of its own, which is deleted before this returns.
func AccessCheckState(ctx context.Context, language, path string, opt ScanOptions) (c AccessChecker, err error) {
	l, err := findLanguage(language)
	if err != nil {
		return c, err
	}
	if err := isExport(path); err != nil {
		return c, err
	}
	err = throwaway(ctx, []StateExport{{l.kind, path}}, opt, func(a *App, realms []retinue.Realm) error {
		c, err = a.checker(ctx, l, realms[0])
		return err
	})
	if err != nil {
		return AccessChecker{}, err
	}
	return c, nil
}

// isExport refuses targets that a connector would take for a running system,
// such as a kubeconfig.
func isExport(path string) error {
	for part := range strings.SplitSeq(path, ";") { // several dumps of a server
		part = strings.TrimSpace(part)
		info, err := os.Stat(part)
		if err != nil {
			return fmt.Errorf("%w: read state %s: %v", retinue.ErrInvalid, part, errors.Unwrap(err))
		}
		ext := strings.ToLower(filepath.Ext(part))
		if !info.IsDir() && !slices.Contains([]string{".json", ".jsonl", ".ndjson", ".sql"}, ext) {
			return fmt.Errorf("%w: read state %s: want a folder, or a file of JSON or SQL that an export wrote", retinue.ErrInvalid, part)
		}
	}
	return nil
}

// AccessCheck answers from what the inventory holds of one system. An empty
// realm is the only one that there is.
func (a *App) AccessCheck(ctx context.Context, language string, realm retinue.Realm) (AccessChecker, error) {
	l, err := findLanguage(language)
	if err != nil {
		return AccessChecker{}, err
	}
	return a.checker(ctx, l, realm)
}

func (a *App) checker(ctx context.Context, l accessLanguage, realm retinue.Realm) (c AccessChecker, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		scopes, err := tx.Scopes()
		if err != nil {
			return err
		}
		realm, err := theRealm(l, realm, scopes)
		if err != nil {
			return err
		}
		realms := l.realms(realm, scopes)
		if c.System = string(realm); l.shared != nil {
			c.System = l.title
		}
		for _, r := range realms {
			c.Gaps = append(c.Gaps, gaps(l, r, scopes)...)
		}
		in := accessState{realm: realm, whole: whole(scopes)}
		in.facts = func(fn func(retinue.Fact) error) error {
			for _, r := range realms {
				if err := factsOf(ctx, tx, l.facts, r, fn); err != nil {
					return err
				}
			}
			return nil
		}
		c.Decide, err = l.build(in)
		if err == nil && len(c.Gaps) > 0 && !l.optional {
			c.Decide = unsure(c.Decide, c.Gaps)
		}
		return err
	})
	return c, err
}

// realms are those whose facts count for answers about one.
func (l *accessLanguage) realms(realm retinue.Realm, scopes []store.ScopeStatus) []retinue.Realm {
	out := []retinue.Realm{realm}
	for _, s := range scopes {
		if r := s.Scope.Realm; l.shared != nil && l.shared(r) && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func whole(scopes []store.ScopeStatus) []retinue.Scope {
	var out []retinue.Scope
	for _, s := range scopes {
		if s.State == store.ScopeComplete {
			out = append(out, s.Scope)
		}
	}
	return out
}

// theRealm is the system that was asked for, or the only one.
func theRealm(l accessLanguage, want retinue.Realm, scopes []store.ScopeStatus) (retinue.Realm, error) {
	var have []retinue.Realm
	for _, s := range scopes {
		if r := s.Scope.Realm; r.Kind() == l.kind && r != l.common && !slices.Contains(have, r) {
			have = append(have, r)
		}
	}
	names := make([]string, len(have))
	for i, r := range have {
		names[i] = string(r)
	}
	switch {
	case want != "" && slices.Contains(have, want):
		return want, nil
	case len(have) == 0:
		return "", fmt.Errorf("%w: the inventory holds no system of kind %s: scan one, or give --state", retinue.ErrNotFound, l.kind)
	case want != "":
		return "", fmt.Errorf("%w: the inventory holds no system %.200s: there are %s", retinue.ErrNotFound, string(want), strings.Join(names, ", "))
	case len(have) > 1:
		return "", fmt.Errorf("%w: the inventory holds %d systems of kind %s: give --realm, one of %s", retinue.ErrInvalid, len(have), l.kind, strings.Join(names, ", "))
	}
	return have[0], nil
}

// unsure answers Unknown where what was not read could still allow it.
func unsure(decide func([]byte) (access.Decision, error), gaps []string) func([]byte) (access.Decision, error) {
	return func(line []byte) (access.Decision, error) {
		d, err := decide(line)
		if err == nil && d.Outcome == access.ImplicitlyDenied {
			d.Outcome = access.Unknown
			d.Because = append([]access.Reason{{Layer: "state", Effect: "none", Text: "not all that could allow it was read: " + retinue.CleanName(gaps[0])}}, d.Because...)
		}
		return d, err
	}
}

// holdsRBAC reports the scopes of roles and bindings.
func holdsRBAC(path string) bool {
	return path == "" || slices.ContainsFunc(strings.Split(path, "/"), func(e string) bool {
		return slices.Contains([]string{"role", "cluster_role", "role_binding", "cluster_role_binding"}, e)
	})
}

// holdsGrants reports the scopes of roles and memberships, which every answer
// rests on, and of parameters, of which a missing one is not granted. An object
// that was not read is not known to the engine, which says so itself.
func holdsGrants(path string) bool {
	elements := strings.Split(path, "/")
	return path == "" || !slices.Contains(elements, "databases") && slices.ContainsFunc(elements, func(e string) bool {
		return slices.Contains([]string{"roles", "memberships", "predefined-roles", "parameters"}, e)
	})
}

// gaps lists the scopes of a realm that decide and were not read whole.
func gaps(l accessLanguage, realm retinue.Realm, scopes []store.ScopeStatus) []string {
	var out []string
	for _, s := range scopes {
		if s.Scope.Realm != realm || !l.decides(s.Scope.Path) || s.State != store.ScopePartial && s.State != store.ScopeFailed && s.State != store.ScopeHeld {
			continue
		}
		text := fmt.Sprintf("%s is %s", s.Scope, s.State)
		if len(s.Problems) > 0 {
			text += ": " + s.Problems[0]
		}
		out = append(out, text)
	}
	return out
}

func factsOf(ctx context.Context, tx *sqlstore.Tx, types []retinue.FactType, realm retinue.Realm, fn func(retinue.Fact) error) error {
	for _, t := range types {
		for stored, err := range tx.FactsInRealm(t, realm) {
			if err != nil {
				return err
			}
			f, err := retinue.DecodeFact(t, stored.Body)
			if err != nil {
				return fmt.Errorf("read inventory: %w", err)
			}
			if err := errors.Join(fn(f), ctx.Err()); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkKubernetes(in accessState) (func([]byte) (access.Decision, error), error) {
	var c k8srbac.Collector
	if err := in.facts(c.Add); err != nil {
		return nil, err
	}
	x, err := k8srbac.New(c.State())
	if err != nil {
		return nil, err
	}
	return func(line []byte) (access.Decision, error) {
		q, err := k8srbac.ParseCase(line)
		if err != nil {
			return access.Decision{}, err
		}
		return q.Decide(x), nil
	}, nil
}

func checkPostgres(in accessState) (func([]byte) (access.Decision, error), error) {
	var c pgacl.Collector
	if err := in.facts(c.Add); err != nil {
		return nil, err
	}
	x, err := pgacl.New(c.State())
	if err != nil {
		return nil, err
	}
	return func(line []byte) (access.Decision, error) {
		q, err := pgacl.ParseCase(line)
		if err != nil {
			return access.Decision{}, err
		}
		return x.Decide(q), nil
	}, nil
}

package repo

import (
	"crypto/sha256"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
)

// run is one run over one tree.
type run struct {
	c         *Repo
	t         *tree
	realm     retinue.Realm
	container retinue.Ref // the repository; zero for a folder
	sink      connector.Sink
	req       connector.Request

	// secretScope replaces head and history where only a change is judged.
	secretScope retinue.Scope
	ignore      *ignoreFile
	blobs       *blobCache
	classes     map[string]pathClass
	// inHead are the values that the head commit holds, by path.
	inHead   map[placeKey]bool
	stated   map[retinue.Scope]map[factKey]bool
	sighted  map[retinue.Scope]map[placeKey]bool
	said     map[retinue.Scope]bool
	ids      map[retinue.Scope]map[retinue.Ref]retinue.Credential
	verified map[[sha256.Size]byte]verdict
	owned    []ownedThing

	mu     sync.Mutex // guards what follows: the reading side counts too
	failed map[retinue.Scope]bool
	folds  map[fold]int
	folded []fold
}

// factKey is what is unique in a scope.
type factKey struct {
	kind retinue.FactType
	ref  retinue.Ref
}

// placeKey names a value at a path without holding it.
type placeKey [sha256.Size]byte

func keyOf(path string, value retinue.Secret) placeKey {
	return sha256.Sum256([]byte(path + "\x00" + value.Reveal()))
}

// fold is something of no interest that is counted.
type fold struct {
	kind connector.NoteKind
	text string // with %d for the count
}

func newRun(c *Repo, t *tree, realm retinue.Realm, sink connector.Sink, req connector.Request) *run {
	r := &run{
		c: c, t: t, realm: realm, sink: sink, req: req,
		blobs: newBlobCache(), classes: map[string]pathClass{},
		inHead: map[placeKey]bool{}, stated: map[retinue.Scope]map[factKey]bool{}, failed: map[retinue.Scope]bool{},
		sighted: map[retinue.Scope]map[placeKey]bool{}, said: map[retinue.Scope]bool{}, ids: map[retinue.Scope]map[retinue.Ref]retinue.Credential{},
		folds: map[fold]int{}, verified: map[[sha256.Size]byte]verdict{},
	}
	if t.repo != nil {
		r.container = retinue.NewRef(realm, "repository", realm.ID())
	}
	if c.baseline != nil {
		r.secretScope = retinue.NewScope(realm, "changes", "baseline")
	}
	return r
}

// scope returns the scope for secret values of a stage.
func (r *run) scope(stage string) retinue.Scope {
	if r.secretScope != (retinue.Scope{}) {
		return r.secretScope
	}
	return retinue.NewScope(r.realm, stage)
}

// emit states a fact unless the scope has it already.
func (r *run) emit(scope retinue.Scope, facts ...retinue.Fact) error {
	known := r.stated[scope]
	if known == nil {
		known = map[factKey]bool{}
		r.stated[scope] = known
	}
	fresh := facts[:0:0]
	for _, f := range facts {
		k := factKey{f.FactType(), f.FactRef()}
		if known[k] {
			continue
		}
		if err := f.Validate(); err != nil {
			r.problem(scope, fmt.Errorf("state a fact: %w", err))
			continue
		}
		known[k] = true
		fresh = append(fresh, f)
	}
	if len(fresh) == 0 {
		return nil
	}
	return r.sink.Emit(scope, fresh...)
}

// has reports whether the scope states something of a type under a ref.
func (r *run) has(scope retinue.Scope, t retinue.FactType, ref retinue.Ref) bool {
	return r.stated[scope][factKey{t, ref}]
}

// problem reports what could not be read; the scope stays incomplete.
func (r *run) problem(scope retinue.Scope, err error) {
	r.mu.Lock()
	r.failed[scope] = true
	r.mu.Unlock()
	r.sink.Problem(scope, err)
}

// complete completes a scope that had no problem. With a baseline the common
// scope of all stages is completed once, at the end.
func (r *run) complete(scope retinue.Scope, basis string, a connector.Authority) error {
	if err := r.stateIDs(scope); err != nil {
		return err
	}
	r.mu.Lock()
	failed := r.failed[scope]
	r.mu.Unlock()
	if failed {
		return nil
	}
	return r.completeAs(scope, basis, a)
}

func (r *run) completeAs(scope retinue.Scope, basis string, a connector.Authority) error {
	return r.sink.Complete(scope, connector.Completion{ObservedAt: r.observed(), Basis: basis, Authority: a})
}

// count adds to a fold. The text has a %d.
func (r *run) count(kind connector.NoteKind, text string, n int) {
	f := fold{kind, text}
	if n <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.folds[f] == 0 {
		r.folded = append(r.folded, f)
	}
	r.folds[f] += n
}

// notes says what was counted and what lies outside.
func (r *run) notes() {
	slices.SortFunc(r.folded, func(a, b fold) int {
		if a.text < b.text {
			return -1
		}
		return 1
	})
	for _, f := range r.folded {
		r.sink.Note(connector.Note{Kind: f.kind, Scope: retinue.Scope{Realm: r.realm}, Count: r.folds[f], Text: fmt.Sprintf(f.text, r.folds[f])})
	}
	if r.t.shallow {
		r.sink.Note(connector.Note{Kind: connector.NoteBlindSpot, Scope: retinue.NewScope(r.realm, "history"),
			Text: "the clone is shallow: commits before its boundary are not here; fetch them with git fetch --unshallow, or name the root commit with the option root"})
	}
	if r.t.alternates {
		r.sink.Note(connector.Note{Kind: connector.NoteBlindSpot, Scope: retinue.NewScope(r.realm, "history"),
			Text: "objects/info/alternates names objects outside the repository; they are not read"})
	}
}

// result is what the scan of one content found.
type result struct {
	findings []secrets.Finding
	allowed  int
}

// scan scans one content. Content without text has no findings.
func (c *Repo) scan(p string, data []byte) result {
	res := c.scanner.ScanText(secrets.Text{Path: p, Data: data})
	return result{res.Findings, res.Allowed}
}

func baseName(p string) string { return path.Base(filepath.ToSlash(p)) }

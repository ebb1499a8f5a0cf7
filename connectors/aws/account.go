package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// accountReader reads one account from a source.
type accountReader struct {
	account   string
	partition string
	src       source
	sink      connector.Sink
	env       connector.Env
	known     knownAccounts
	services  []string // empty: all
	regions   []string // empty: all

	haveAuthz bool // the authorization details were read

	mu      sync.Mutex
	names   map[string]string // ARNs by kind and name, as "role/deploy"
	covered map[string]bool   // scopes of which something was read
	absent  []string          // scopes that the files do not hold
}

// task is the reading of one scope. A task that follows others takes subjects
// that they gathered.
type task struct {
	path      string
	service   string
	authority connector.Authority
	basis     string
	read      func(ctx context.Context, w *scopeWriter) error
}

func (a *accountReader) realm() retinue.Realm { return realmOf(a.account) }

func (a *accountReader) scope(path string) retinue.Scope {
	return retinue.NewScope(a.realm(), strings.Split(path, "/")...)
}

// run reads everything of the account. Only an error that ends the run is
// returned.
func (a *accountReader) run(ctx context.Context) error {
	groups := a.globalTasks()
	regions, all, err := a.src.regions(ctx, a.account)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && !errors.Is(err, errNotExported) {
		a.sink.Problem(a.scope("region"), fmt.Errorf("list the enabled regions of account %s: %w", a.account, err))
	}
	if len(a.regions) > 0 {
		regions, all = slices.DeleteFunc(regions, func(r string) bool { return !slices.Contains(a.regions, r) }), false
	}
	for _, r := range regions {
		groups = append(groups, a.regionTasks(r)...)
	}
	if len(regions) == 0 {
		for _, g := range a.regionTasks("none") {
			for _, t := range g {
				a.absent = append(a.absent, t.path)
			}
		}
	}
	if err := a.runGroups(ctx, groups); err != nil {
		return err
	}
	if err == nil && all {
		return a.completeRegions(regions)
	}
	return nil
}

// completeRegions says which regions are enabled, so that what was in one that
// is not any more ends.
func (a *accountReader) completeRegions(regions []string) error {
	c := connector.Completion{ObservedAt: a.src.when(a.account), Basis: "ec2:DescribeRegions lists the enabled regions",
		ListsChildren: true, Authority: connector.AuthoritySystem}
	for _, r := range regions {
		c.Children = append(c.Children, a.scope("region/"+r))
	}
	if err := a.sink.Complete(a.scope("region"), c); err != nil {
		return sinkError{err}
	}
	return nil
}

// runGroups runs groups of tasks, several groups at once where the source can.
// The tasks of one group run in order, since later ones use what earlier ones
// listed.
func (a *accountReader) runGroups(ctx context.Context, groups [][]task) error {
	return forEach(ctx, a.src.workers(), groups, func(ctx context.Context, g []task) error {
		for _, t := range g {
			if len(a.services) > 0 && !slices.Contains(a.services, t.service) {
				continue
			}
			if err := a.runTask(ctx, t); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *accountReader) runTask(ctx context.Context, t task) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.env.Progress(connector.Progress{Scope: a.scope(t.path), Stage: "reading " + t.path})
	w := newScopeWriter(a.sink, a.scope(t.path))
	err := t.read(ctx, w)
	if errors.Is(err, errElsewhere) {
		return nil
	}
	if errors.Is(err, errAbsent) {
		err = nil // the service answers that the account has no such thing
	}
	err = w.finish(ctx, err, connector.Completion{Basis: t.basis, Authority: t.authority})
	a.mu.Lock()
	defer a.mu.Unlock()
	if errors.Is(err, errNotExported) {
		a.absent = append(a.absent, t.path)
		return nil
	}
	a.covered[t.path] = true
	return err
}

// hasRead reports whether something of a scope was read.
func (a *accountReader) hasRead(path string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.covered[path]
}

// pages reads the pages of a call within a scope.
func (a *accountReader) pages(ctx context.Context, w *scopeWriter, c call, fn func(io.Reader) error) error {
	c.account = a.account
	at, err := a.src.pages(ctx, c, fn)
	if err == nil || errors.Is(err, errAbsent) {
		w.observed(at)
	}
	return err
}

// eachSubject makes a call for each subject, several at once where the source
// can. What is absent is passed over; a failure is a problem of the scope, and
// the others are read all the same.
func (a *accountReader) eachSubject(ctx context.Context, w *scopeWriter, subjects []string, c call, fn func(subject string, page io.Reader) error) error {
	if len(subjects) == 0 {
		w.observed(a.src.when(a.account))
		return nil
	}
	var mu sync.Mutex // fn gathers
	return forEach(ctx, a.src.workers(), subjects, func(ctx context.Context, s string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		one := c
		one.subject = s
		err := a.pages(ctx, w, one, func(r io.Reader) error {
			mu.Lock()
			defer mu.Unlock()
			return fn(s, r)
		})
		switch se := (sinkError{}); {
		case err == nil, errors.Is(err, errAbsent):
		case errors.As(err, &se), ctx.Err() != nil:
			return err
		case errors.Is(err, errNotExported):
			w.missing()
		default:
			w.fail(fmt.Errorf("read %s of %s: %w", c.op, retinue.CleanName(s), err))
		}
		return nil
	})
}

// forEach runs fn for each item, at most n at once, and returns the first error
// after all have ended.
func forEach[T any](ctx context.Context, n int, items []T, fn func(context.Context, T) error) error {
	if n <= 1 {
		for _, it := range items {
			if err := fn(ctx, it); err != nil {
				return err
			}
		}
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var once sync.Once
	var first error
	slots := make(chan struct{}, n)
	for _, it := range items {
		slots <- struct{}{}
		if ctx.Err() != nil {
			<-slots
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := fn(ctx, it); err != nil {
				once.Do(func() { first = err; cancel() })
			}
		})
	}
	wg.Wait()
	if first == nil {
		return ctx.Err()
	}
	return first
}

// noteAbsent says once what the files do not hold.
func (a *accountReader) noteAbsent() {
	if len(a.absent) == 0 {
		return
	}
	slices.Sort(a.absent)
	seen := map[string]bool{}
	for _, path := range a.absent {
		what := notCoveredText(path)
		if what == "" || seen[what] {
			continue
		}
		seen[what] = true
		a.sink.Note(connector.Note{Kind: connector.NoteNotCovered, Scope: a.scope(""), Text: fmt.Sprintf("account %s: %s", a.account, what)})
	}
}

// remember keeps the ARN of a user, role, group or instance profile, so that
// what is given by name elsewhere can be found although ARNs have paths.
func (a *accountReader) remember(kind, name, arnText string) {
	if name == "" || arnText == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names[kind+"/"+name] = arnText
}

// named returns the ARN of a user, role, group or instance profile by name:
// the one that a listing gave, else the one it has without a path.
func (a *accountReader) named(kind, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if full, ok := a.names[kind+"/"+name]; ok {
		return full
	}
	return iamARN(a.partition, a.account, kind+"/"+name)
}

// listedUsers returns the names of the users that were listed.
func (a *accountReader) listedUsers() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for k := range a.names {
		if name, ok := strings.CutPrefix(k, "user/"); ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

package repo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// ownedThing is an identity and the file that declares it.
type ownedThing struct {
	ref  retinue.Ref
	file string
}

// maxOwned bounds the identities for which evidence is gathered.
const maxOwned = 5000

func (r *run) own(ref retinue.Ref, file string) {
	if len(r.owned) < maxOwned {
		r.owned = append(r.owned, ownedThing{ref, file})
	}
}

// owners states the evidence for who answers for what the repository declares:
// CODEOWNERS, and who committed to the files.
func (r *run) owners(ctx context.Context) error {
	if r.t.repo == nil || r.c.baseline != nil {
		return nil
	}
	scope := retinue.NewScope(r.realm, "owners")
	things := append([]ownedThing{{r.container, ""}}, r.owned...)
	if err := r.codeOwners(scope, things); err != nil {
		return err
	}
	return r.authors(ctx, scope, things)
}

// codeOwnersPaths are where GitHub, GitLab and Bitbucket look, in their order.
func codeOwnersPaths() []string {
	return []string{".github/CODEOWNERS", ".gitlab/CODEOWNERS", ".bitbucket/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}
}

func (r *run) codeOwners(scope retinue.Scope, things []ownedThing) error {
	for _, file := range codeOwnersPaths() {
		data := r.headFile(file)
		if data == nil {
			continue
		}
		rules := parseCodeOwners(data)
		for _, t := range things {
			rule, ok := ownerRule(rules, t.file)
			if !ok {
				continue
			}
			for _, owner := range rule.owners {
				err := r.emit(scope, retinue.OwnerSignal{Subject: t.ref, Candidate: clean(owner), Signal: "codeowners",
					Quote: clean(rule.text), Places: []retinue.Place{r.place(file, rule.line)}})
				if err != nil {
					return err
				}
			}
		}
		return nil // the first file counts
	}
	return nil
}

// headFile reads a small file of the head.
func (r *run) headFile(p string) []byte {
	if !r.t.bare() {
		return r.small(p)
	}
	c, err := r.headCommit()
	if err != nil {
		return nil
	}
	f, err := c.File(p)
	if err != nil || f.Size > 1<<20 {
		return nil
	}
	s, err := f.Contents()
	if err != nil {
		return nil
	}
	return []byte(s)
}

// ownersRule is a line of CODEOWNERS.
type ownersRule struct {
	pattern gitignore.Pattern
	any     bool // matches every path
	owners  []string
	text    string
	line    int
}

// maxOwnerLines bounds the lines of CODEOWNERS that are read: GitHub reads files
// up to 3 MB.
const maxOwnerLines = 20_000

// parseCodeOwners reads CODEOWNERS as GitHub's and GitLab's documentation
// describe it: a pattern in the form of .gitignore and owners; in GitLab's
// sections, lines without owners take those of the section's head.
func parseCodeOwners(data []byte) []ownersRule {
	var rules []ownersRule
	var section []string
	number := 0
	for line := range strings.Lines(string(data)) {
		if number++; number > maxOwnerLines {
			break
		}
		text, _, _ := strings.Cut(line, " #")
		text = strings.TrimSpace(text)
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
			continue
		case strings.HasPrefix(text, "[") || strings.HasPrefix(text, "^["):
			_, after, _ := strings.Cut(text, "]")
			if strings.HasPrefix(after, "[") { // [Section][2] @owners
				_, after, _ = strings.Cut(after, "]")
			}
			section = ownersOf(strings.Fields(after))
			continue
		}
		fields := strings.Fields(strings.ReplaceAll(text, `\ `, "\x00"))
		pattern := strings.ReplaceAll(fields[0], "\x00", " ")
		owners := ownersOf(fields[1:])
		if len(fields) == 1 && len(section) > 0 {
			owners = section
		}
		rules = append(rules, ownersRule{pattern: gitignore.ParsePattern(pattern, nil), any: pattern == "*" || pattern == "/**",
			owners: owners, text: text, line: number})
	}
	return rules
}

// ownersOf keeps what can be an owner: @user, @org/team, an address.
func ownersOf(fields []string) []string {
	var out []string
	for _, f := range fields {
		if strings.Contains(f, "@") && len(f) > 1 && len(f) < 256 && len(out) < 100 {
			out = append(out, f)
		}
	}
	return out
}

// ownerRule returns the last rule that matches a path; for the repository
// itself, the last one that matches every path.
func ownerRule(rules []ownersRule, p string) (ownersRule, bool) {
	for _, r := range slices.Backward(rules) {
		if r.any {
			return r, true
		}
		if p == "" {
			continue
		}
		parts := strings.Split(p, "/")
		for i := 1; i <= len(parts); i++ {
			if r.pattern.Match(parts[:i], i < len(parts)) == gitignore.Exclude {
				return r, true
			}
		}
	}
	return ownersRule{}, false
}

// maxAuthorCommits bounds the commits, newest first along first parents, in
// which authors are looked for.
const maxAuthorCommits = 2000

// work is what one author did to one file.
type work struct {
	commits int
	last    time.Time
}

// authors states who committed to the files that declare identities, and to
// the repository.
func (r *run) authors(ctx context.Context, scope retinue.Scope, things []ownedThing) error {
	byFile, total, err := r.authorsOf(ctx, things)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !r.t.shallow {
			r.problem(scope, err)
			return nil
		}
	}
	for _, t := range things {
		all := byFile[t.file]
		names := make([]string, 0, len(all))
		for name := range all {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(all[b].commits, all[a].commits), all[b].last.Compare(all[a].last), cmp.Compare(a, b))
		})
		for _, name := range names[:min(3, len(names))] {
			w := all[name]
			what := "the repository"
			if t.file != "" {
				what = t.file
			}
			err := r.emit(scope, retinue.OwnerSignal{Subject: t.ref, Candidate: name, Signal: "git_author", At: w.last,
				Quote: clean(fmt.Sprintf("%d of the last %d commits to %s, the latest on %s", w.commits, total[t.file], what, w.last.Format(time.DateOnly)))})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// authorsOf walks the first parents and compares trees along the paths of
// interest only.
func (r *run) authorsOf(ctx context.Context, things []ownedThing) (map[string]map[string]work, map[string]int, error) {
	byFile, total := map[string]map[string]work{}, map[string]int{}
	var paths []string
	for _, t := range things {
		if t.file != "" {
			paths = append(paths, t.file)
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	note := func(file string, c *object.Commit) {
		who := author(c.Author)
		if who == "" {
			return
		}
		if byFile[file] == nil {
			byFile[file] = map[string]work{}
		}
		w := byFile[file][who]
		w.commits++
		if at := moment(c.Author.When); at.After(w.last) {
			w.last = at
		}
		byFile[file][who] = w
		total[file]++
	}
	c, err := r.headCommit()
	for n := 0; err == nil && n < maxAuthorCommits; n++ {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		var parent *object.Commit
		before := plumbing.ZeroHash
		if len(c.ParentHashes) > 0 {
			if parent, err = object.GetCommit(r.t.store, c.ParentHashes[0]); err != nil {
				return byFile, total, fmt.Errorf("%w: read commit %s: %v", retinue.ErrInvalid, c.ParentHashes[0], err)
			}
			before = parent.TreeHash
		}
		note("", c)
		if err := r.changed(c.TreeHash, before, "", paths, func(file string) { note(file, c) }); err != nil {
			return byFile, total, err
		}
		if parent == nil {
			break
		}
		c = parent
	}
	r.c.env.Progress(connector.Progress{Scope: retinue.NewScope(r.realm, "owners"), Stage: "reading authors", Done: int64(total[""]), Unit: "commits"})
	return byFile, total, nil
}

// changed calls each with those of the sorted paths, which all lie below
// prefix, whose content two trees hold differently.
func (r *run) changed(now, before plumbing.Hash, prefix string, paths []string, each func(string)) error {
	if bytes.Equal(now[:], before[:]) || len(paths) == 0 {
		return nil
	}
	a, err := r.entries(now)
	if err != nil {
		return err
	}
	b, err := r.entries(before)
	if err != nil {
		return err
	}
	for len(paths) > 0 {
		name, _, nested := strings.Cut(strings.TrimPrefix(paths[0], prefix), "/")
		n := 1
		for n < len(paths) && nested && strings.HasPrefix(paths[n], prefix+name+"/") {
			n++
		}
		group := paths[:n]
		paths = paths[n:]
		if a[name].Hash == b[name].Hash {
			continue
		}
		if !nested {
			each(group[0])
			continue
		}
		if err := r.changed(dirHash(a[name]), dirHash(b[name]), prefix+name+"/", group, each); err != nil {
			return err
		}
	}
	return nil
}

func dirHash(e object.TreeEntry) plumbing.Hash {
	if e.Mode == filemode.Dir {
		return e.Hash
	}
	return plumbing.ZeroHash
}

func (r *run) entries(h plumbing.Hash) (map[string]object.TreeEntry, error) {
	if h.IsZero() {
		return nil, nil
	}
	t, err := object.GetTree(r.t.store, h)
	if err != nil {
		return nil, fmt.Errorf("%w: read tree %s: %v", retinue.ErrInvalid, h, err)
	}
	out := make(map[string]object.TreeEntry, len(t.Entries))
	for _, e := range t.Entries {
		out[path.Base(e.Name)] = e
	}
	return out, nil
}

package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/retinue-id/retinue"
)

// realm returns the realm of a tree; see the package comment. root is the
// option of that name.
func (t *tree) realm(ctx context.Context, root string) (retinue.Realm, error) {
	if t.repo == nil {
		return folderRealm(t.dir, machineID()), nil
	}
	if root != "" {
		return retinue.NewRealm("git", strings.ToLower(root)), nil
	}
	head, err := t.repo.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return folderRealm(t.dir, machineID()), nil // no commit yet
	}
	if err != nil {
		return "", fmt.Errorf("%w: read HEAD: %v", retinue.ErrInvalid, err)
	}
	if t.shallow {
		if origin := t.origin(); origin != "" {
			return retinue.NewRealm("git", "origin="+origin), nil
		}
		return folderRealm(t.dir, machineID()), nil
	}
	h, err := t.lowestRoot(ctx, head.Hash())
	if err != nil {
		return "", err
	}
	return retinue.NewRealm("git", h.String()), nil
}

// lowestRoot returns the lowest hash of the commits without parents that a
// commit descends from.
func (t *tree) lowestRoot(ctx context.Context, from plumbing.Hash) (plumbing.Hash, error) {
	var lowest plumbing.Hash
	seen := map[plumbing.Hash]bool{from: true}
	todo := []plumbing.Hash{from}
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return lowest, err
		}
		h := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		c, err := object.GetCommit(t.store, h)
		if err != nil {
			return lowest, fmt.Errorf("%w: read commit %s: %v", retinue.ErrInvalid, h, err)
		}
		if len(c.ParentHashes) == 0 && (lowest.IsZero() || bytes.Compare(h[:], lowest[:]) < 0) {
			lowest = h
		}
		for _, p := range c.ParentHashes {
			if !seen[p] {
				seen[p] = true
				todo = append(todo, p)
			}
		}
	}
	return lowest, nil
}

// origin returns the address of the remote "origin", or of the first remote, as
// host and path without user, password, scheme and ".git"; empty where there is
// none.
func (t *tree) origin() string {
	if len(t.remotes) == 0 {
		return ""
	}
	return t.remotes[0]
}

// readRemotes returns the addresses of all remotes, origin's first.
func (t *tree) readRemotes() []string {
	cfg, err := t.store.Config()
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(cfg.Remotes))
	for name := range cfg.Remotes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == "origin") != (b == "origin") {
			if a == "origin" {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	var out []string
	for _, name := range names {
		for _, u := range cfg.Remotes[name].URLs {
			if a := address(u); a != "" && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// address reduces a remote's URL, in the URL or the scp form, to host and path.
// Addresses on this machine have no host and give nothing.
func address(remote string) string {
	if u, err := url.Parse(remote); err == nil && u.Host != "" {
		return clean(strings.ToLower(u.Hostname()) + "/" + strings.Trim(strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git"), "/"))
	}
	host, path, ok := strings.Cut(remote, ":")
	if !ok || strings.Contains(remote, "://") || strings.ContainsAny(host, `/\`) {
		return ""
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	return clean(strings.ToLower(host) + "/" + strings.Trim(strings.TrimSuffix(path, ".git"), "/"))
}

// clean makes a foreign name safe for refs, notes and terminals, and bounds it.
func clean(s string) string {
	const limit = 1024
	s = retinue.CleanName(s)
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "")
	}
	return s
}

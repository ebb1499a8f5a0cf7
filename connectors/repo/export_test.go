package repo

import "github.com/go-git/go-git/v5/plumbing/object"

// headCommitForTest is the commit that the head names.
func (t *tree) headCommitForTest() (*object.Commit, error) { return (&run{t: t}).headCommit() }

// Package repo reads git repositories and folders: secret values in the work
// tree and in the whole history, pipelines as identities, identities that
// manifests and templates declare, and evidence for ownership.
//
// # Realm
//
// A repository is the realm "git:<root commit>": the lowest hash of the root
// commits that its head descends from. Every full clone has it, wherever it
// lies. A shallow clone does not hold its root commit; its realm is made of the
// address of its remote, without credentials, unless the option root names the
// commit. A folder outside git has no identity of its own but its place: its
// realm is "folder:" and the hash of the machine's id and the folder's
// path. The same folder is the same realm on every run, and equal paths on two
// machines are two.
//
// # Scopes
//
//	repository   the repository itself
//	head         secret values in the work tree, or in a bare repository's head
//	history      secret values in the commits of all references: who brought
//	             each in, when, and whether the head still has it there
//	pipelines    pipelines, what they may do and which secrets they name
//	declared     identities in manifests and templates
//	owners       CODEOWNERS and who committed
//	changes/…    with the options commits or baseline, what a change adds, and
//	             nothing else
//
// # Safety
//
// No git program is run, and no hook, filter or attribute of the repository
// takes effect. Objects are read inside the repository only: alternates are
// not followed and said. A .git file is followed only where the other side
// points back. Symbolic links in the work tree are not followed.
package repo

package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func gitKind() PlaceKind {
	return PlaceKind{Name: "git", Title: "Git repository", Says: "One file a checkpoint, pushed to a branch of a repository that another team keeps and whose branch is protected against force pushes.",
		Fields: []outlet.Field{
			{Name: "url", Required: true, Says: "the https address of the repository"},
			{Name: "branch", Default: "retinue-checkpoints", Says: "the branch, best one of its own"},
			{Name: "folder", Default: "checkpoints", Says: "the folder of the files"},
			{Name: "username", Default: "retinue", Says: "the user that the token belongs to, where the host wants it"},
			{Name: "author-email", Default: "retinue@localhost", Says: "the e-mail address in the commits"},
			{Name: "token", Secret: true, Required: true, Says: "an access token that may push to the branch"},
		}, open: openGit}
}

var (
	branchName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$`)
	folderName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$`)
)

// gitPlace pushes by the protocol itself: only the tip of the branch is read,
// however long its history is.
type gitPlace struct {
	c         outlet.Config
	endpoint  *transport.Endpoint
	transport transport.Transport
	auth      transport.AuthMethod
}

func openGit(c outlet.Config) (Place, error) {
	u, err := url.Parse(c.Options["url"])
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return nil, outlet.Invalid("options.url", "want an https URL without a password")
	}
	if b := c.Options["branch"]; !branchName.MatchString(b) || strings.Contains(b, "..") || strings.HasSuffix(b, ".lock") || strings.HasSuffix(b, "/") {
		return nil, outlet.Invalid("options.branch", "want the name of a branch")
	}
	if !folderName.MatchString(c.Options["folder"]) {
		return nil, outlet.Invalid("options.folder", "want the name of a folder")
	}
	e, err := transport.NewEndpoint(c.Options["url"])
	if err != nil {
		return nil, outlet.Invalid("options.url", "want the address of a repository")
	}
	return &gitPlace{c: c, endpoint: e, transport: githttp.NewClient(c.HTTP),
		auth: &githttp.BasicAuth{Username: c.Options["username"], Password: c.Secrets["token"].Reveal()}}, nil
}

func (g *gitPlace) ref() plumbing.ReferenceName {
	return plumbing.NewBranchReferenceName(g.c.Options["branch"])
}

// Put implements Place.
func (g *gitPlace) Put(ctx context.Context, n Note) (Receipt, error) {
	file := path.Join(g.c.Options["folder"], n.name())
	sess, err := g.transport.NewReceivePackSession(g.endpoint, g.auth)
	if err != nil {
		return Receipt{}, gitError("open repository", err)
	}
	defer func() { _ = sess.Close() }()
	refs, err := sess.AdvertisedReferencesContext(ctx)
	if err != nil && !errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return Receipt{}, gitError("read branches", err)
	}
	var tip plumbing.Hash
	if refs != nil {
		tip = refs.References[g.ref().String()]
	}
	objects := memory.NewStorage()
	if !tip.IsZero() {
		if err := g.fetch(ctx, tip, objects); err != nil {
			return Receipt{}, err
		}
		if have, err := readAt(objects, tip, file); err == nil && bytes.Equal(have, n.Signed) {
			return Receipt{Place: file + "@" + tip.String()}, nil // pushed before, and not answered
		}
	}
	commit, made, err := g.commit(objects, tip, file, n)
	if err != nil {
		return Receipt{}, err
	}
	if err := g.push(ctx, sess, refs, tip, commit, objects, made); err != nil {
		return Receipt{}, err
	}
	return Receipt{Place: file + "@" + commit.String()}, nil
}

// fetch reads one commit with its trees, and no history.
func (g *gitPlace) fetch(ctx context.Context, tip plumbing.Hash, into *memory.Storage) error {
	sess, err := g.transport.NewUploadPackSession(g.endpoint, g.auth)
	if err != nil {
		return gitError("open repository", err)
	}
	defer func() { _ = sess.Close() }()
	adv, err := sess.AdvertisedReferencesContext(ctx)
	if err != nil {
		return gitError("read branches", err)
	}
	req := packp.NewUploadPackRequestFromCapabilities(adv.Capabilities)
	req.Wants = []plumbing.Hash{tip}
	if adv.Capabilities.Supports(capability.Shallow) {
		req.Depth = packp.DepthCommits(1)
		if err := req.Capabilities.Set(capability.Shallow); err != nil {
			return gitError("read branch", err)
		}
	}
	res, err := sess.UploadPack(ctx, req)
	if err != nil {
		return gitError("read branch", err)
	}
	defer func() { _ = res.Close() }()
	var pack io.Reader = res
	switch {
	case req.Capabilities.Supports(capability.Sideband64k):
		pack = sideband.NewDemuxer(sideband.Sideband64k, res)
	case req.Capabilities.Supports(capability.Sideband):
		pack = sideband.NewDemuxer(sideband.Sideband, res)
	}
	if err := packfile.UpdateObjectStorage(into, io.LimitReader(pack, maxPack)); err != nil {
		return gitError("read branch", err)
	}
	return nil
}

// maxPack bounds what is read of a branch, in bytes.
const maxPack = 64 << 20

// commit makes the objects of a commit that adds a file to what a branch holds.
func (g *gitPlace) commit(objects *memory.Storage, tip plumbing.Hash, file string, n Note) (plumbing.Hash, []plumbing.Hash, error) {
	var made []plumbing.Hash
	keep := func(enc interface {
		Encode(plumbing.EncodedObject) error
	}) (plumbing.Hash, error) {
		o := objects.NewEncodedObject()
		if err := enc.Encode(o); err != nil {
			return plumbing.ZeroHash, err
		}
		h, err := objects.SetEncodedObject(o)
		made = append(made, h)
		return h, err
	}
	blob, err := keep(blobOf(n.Signed))
	if err != nil {
		return blob, nil, gitError("make commit", err)
	}
	root, folder := &object.Tree{}, &object.Tree{}
	var parents []plumbing.Hash
	if !tip.IsZero() {
		parents = []plumbing.Hash{tip}
		c, err := object.GetCommit(objects, tip)
		if err == nil {
			root, err = c.Tree()
		}
		if err != nil {
			return blob, nil, gitError("read branch", err)
		}
		if t, err := root.Tree(g.c.Options["folder"]); err == nil {
			folder = t
		}
	}
	inner, err := keep(&object.Tree{Entries: with(folder.Entries, object.TreeEntry{Name: path.Base(file), Mode: filemode.Regular, Hash: blob})})
	if err != nil {
		return blob, nil, gitError("make commit", err)
	}
	outer, err := keep(&object.Tree{Entries: with(root.Entries, object.TreeEntry{Name: g.c.Options["folder"], Mode: filemode.Dir, Hash: inner})})
	if err != nil {
		return blob, nil, gitError("make commit", err)
	}
	who := object.Signature{Name: "Retinue", Email: g.c.Options["author-email"], When: g.c.Now()}
	commit, err := keep(&object.Commit{Author: who, Committer: who, TreeHash: outer, ParentHashes: parents,
		Message: fmt.Sprintf("Checkpoint of %s at %d records\n", n.Origin, n.Size)})
	return commit, made, err
}

// with returns entries with one set, in the order in which git keeps them.
func with(entries []object.TreeEntry, e object.TreeEntry) []object.TreeEntry {
	out := slices.DeleteFunc(slices.Clone(entries), func(x object.TreeEntry) bool { return x.Name == e.Name })
	out = append(out, e)
	slices.SortFunc(out, func(a, b object.TreeEntry) int { return strings.Compare(treeName(a), treeName(b)) })
	return out
}

// treeName is what entries of a tree are ordered by: folders as if they ended
// in a slash.
func treeName(e object.TreeEntry) string {
	if e.Mode == filemode.Dir {
		return e.Name + "/"
	}
	return e.Name
}

type blobOf []byte

// Encode writes the bytes as a blob.
func (b blobOf) Encode(o plumbing.EncodedObject) error {
	o.SetType(plumbing.BlobObject)
	o.SetSize(int64(len(b)))
	w, err := o.Writer()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return errors.Join(err, w.Close())
}

func (g *gitPlace) push(ctx context.Context, sess transport.ReceivePackSession, refs *packp.AdvRefs, tip, commit plumbing.Hash, objects *memory.Storage, made []plumbing.Hash) error {
	var pack bytes.Buffer
	if _, err := packfile.NewEncoder(&pack, objects, false).Encode(made, 0); err != nil {
		return gitError("make commit", err)
	}
	req := packp.NewReferenceUpdateRequest()
	if refs != nil {
		req = packp.NewReferenceUpdateRequestFromCapabilities(refs.Capabilities)
	}
	// The old value is named, so that a branch that moved meanwhile is refused.
	req.Commands = []*packp.Command{{Name: g.ref(), Old: tip, New: commit}}
	req.Packfile = io.NopCloser(&pack)
	status, err := sess.ReceivePack(ctx, req)
	if err != nil {
		return gitError("push", err)
	}
	if status == nil {
		return fmt.Errorf("%w: push: the server does not say whether it took it", retinue.ErrUnsupported)
	}
	if err := status.Error(); err != nil {
		return gitError("push", err)
	}
	return nil
}

func readAt(objects *memory.Storage, commit plumbing.Hash, file string) ([]byte, error) {
	c, err := object.GetCommit(objects, commit)
	if err != nil {
		return nil, err
	}
	f, err := c.File(file)
	if err != nil {
		return nil, err
	}
	r, err := f.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(io.LimitReader(r, maxNote))
}

// Fetch implements Fetcher. The file is read from the tip of the branch as it
// stands now.
func (g *gitPlace) Fetch(ctx context.Context, place string) ([]byte, error) {
	file, _, ok := strings.Cut(place, "@")
	if !ok {
		return nil, fmt.Errorf("%w: %q is no file of a commit", retinue.ErrInvalid, place)
	}
	sess, err := g.transport.NewUploadPackSession(g.endpoint, g.auth)
	if err != nil {
		return nil, gitError("open repository", err)
	}
	refs, err := sess.AdvertisedReferencesContext(ctx)
	if err = errors.Join(err, sess.Close()); err != nil {
		return nil, gitError("read branches", err)
	}
	tip := refs.References[g.ref().String()]
	if tip.IsZero() {
		return nil, fmt.Errorf("%w: the repository has no branch %s", retinue.ErrNotFound, g.c.Options["branch"])
	}
	objects := memory.NewStorage()
	if err := g.fetch(ctx, tip, objects); err != nil {
		return nil, err
	}
	b, err := readAt(objects, tip, file)
	if err != nil {
		return nil, fmt.Errorf("%w: the branch has no file %s", retinue.ErrNotFound, file)
	}
	return b, nil
}

// Try implements Place: it asks what it may push to.
func (g *gitPlace) Try(ctx context.Context) (string, error) {
	sess, err := g.transport.NewReceivePackSession(g.endpoint, g.auth)
	if err != nil {
		return "", gitError("open repository", err)
	}
	defer func() { _ = sess.Close() }()
	refs, err := sess.AdvertisedReferencesContext(ctx)
	if err != nil && !errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return "", gitError("read branches", err)
	}
	if refs == nil || refs.References[g.ref().String()].IsZero() {
		return "the repository takes pushes; the branch is made with the first checkpoint", nil
	}
	return "the repository takes pushes", nil
}

func gitError(what string, err error) error {
	kind := retinue.ErrUnavailable
	switch {
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed), errors.Is(err, retinue.ErrDenied):
		kind = retinue.ErrDenied
	case errors.Is(err, transport.ErrRepositoryNotFound):
		kind = retinue.ErrNotFound
	}
	return fmt.Errorf("%w: %s: %s", kind, what, outlet.Quote([]byte(outlet.WithoutURL(err).Error())))
}

package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

const (
	// maxFiles bounds the files of one export, maxFile the size of one.
	maxFiles = 10_000
	maxFile  = 8 << 30
	// manifestName is the file that the export script writes last: it says
	// that every kind was listed everywhere.
	manifestName = "retinue-export.json"
)

// file is one file of an export, as the first look at it found it.
type file struct {
	path string
	rel  string
	time time.Time
	// named is the kind that the file's name says ("roles.json"), for lists
	// that are empty.
	named string
	// kinds counts the objects of each kind; lists says which of them stand in
	// a list.
	kinds map[string]int
	lists map[string]bool
	// values counts the Secrets that have values in the file.
	values int
	err    error
}

// index is what the first pass over an export finds.
type index struct {
	files      []*file
	uid        string            // of the namespace kube-system
	anchors    map[string]string // uids of other objects that every cluster has, by what they are
	name       string            // of the cluster, as the export says
	version    string
	issuer     string
	manifest   *manifest
	names      map[string]bool // of cluster roles and accounts, for the last resort
	automount  map[string]bool
	namespaces map[string]bool            // that a Namespace object names
	seen       map[string]map[string]bool // namespaces with objects of a kind
}

// manifest is the export script's own statement.
type manifest struct {
	Kind      string    `json:"kind"`
	Time      time.Time `json:"time"`
	Resources []string  `json:"resources"`
	Issuer    string    `json:"issuer"`
}

// exportFiles lists the files of an export, newest first, so that of two
// exports of one object the newer counts.
func exportFiles(path string) ([]*file, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError("open", path, err)
	}
	if !info.IsDir() {
		return []*file{newFile(path, filepath.Base(path), info)}, nil
	}
	var out []*file
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(path, p)
		switch {
		case err != nil:
			out = append(out, &file{path: p, rel: filepath.ToSlash(rel), err: fileError("open", p, err)})
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() && p != path && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !d.Type().IsRegular() || !isExportName(d.Name()):
			return nil // symbolic links too: they may lead out of the export
		}
		if len(out) == maxFiles {
			return fmt.Errorf("%w: read %s: more than %d files", retinue.ErrInvalid, retinue.CleanName(path), maxFiles)
		}
		info, err := d.Info()
		if err != nil {
			out = append(out, &file{path: p, rel: filepath.ToSlash(rel), err: fileError("open", p, err)})
			return nil
		}
		out = append(out, newFile(p, filepath.ToSlash(rel), info))
		return nil
	})
	slices.SortStableFunc(out, func(a, b *file) int {
		if c := b.time.Compare(a.time); c != 0 {
			return c
		}
		return strings.Compare(a.rel, b.rel)
	})
	return out, err
}

func newFile(path, rel string, info fs.FileInfo) *file {
	f := &file{path: path, rel: rel, time: info.ModTime().UTC(), kinds: map[string]int{}, lists: map[string]bool{}}
	base := strings.ToLower(filepath.Base(path))
	if k, ok := kindOfResource(strings.TrimSuffix(strings.TrimSuffix(base, ".json"), ".ndjson")); ok {
		f.named = k.name
	}
	if info.Size() > maxFile {
		f.err = fmt.Errorf("%w: read %s: %d bytes: the limit is %d", retinue.ErrInvalid, retinue.CleanName(rel), info.Size(), int64(maxFile))
	}
	return f
}

func isExportName(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".ndjson") || strings.HasSuffix(name, ".jsonl") || name == "cluster_name"
}

// look reads an export once to learn what it holds and which cluster it is of.
func look(ctx context.Context, path string) (*index, error) {
	files, err := exportFiles(path)
	if err != nil {
		return nil, err
	}
	x := &index{files: files, anchors: map[string]string{}, names: map[string]bool{}, automount: map[string]bool{},
		namespaces: map[string]bool{}, seen: map[string]map[string]bool{}}
	for _, f := range files {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if f.err != nil {
			continue
		}
		err := x.lookAt(ctx, f)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, retinue.ErrConflict) {
			return nil, err
		}
		f.err = err
	}
	return x, nil
}

func (x *index) lookAt(ctx context.Context, f *file) error {
	if f.rel == "cluster_name" || strings.HasSuffix(f.rel, "/cluster_name") {
		return x.readName(f)
	}
	return f.decode(ctx, func(kindName string, raw json.RawMessage, list bool) error { return x.see(f, kindName, raw, list) },
		func(d *document) {
			if kind, ok := kindNamed(strings.TrimSuffix(d.Kind, "List")); ok && d.List {
				f.lists[kind.name] = true
			} else if d.List && d.Kind == "List" && f.named != "" && len(f.kinds) == 0 {
				f.lists[f.named] = true
			}
		})
}

func (x *index) readName(f *file) error {
	in, err := os.Open(f.path)
	if err != nil {
		return fileError("open", f.rel, err)
	}
	defer func() { _ = in.Close() }()
	b, err := io.ReadAll(io.LimitReader(in, maxName))
	if err != nil {
		return fileError("read", f.rel, err)
	}
	x.name = retinue.CleanName(strings.TrimSpace(string(b)))
	return nil
}

// decode reads the objects of a file, each with its kind. Items of a list of
// one kind may leave theirs out.
func (f *file) decode(ctx context.Context, visit func(kind string, raw json.RawMessage, list bool) error, done func(*document)) error {
	in, err := os.Open(f.path)
	if err != nil {
		return fileError("open", f.rel, err)
	}
	defer func() { _ = in.Close() }()
	err = decodeDocuments(skipMark(in), func(d *document, raw json.RawMessage) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var o struct {
			Kind string `json:"kind"`
		}
		if decode(raw, &o) != nil {
			o.Kind = ""
		}
		kind := o.Kind
		if kind == "" {
			kind = strings.TrimSuffix(d.Kind, "List")
		}
		if kind == "" {
			kind = f.named
		}
		return visit(kind, raw, d.List)
	}, func(d *document) error { done(d); return nil })
	var stop errStop
	if errors.As(err, &stop) {
		return stop.err
	}
	if errors.Is(err, retinue.ErrInvalid) {
		return fmt.Errorf("read %s: %w", retinue.CleanName(f.rel), err)
	}
	if err != nil {
		return fileError("read", f.rel, err)
	}
	return nil
}

// skipMark leaves out the byte order mark that some shells write.
func skipMark(r io.Reader) io.Reader {
	start := make([]byte, 3)
	n, err := io.ReadFull(r, start)
	if err == nil && string(start) == "\xef\xbb\xbf" {
		return r
	}
	return io.MultiReader(strings.NewReader(string(start[:n])), r)
}

// see learns from one object.
func (x *index) see(f *file, kindName string, raw json.RawMessage, list bool) error {
	if kindName == "" || kindName == exportKind {
		x.seeOther(f, raw)
		return nil
	}
	k, ok := kindNamed(kindName)
	if !ok {
		return nil
	}
	f.kinds[k.name]++
	if list {
		f.lists[k.name] = true
	}
	md, ok := readable(k, raw)
	if !ok {
		return nil // the second pass reports it
	}
	if x.seen[k.name] == nil {
		x.seen[k.name] = map[string]bool{}
	}
	x.seen[k.name][md.Namespace] = true
	switch {
	case k == kindNamespace:
		x.namespaces[md.Name] = true
		return x.seeNamespace(f, md)
	case k == kindClusterRole && md.Name == "cluster-admin", k == kindAccount && md.key() == "kube-system/default",
		k == kindAccount && md.key() == "default/default":
		if validName(md.UID) && x.anchors[k.element+" "+md.key()] == "" {
			x.anchors[k.element+" "+md.key()] = retinue.CleanName(md.UID)
		}
	}
	if k == kindAccount {
		var sa serviceAccount
		if _, ok := x.automount[md.key()]; !ok && decode(raw, &sa) == nil && sa.Automount != nil {
			x.automount[md.key()] = *sa.Automount
		}
	}
	if k == kindSecret {
		var s struct {
			Data map[string]json.RawMessage `json:"data"`
		}
		if decode(raw, &s) == nil && len(s.Data) > 0 {
			f.values++
		}
	}
	if k == kindAccount || k == kindClusterRole {
		x.names[k.element+" "+md.key()] = true
	}
	return nil
}

// readable returns the metadata of an object that has what it needs.
func readable(k kind, raw json.RawMessage) (meta, bool) {
	h, err := decodeHead(raw)
	if err == nil {
		err = h.Metadata.check(k)
	}
	return h.Metadata, err == nil
}

func (x *index) seeNamespace(f *file, md meta) error {
	if md.Name != "kube-system" || !validName(md.UID) {
		return nil
	}
	uid := retinue.CleanName(md.UID)
	if x.uid != "" && x.uid != uid {
		return fmt.Errorf("%w: read %s: the export holds two clusters (kube-system %s and %s): give each its own folder", retinue.ErrConflict, retinue.CleanName(f.rel), x.uid, uid)
	}
	x.uid = uid
	return nil
}

// seeOther learns from what is no object: the version, the issuer, the
// manifest.
func (x *index) seeOther(f *file, raw json.RawMessage) {
	var o struct {
		Kind          string `json:"kind"`
		GitVersion    string `json:"gitVersion"`
		Issuer        string `json:"issuer"`
		ServerVersion struct {
			GitVersion string `json:"gitVersion"`
		} `json:"serverVersion"`
	}
	if decode(raw, &o) != nil {
		return
	}
	for _, v := range []string{o.GitVersion, o.ServerVersion.GitVersion} {
		if v != "" && x.version == "" {
			x.version = clip(retinue.CleanName(v), 64)
		}
	}
	if o.Kind == exportKind {
		var m manifest
		if decode(raw, &m) == nil && filepath.Base(f.path) == manifestName {
			x.manifest = &m
		}
		return
	}
	if validName(o.Issuer) && x.issuer == "" {
		x.issuer = retinue.CleanName(o.Issuer)
	}
}

// exportKind is the kind of the manifest.
const exportKind = "RetinueExport"

// realm says which cluster the export is of, and what a person should know
// about how that was told.
func (x *index) realm(given string) (retinue.Realm, string, error) {
	named := func(id, note string) (retinue.Realm, string, error) {
		r := retinue.NewRealm(realmKind, id)
		return r, note, r.Validate()
	}
	switch {
	case given != "" && x.uid != "" && given != x.uid:
		return "", "", fmt.Errorf("%w: option cluster-uid=%s: the export is of the cluster %s", retinue.ErrInvalid, given, x.uid)
	case given != "":
		return named(given, "")
	case x.uid != "":
		return named(x.uid, "")
	}
	const advice = "; a live scan of the same cluster counts apart unless cluster-uid= gives the uid of its namespace kube-system"
	for _, anchor := range []string{"cluster_role cluster-admin", "service_account kube-system/default", "service_account default/default"} {
		if uid := x.anchors[anchor]; uid != "" {
			return named("by-"+uid, "the export lacks the namespace kube-system, so the cluster is named by the uid of the "+anchor+advice)
		}
	}
	if x.name != "" {
		return named("name-"+x.name, "the export has no uids, so the cluster is named as its file cluster_name says"+advice)
	}
	if len(x.names) == 0 {
		return "", "", fmt.Errorf("%w: identify the cluster: the export holds no namespace kube-system, no ClusterRole and no ServiceAccount: give cluster-uid=", retinue.ErrInvalid)
	}
	sum := sha256.New()
	for _, n := range slices.Sorted(maps.Keys(x.names)) {
		_, _ = io.WriteString(sum, n+"\n")
	}
	return named("content-"+hex.EncodeToString(sum.Sum(nil))[:24], "the export has no uids and no name, so the cluster is named by a hash of its cluster roles and accounts, which changes when they do"+advice)
}

// time returns when the export shows the cluster.
func (x *index) time(f *file) time.Time {
	if x.manifest != nil && !x.manifest.Time.IsZero() {
		return x.manifest.Time.UTC()
	}
	return f.time
}

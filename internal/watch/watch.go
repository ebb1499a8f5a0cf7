// Package watch tells when files change, so that a log is read within seconds of
// being written.
//
// Files are watched by what the operating system offers (inotify, kqueue,
// ReadDirectoryChangesW, through fsnotify). Where that says nothing or not all,
// which is so on network file systems and where its limits are reached, the
// names, sizes and times of the files are compared every few seconds. A change is
// told a moment after the last one, and at least every few seconds while changes
// go on; that none is told is no promise that there was none.
package watch

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options say how patient a Watcher is. Zero fields mean the defaults.
type Options struct {
	// Quiet is for how long nothing must change before a change is told, 300 ms,
	// and Most after how long it is told all the same, 2 s.
	Quiet, Most time.Duration
	// Poll is how often files are compared that cannot be watched, 5 s.
	Poll time.Duration
	// MaxFolders is how many folders are watched at most, 8,192; what is beyond is
	// compared.
	MaxFolders int
	// Compare has everything compared and nothing watched.
	Compare bool
	Log     *slog.Logger
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.Quiet, 300*time.Millisecond)
	set(&o.Most, 2*time.Second)
	set(&o.Poll, 5*time.Second)
	if o.MaxFolders <= 0 {
		o.MaxFolders = 8192
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Watcher watches sets of files, each under a name. It is safe for concurrent
// use.
type Watcher struct {
	opt     Options
	system  *fsnotify.Watcher // nil where there is none
	changes chan string

	mu      sync.Mutex
	sets    map[string]*set
	folders map[string]map[string]bool // watched folder → names of sets
	changed map[string]span            // sets of which a change is to be told
}

// set is what is watched under a name.
type set struct {
	paths    []string
	compared bool // some of it cannot be watched
	polling  bool // a comparison is under way
	known    bool
	sum      uint64
}

// span is when the first and the last of some changes came.
type span struct{ first, last time.Time }

// New returns a Watcher. Run makes it work.
func New(o Options) *Watcher {
	w := &Watcher{opt: o.withDefaults(), changes: make(chan string, 64), sets: map[string]*set{}, folders: map[string]map[string]bool{}, changed: map[string]span{}}
	if o.Compare {
		return w
	}
	system, err := fsnotify.NewWatcher()
	if err != nil {
		w.opt.Log.Warn("files are compared every few seconds: the system lets none be watched", "error", err.Error())
		return w
	}
	w.system = system
	return w
}

// Changes gives the names of the sets in which something changed.
func (w *Watcher) Changes() <-chan string { return w.changes }

// Set watches files, folders with all below them, and patterns as
// [filepath.Match] has them, under a name, in place of what was watched under it
// before. Nothing is watched where paths is empty.
func (w *Watcher) Set(name string, paths []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	have := w.sets[name]
	if have != nil && slices.Equal(have.paths, paths) || have == nil && len(paths) == 0 {
		return
	}
	w.drop(name)
	if len(paths) == 0 {
		return
	}
	s := &set{paths: slices.Clone(paths)}
	w.sets[name] = s
	for _, p := range paths {
		w.add(name, s, rootOf(p))
	}
}

func (w *Watcher) drop(name string) {
	delete(w.sets, name)
	delete(w.changed, name)
	for folder, names := range w.folders {
		if delete(names, name); len(names) == 0 {
			delete(w.folders, folder)
			_ = w.system.Remove(folder) // it may be gone already
		}
	}
}

// add watches a folder and those below it.
func (w *Watcher) add(name string, s *set, root string) {
	if w.system == nil || overNetwork(root) {
		s.compared = true
		return
	}
	for folder, link := range foldersBelow(root) {
		if link {
			s.compared = true // a change is told where the file lies
			continue
		}
		names := w.folders[folder]
		if names == nil {
			if len(w.folders) >= w.opt.MaxFolders {
				s.compared = true
				return
			}
			if err := w.system.Add(folder); err != nil {
				if !s.compared {
					w.opt.Log.Info("files are compared every few seconds: they cannot be watched", "folder", folder, "error", err.Error())
				}
				s.compared = true
				return
			}
			names = map[string]bool{}
			w.folders[folder] = names
		}
		names[name] = true
	}
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	var polls sync.WaitGroup
	defer polls.Wait()
	var events chan fsnotify.Event
	var errs chan error
	if w.system != nil {
		defer func() { _ = w.system.Close() }()
		events, errs = w.system.Events, w.system.Errors
	}
	tick := time.NewTicker(w.opt.Quiet / 2)
	defer tick.Stop()
	poll := time.NewTicker(w.opt.Poll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			w.event(e)
		case err := <-errs:
			w.failed(err)
		case <-poll.C:
			w.compare(ctx, &polls)
		case <-tick.C:
			for _, name := range w.due(time.Now()) {
				select {
				case w.changes <- name:
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// event takes what the system tells.
func (w *Watcher) event(e fsnotify.Event) {
	if e.Op == fsnotify.Chmod {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.folders[filepath.Dir(e.Name)] {
		s := w.sets[name]
		if s == nil {
			continue
		}
		if e.Has(fsnotify.Create) && isFolder(e.Name) {
			if slices.ContainsFunc(s.paths, func(p string) bool { return below(p, e.Name) }) {
				w.add(name, s, e.Name)
			}
		}
		if slices.ContainsFunc(s.paths, func(p string) bool { return concerns(p, e.Name) }) {
			w.note(name)
		}
	}
	if e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename) {
		delete(w.folders, e.Name) // if it was one: the system has forgotten it
	}
}

// note has a change told. The lock is held.
func (w *Watcher) note(name string) {
	now := time.Now()
	s, ok := w.changed[name]
	if !ok {
		s.first = now
	}
	s.last = now
	w.changed[name] = s
}

// failed takes that the system lost events: anything may have changed.
func (w *Watcher) failed(err error) {
	if err == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !errors.Is(err, fsnotify.ErrEventOverflow) {
		w.opt.Log.Warn("watching files", "error", err.Error())
	}
	for name := range w.sets {
		w.note(name)
	}
}

// due takes the sets of which a change is to be told now.
func (w *Watcher) due(now time.Time) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for name, s := range w.changed {
		if now.Sub(s.last) >= w.opt.Quiet || now.Sub(s.first) >= w.opt.Most {
			out = append(out, name)
			delete(w.changed, name)
		}
	}
	slices.Sort(out)
	return out
}

// compare looks at the sets that cannot be watched, each by itself: a network
// file system can keep who asks waiting.
func (w *Watcher) compare(ctx context.Context, polls *sync.WaitGroup) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, s := range maps.All(w.sets) {
		if !s.compared || s.polling {
			continue
		}
		s.polling = true
		polls.Go(func() {
			sum := sumOf(ctx, s.paths)
			w.mu.Lock()
			defer w.mu.Unlock()
			s.polling = false
			if s.known && sum != s.sum && w.sets[name] == s {
				w.note(name)
			}
			s.known, s.sum = true, sum
		})
	}
}

// concerns reports whether a change of a file is one of what a path names.
func concerns(path, name string) bool {
	if isPattern(path) {
		ok, err := filepath.Match(filepath.Clean(path), name)
		return ok && err == nil
	}
	return name == filepath.Clean(path) || below(path, name)
}

// below reports whether a file lies below the folder that a path names, or that
// a pattern begins with.
func below(path, name string) bool {
	root := rootOf(path)
	if root != filepath.Clean(path) && !isPattern(path) {
		return false // a file
	}
	rel, err := filepath.Rel(root, name)
	return err == nil && filepath.IsLocal(rel) && !strings.HasPrefix(filepath.Base(name), ".")
}

package repo

import (
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
)

// blobKey is a content at paths of one class; see secrets.Scanner.PathClass.
type blobKey struct {
	hash  plumbing.Hash
	class string
}

// blobCache remembers which contents were scanned and what they held, so that
// each is scanned once. Most hold nothing and cost a map entry.
type blobCache struct {
	mu   sync.Mutex
	seen map[blobKey]*pending // nil: nothing was found
}

// pending is a scan that may not have ended yet.
type pending struct {
	done chan struct{}
	res  result
}

func newBlobCache() *blobCache { return &blobCache{seen: map[blobKey]*pending{}} }

// begin returns the scan of a content, and whether it is the caller who must
// make it. The scan is nil where nothing was found.
func (b *blobCache) begin(k blobKey) (scan *pending, mine bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	scan, known := b.seen[k]
	if !known {
		scan = &pending{done: make(chan struct{})}
		b.seen[k] = scan
	}
	return scan, !known
}

// end records the outcome of a scan that begin handed out.
func (b *blobCache) end(k blobKey, scan *pending, res result) result {
	scan.res = res
	close(scan.done)
	if len(res.findings) == 0 {
		b.mu.Lock()
		b.seen[k] = nil
		b.mu.Unlock()
	}
	return res
}

// wait returns the outcome of a scan that another caller makes.
func (p *pending) wait() result {
	if p == nil {
		return result{}
	}
	<-p.done
	return p.res
}

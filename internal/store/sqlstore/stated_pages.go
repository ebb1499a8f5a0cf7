package sqlstore

import (
	"errors"
	"fmt"
)

// page is facts that were read and wait to be taken.
type page struct {
	facts []paged
	bytes []byte
}

// paged is a fact of a page; body and document are the ends of theirs in its
// bytes.
type paged struct {
	scope          statingScope
	number         int64
	since          int64
	body, document int
}

// The pages that lie between who reads and who takes: enough that neither waits
// for the other over a few rows.
const (
	pages     = 4
	pageBytes = 256 << 10
	pageFacts = 1024
)

// errLeft says that nobody takes what is read.
var errLeft = errors.New("nothing more is wanted")

// apart runs read, which puts facts on pages, beside take, which is called for
// each page in the order of reading. It returns when both have ended.
func apart(read func(put func(paged, []byte, []byte) error) error, take func(*page) error) (err error) {
	full, free, left, done := make(chan *page, pages), make(chan *page, pages), make(chan struct{}), make(chan error, 1)
	for range pages {
		free <- &page{}
	}
	go func() {
		w := pageWriter{full: full, free: free, left: left}
		err := w.guarded(read)
		close(full)
		done <- err
	}()
	taken := false
	defer func() {
		if !taken {
			close(left)
		}
		if e := <-done; taken {
			err = e
		}
	}()
	for p := range full {
		if err := take(p); err != nil {
			return err
		}
		p.facts, p.bytes = p.facts[:0], p.bytes[:0]
		free <- p
	}
	taken = true
	return nil
}

// pageWriter fills pages.
type pageWriter struct {
	full, free chan *page
	left       chan struct{}
	page       *page
}

// guarded turns a panic of the reading, which would end the process from its own
// goroutine, into an error.
func (w *pageWriter) guarded(read func(put func(paged, []byte, []byte) error) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if err := read(w.put); err != nil {
		return err
	}
	return w.pass()
}

func (w *pageWriter) put(f paged, body, document []byte) error {
	if w.page != nil && (len(w.page.facts) == pageFacts || len(w.page.bytes) >= pageBytes) {
		if err := w.pass(); err != nil {
			return err
		}
	}
	if w.page == nil {
		select {
		case w.page = <-w.free:
		case <-w.left:
			return errLeft
		}
	}
	p := w.page
	p.bytes = append(p.bytes, body...)
	f.body = len(p.bytes)
	p.bytes = append(p.bytes, document...)
	f.document = len(p.bytes)
	p.facts = append(p.facts, f)
	return nil
}

// pass hands the page on. There is room for all pages.
func (w *pageWriter) pass() error {
	if w.page != nil {
		w.full <- w.page
		w.page = nil
	}
	return nil
}

package main

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"
)

// slow stands before a PostgreSQL server and holds every commit back for a time,
// as a disk that takes so long or a replica that must have it first does: the
// locks of the transaction are held meanwhile.
type slow struct {
	listener net.Listener
	target   string
	delay    time.Duration

	mu    sync.Mutex
	conns []net.Conn
}

func slowCommits(target string, delay time.Duration) (*slow, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &slow{listener: l, target: target, delay: delay}
	go s.accept()
	return s, nil
}

func (s *slow) addr() string { return s.listener.Addr().String() }

func (s *slow) stop() {
	_ = s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}

func (s *slow) accept() {
	for {
		c, err := s.listener.Accept()
		if err != nil {
			return
		}
		go s.pass(c)
	}
}

func (s *slow) pass(client net.Conn) {
	server, err := net.Dial("tcp", s.target)
	if err != nil {
		_ = client.Close()
		return
	}
	s.mu.Lock()
	s.conns = append(s.conns, client, server)
	s.mu.Unlock()
	go func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	defer func() { _ = server.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if isCommit(buf[:n]) {
			time.Sleep(s.delay)
		}
		if n > 0 {
			if _, werr := server.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// isCommit finds the query that commits a transaction: a message of type Q, its
// length, and the word.
func isCommit(b []byte) bool {
	return bytes.Contains(bytes.ToLower(b), append([]byte{'q', 0, 0, 0, 11}, "commit\x00"...))
}

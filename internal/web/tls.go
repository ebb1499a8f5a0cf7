package web

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
)

// tlsConfig is how the server speaks TLS; nil where it does not. With ACME it
// has checked the authority.
func (s *Server) tlsConfig(ctx context.Context) (*tls.Config, error) {
	switch {
	case s.cfg.TLSCert != "":
		f := &certFile{cert: s.cfg.TLSCert, key: s.cfg.TLSKey, now: s.cfg.Now}
		if _, err := f.get(nil); err != nil {
			return nil, err
		}
		return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: f.get, NextProtos: []string{"h2", "http/1.1"}}, nil
	case s.acme != nil:
		if err := s.acme.check(ctx); err != nil {
			return nil, err
		}
		return s.acme.tlsConfig(), nil
	}
	return nil, nil
}

// certCheck is how often a certificate's files are looked at: one that was
// renewed is used without a restart.
const certCheck = time.Minute

// certFile is a certificate in files.
type certFile struct {
	cert, key string
	now       func() time.Time

	mu      sync.Mutex
	checked time.Time
	stamp   time.Time
	have    *tls.Certificate
}

func (f *certFile) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if f.have != nil && now.Sub(f.checked) < certCheck {
		return f.have, nil
	}
	f.checked = now
	info, err := os.Stat(f.cert)
	if err == nil && f.have != nil && info.ModTime().Equal(f.stamp) {
		return f.have, nil
	}
	c, loadErr := tls.LoadX509KeyPair(f.cert, f.key)
	if loadErr != nil {
		if f.have != nil { // half written: the one at hand still works
			return f.have, nil
		}
		return nil, fmt.Errorf("%w: read certificate: %v", retinue.ErrInvalid, loadErr)
	}
	if err == nil {
		f.stamp = info.ModTime()
	}
	f.have = &c
	return f.have, nil
}

package channel

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

// smtpServer is a small mail server with TLS, enough of RFC 5321 for a client.
type smtpServer struct {
	net.Listener
	conf     *tls.Config
	ca       string
	implicit bool
	refuse   string // answer to RCPT
	user     string

	mu    sync.Mutex
	mails []string
	clear []string // commands that came without TLS
	wg    sync.WaitGroup
}

func startSMTP(t *testing.T, s *smtpServer) *smtpServer {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, DNSNames: []string{"mail.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	s.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	s.conf = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: priv}}}
	var lc net.ListenConfig
	if s.Listener, err = lc.Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.wg.Go(func() {
		for {
			conn, err := s.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = s.Close()
		s.wg.Wait()
	})
	return s
}

func (s *smtpServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	secure := false
	if s.implicit {
		conn, secure = tls.Server(conn, s.conf), true
	}
	r := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	say("220 mail.example.com ready")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.Fields(line + " x")[0])
		if !secure {
			s.mu.Lock()
			s.clear = append(s.clear, verb)
			s.mu.Unlock()
		}
		switch verb {
		case "EHLO", "HELO":
			say("250-mail.example.com")
			if !secure {
				say("250-STARTTLS")
			} else if s.user != "" {
				say("250-AUTH PLAIN LOGIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go ahead")
			conn, secure = tls.Server(conn, s.conf), true
			r = bufio.NewReader(conn)
		case "AUTH":
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "AUTH PLAIN "))
			if string(raw) == "\x00"+s.user+"\x00"+key("p") {
				say("235 welcome")
			} else {
				say("535 5.7.8 who are you")
			}
		case "RCPT":
			if s.refuse != "" {
				say(s.refuse)
				continue
			}
			say("250 ok")
		case "DATA":
			say("354 send")
			var b strings.Builder
			for {
				l, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(l, "."))
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.mu.Unlock()
			say("250 2.0.0 queued as Q1")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *smtpServer) sender(t *testing.T, more map[string]string) Sender {
	t.Helper()
	options := map[string]string{"host": "mail.example.com", "from": "Retinue <retinue@example.com>", "to": "ops@example.com, two@example.com", "ca": s.ca}
	if s.implicit {
		options["tls"] = "implicit"
	}
	for k, v := range more {
		options[k] = v
	}
	c := config(nil, options, map[string]string{"password": key("p")})
	c.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, s.Addr().String())
	}
	k, _ := Find("email")
	out, err := k.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMailIsSentUnderTLS(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		t.Run(fmt.Sprintf("implicit %v", implicit), func(t *testing.T) {
			s := startSMTP(t, &smtpServer{implicit: implicit, user: "ann"})
			receipt, err := s.sender(t, map[string]string{"username": "ann"}).Send(t.Context(), message(2), "")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(receipt, "Q1") {
				t.Errorf("receipt %q", receipt)
			}
			for _, verb := range s.clear {
				if verb != "EHLO" && verb != "STARTTLS" {
					t.Errorf("%s came without TLS", verb)
				}
			}
			checkMail(t, s.mails[0])
		})
	}
}

func checkMail(t *testing.T, raw string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Message-Id") != "<msg_1@example.com>" || m.Header.Get("Auto-Submitted") != "auto-generated" || !strings.Contains(m.Header.Get("To"), "two@example.com") {
		t.Errorf("header: %v", m.Header)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []string{"text/plain", "text/html"} {
		p, err := parts.NextRawPart()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(p.Header.Get("Content-Type"), want) {
			t.Errorf("part %v, want %s", p.Header, want)
		}
		if !strings.Contains(string(b), "https://retinue.example/findings/fnd_1") || strings.Contains(string(b), "\u202e") {
			t.Errorf("%s: %s", want, b)
		}
		if want == "text/html" && strings.Contains(string(b), "<script") {
			t.Errorf("a script got through: %s", b)
		}
	}
}

func TestMailToAnAddressOfTheRoute(t *testing.T) {
	s := startSMTP(t, &smtpServer{})
	if _, err := s.sender(t, nil).Send(t.Context(), message(1), "owner@example.com"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.mails[0], "owner@example.com") || strings.Contains(s.mails[0], "ops@example.com") {
		t.Error(s.mails[0])
	}
}

func TestMailIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		refuse, user string
		more         map[string]string
		kind         error
	}{
		"unknown receiver":  {"550 5.1.1 nobody here", "", nil, retinue.ErrInvalid},
		"receiver greylist": {"450 4.2.0 later", "", nil, retinue.ErrUnavailable},
		"wrong password":    {"", "bob", map[string]string{"username": "ann"}, retinue.ErrDenied},
		"wrong authority":   {"", "", map[string]string{"ca": ""}, retinue.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSMTP(t, &smtpServer{refuse: c.refuse, user: c.user})
			_, err := s.sender(t, c.more).Send(t.Context(), message(1), "")
			if !errors.Is(err, c.kind) || strings.Contains(err.Error(), key("p")) {
				t.Errorf("%v", err)
			}
			if len(s.mails) > 0 {
				t.Error("mail was sent")
			}
		})
	}
}

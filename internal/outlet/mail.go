package outlet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/retinue-id/retinue"
)

// MailFields are the options of a mail server, and more.
func MailFields(more ...Field) []Field {
	return append([]Field{
		{Name: "host", Required: true, Says: "the mail server"},
		{Name: "port", Says: "its port", Default: "587"},
		{Name: "tls", Says: "starttls begins in the clear and refuses to go on without TLS; implicit is TLS from the first byte (port 465)", Default: "starttls", OneOf: []string{"starttls", "implicit"}},
		{Name: "ca", Says: "certificates of the authorities that the server's certificate is checked with, as PEM; empty for the system's"},
		{Name: "username", Says: "the account, where the server wants one"},
		{Name: "password", Secret: true, Says: "the password of the account"},
		{Name: "from", Required: true, Says: "the address that mail comes from"},
	}, more...)
}

// MailOptions turns the options of a mail server into those of the client.
func MailOptions(c Config) ([]gomail.Option, error) {
	port, err := strconv.Atoi(c.Options["port"])
	if err != nil || port < 1 || port > 65535 {
		return nil, Invalid("options.port", "want a port")
	}
	host := c.Options["host"]
	conf := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if pem := c.Options["ca"]; pem != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(pem)) {
			return nil, Invalid("options.ca", "want certificates as PEM")
		}
	}
	opts := []gomail.Option{gomail.WithPort(port), gomail.WithTLSConfig(conf), gomail.WithTimeout(30 * time.Second)}
	dial := c.Dial
	if dial == nil {
		return nil, fmt.Errorf("%w: e-mail: nothing to dial with", retinue.ErrUnsupported)
	}
	if c.Options["tls"] == "implicit" {
		// The dialler is ours, so TLS is begun here and not by the client.
		plain := dial
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := plain(ctx, network, address)
			if err != nil {
				return nil, err
			}
			t := tls.Client(conn, conf)
			if err := t.HandshakeContext(ctx); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
			return t, nil
		}
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	} else {
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	opts = append(opts, gomail.WithDialContextFunc(dial))
	if user := c.Options["username"]; user != "" {
		auth := gomail.SMTPAuthAutoDiscover
		if c.Options["tls"] == "implicit" {
			// The client does not know that its connection is under TLS.
			auth = gomail.SMTPAuthPlainNoEnc
		}
		opts = append(opts, gomail.WithSMTPAuth(auth), gomail.WithUsername(user), gomail.WithPassword(c.Secrets["password"].Reveal()))
	}
	return opts, nil
}

// SendMail sends one mail and returns the server's answer for a receipt.
func SendMail(ctx context.Context, host string, opts []gomail.Option, msg *gomail.Msg) (string, error) {
	client, err := gomail.NewClient(host, opts...)
	if err != nil {
		return "", fmt.Errorf("%w: e-mail: %v", retinue.ErrInvalid, err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		return "", mailError(err)
	}
	return Clean(msg.ServerResponse(), 200), nil
}

// mailError sorts what a mail server said: its permanent refusals of a message
// or an address (RFC 5321, section 4.2.1) are not tried again, those of the
// account are.
func mailError(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		kind := retinue.ErrUnavailable
		switch {
		case answer.Code == 530 || answer.Code == 534 || answer.Code == 535:
			kind = retinue.ErrDenied
		case answer.Code >= 500:
			kind = retinue.ErrInvalid
		}
		return fmt.Errorf("%w: the mail server answered %d %s", kind, answer.Code, Quote([]byte(answer.Msg)))
	}
	var send *gomail.SendError
	if errors.As(err, &send) {
		kind := retinue.ErrUnavailable
		if code := send.ErrorCode(); code >= 500 {
			kind = retinue.ErrInvalid
		}
		return fmt.Errorf("%w: send mail: %s", kind, Quote([]byte(send.Error())))
	}
	if errors.Is(err, retinue.ErrDenied) {
		return err
	}
	return fmt.Errorf("%w: send mail: %s", retinue.ErrUnavailable, Quote([]byte(err.Error())))
}

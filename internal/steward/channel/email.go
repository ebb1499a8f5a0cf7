package channel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/retinue-id/retinue"
)

func emailKind() Kind {
	return Kind{Name: "email", Title: "E-mail", Says: "Mail through a server of yours, always under TLS.", Addressed: "an e-mail address",
		Fields: MailFields(Field{Name: "to", Says: "addresses that get what is sent to the channel itself, separated by commas"}), open: openEmail}
}

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

type email struct {
	c      Config
	from   *mail.Address
	to     []string
	client []gomail.Option
}

func openEmail(c Config) (Sender, error) {
	e := &email{c: c}
	var err error
	if e.from, err = mail.ParseAddress(c.Options["from"]); err != nil {
		return nil, invalid("options.from", "want an e-mail address")
	}
	for a := range strings.SplitSeq(c.Options["to"], ",") {
		if a = strings.TrimSpace(a); a == "" {
			continue
		}
		if _, err := mail.ParseAddress(a); err != nil {
			return nil, invalid("options.to", "want e-mail addresses separated by commas")
		}
		e.to = append(e.to, a)
	}
	e.client, err = MailOptions(c)
	return e, err
}

// MailOptions turns the options of a mail server into those of the client.
func MailOptions(c Config) ([]gomail.Option, error) {
	port, err := strconv.Atoi(c.Options["port"])
	if err != nil || port < 1 || port > 65535 {
		return nil, invalid("options.port", "want a port")
	}
	host := c.Options["host"]
	conf := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if pem := c.Options["ca"]; pem != "" {
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(pem)) {
			return nil, invalid("options.ca", "want certificates as PEM")
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

// mailPage is the HTML form of a message; html/template escapes what is put
// into it.
const mailPage = `<!DOCTYPE html><html><body style="font-family:sans-serif;font-size:14px">
<h1 style="font-size:17px">{{.Head}}</h1>
{{range .Items}}<div style="border-top:1px solid #ccc;padding:8px 0">
<p style="margin:0"><b>{{.Severity}}</b> {{if .URL}}<a href="{{.URL}}">{{.Title}}</a>{{else}}{{.Title}}{{end}}</p>
{{if .Text}}<p style="margin:4px 0">{{.Text}}</p>{{end}}<p style="margin:0;color:#666">{{.About}}</p></div>
{{end}}{{if .More}}<p>and {{.More}} more{{if .Console}}: <a href="{{.Console}}">all notices</a>{{end}}</p>{{end}}
</body></html>`

type mailItem struct{ Severity, Title, Text, About, URL string }

func (m Message) html() (string, error) {
	page, err := template.New("mail").Parse(mailPage)
	if err != nil {
		return "", err
	}
	items, more := m.shown(maxItems)
	data := struct {
		Head, Console string
		Items         []mailItem
		More          int
	}{Head: m.headline(), Console: m.Console, More: more}
	for _, i := range items {
		data.Items = append(data.Items, mailItem{string(i.Severity), clean(i.Title, 200), clean(i.Text, 1000), i.about(), i.URL})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, data); err != nil {
		return "", err
	}
	return b.String(), nil
}

// Send implements Sender by RFC 5321, with STARTTLS (RFC 3207) or implicit TLS
// (RFC 8314). The Message-ID is made of the message's id.
func (e *email) Send(ctx context.Context, m Message, address string) (string, error) {
	to := e.to
	if address != "" {
		to = []string{address}
	}
	if len(to) == 0 {
		return "", fmt.Errorf("%w: e-mail: neither the route nor the channel names an address", retinue.ErrInvalid)
	}
	html, err := m.html()
	if err != nil {
		return "", fmt.Errorf("%w: e-mail: %v", retinue.ErrInvalid, err)
	}
	msg := gomail.NewMsg()
	if err := errors.Join(msg.From(e.from.String()), msg.To(to...)); err != nil {
		return "", fmt.Errorf("%w: e-mail: an address is malformed", retinue.ErrInvalid)
	}
	_, domain, _ := strings.Cut(e.from.Address, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	msg.SetDateWithValue(m.At)
	msg.Subject(clean(m.headline(), 150))
	msg.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.plain())
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	return SendMail(ctx, e.c.Options["host"], e.client, msg)
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
	return clean(msg.ServerResponse(), 200), nil
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
		return fmt.Errorf("%w: the mail server answered %d %s", kind, answer.Code, quote([]byte(answer.Msg)))
	}
	var send *gomail.SendError
	if errors.As(err, &send) {
		kind := retinue.ErrUnavailable
		if code := send.ErrorCode(); code >= 500 {
			kind = retinue.ErrInvalid
		}
		return fmt.Errorf("%w: send mail: %s", kind, quote([]byte(send.Error())))
	}
	if errors.Is(err, retinue.ErrDenied) {
		return err
	}
	return fmt.Errorf("%w: send mail: %s", retinue.ErrUnavailable, quote([]byte(err.Error())))
}

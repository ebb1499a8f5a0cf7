package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func emailKind() Kind {
	return Kind{Name: "email", Title: "E-mail", Says: "Mail through a server of yours, always under TLS.", Addressed: "an e-mail address",
		Fields: outlet.MailFields(outlet.Field{Name: "to", Says: "addresses that get what is sent to the channel itself, separated by commas"}), open: openEmail}
}

type email struct {
	c      outlet.Config
	from   *mail.Address
	to     []string
	client []gomail.Option
}

func openEmail(c outlet.Config) (Sender, error) {
	e := &email{c: c}
	var err error
	if e.from, err = mail.ParseAddress(c.Options["from"]); err != nil {
		return nil, outlet.Invalid("options.from", "want an e-mail address")
	}
	for a := range strings.SplitSeq(c.Options["to"], ",") {
		if a = strings.TrimSpace(a); a == "" {
			continue
		}
		if _, err := mail.ParseAddress(a); err != nil {
			return nil, outlet.Invalid("options.to", "want e-mail addresses separated by commas")
		}
		e.to = append(e.to, a)
	}
	e.client, err = outlet.MailOptions(c)
	return e, err
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
		data.Items = append(data.Items, mailItem{string(i.Severity), outlet.Clean(i.Title, 200), outlet.Clean(i.Text, 1000), i.about(), i.URL})
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
	msg.Subject(outlet.Clean(m.headline(), 150))
	msg.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.plain())
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	return outlet.SendMail(ctx, e.c.Options["host"], e.client, msg)
}

package deliver

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

func mailKind() PlaceKind {
	return PlaceKind{Name: "mail", Title: "Mail", Says: "The checkpoint as a mail to a mailbox that somebody else keeps. The server's answer is the receipt: it says that the mail was taken, not that it is kept.",
		Fields: outlet.MailFields(outlet.Field{Name: "to", Required: true, Says: "the mailbox"}),
		open: func(c outlet.Config) (Place, error) {
			for _, f := range []string{"from", "to"} {
				if _, err := mail.ParseAddress(c.Options[f]); err != nil {
					return nil, outlet.Invalid("options."+f, "want an e-mail address")
				}
			}
			opts, err := outlet.MailOptions(c)
			return mailPlace{c, opts}, err
		}}
}

type mailPlace struct {
	c    outlet.Config
	opts []gomail.Option
}

// Put implements Place.
func (p mailPlace) Put(ctx context.Context, n Note) (Receipt, error) {
	answer, err := p.send(ctx, fmt.Sprintf("Checkpoint of %s at %d records", n.Origin, n.Size), strconv.FormatInt(n.Size, 10), n.Signed)
	return Receipt{Place: "mail to " + p.c.Options["to"] + ": " + answer}, err
}

// Try implements Place.
func (p mailPlace) Try(ctx context.Context) (string, error) {
	return p.send(ctx, "Test of the mailbox for checkpoints", "test", []byte("If you can read this, checkpoints of Retinue's audit log arrive here.\n"))
}

func (p mailPlace) send(ctx context.Context, subject, id string, body []byte) (string, error) {
	msg := gomail.NewMsg()
	if err := errors.Join(msg.From(p.c.Options["from"]), msg.To(p.c.Options["to"])); err != nil {
		return "", fmt.Errorf("%w: mail: an address is malformed", retinue.ErrInvalid)
	}
	from, _ := mail.ParseAddress(p.c.Options["from"])
	_, domain, _ := strings.Cut(from.Address, "@")
	now := p.c.Now()
	msg.SetMessageIDWithValue(fmt.Sprintf("checkpoint-%s-%d@%s", id, now.Unix(), domain))
	msg.SetDateWithValue(now)
	msg.Subject(outlet.Clean(subject, 150))
	msg.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, string(body))
	return outlet.SendMail(ctx, p.c.Options["host"], p.opts, msg)
}

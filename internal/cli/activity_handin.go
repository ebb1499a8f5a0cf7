package cli

import (
	"context"
	"net/url"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
)

// takes is a server that counts what was read of logs here.
type takes struct{ c *client.Client }

// Position implements app.LogTaker.
func (t takes) Position(ctx context.Context, kind, input string) (p app.ActivityPosition, err error) {
	q := url.Values{"kind": {kind}}
	set(q, "input", input)
	_, err = t.c.Do(ctx, client.Request{Path: "/activity/imports/position", Query: q}, &p)
	return p, err
}

// Take implements app.LogTaker.
func (t takes) Take(ctx context.Context, kind, source string, part []byte) (taken app.TakenActivity, err error) {
	err = t.c.ImportActivity(ctx, kind, source, part, &taken)
	return taken, err
}

// handInActivity reads logs here, and has a server count what they tell.
func (e *env) handInActivity(ctx context.Context, cfg app.Config, sources []app.SourceConfig, opt app.ActivityOptions, format string, verbose bool) error {
	c, err := e.collector()
	if err != nil {
		return err
	}
	keys, err := app.OpenKeys(cfg.KeyFile)
	if err != nil {
		return err
	}
	p := newProgress(e.err, len(sources))
	faults := newFaultList(shownFaults)
	opt.OnProgress, opt.OnFault = p.progress, faults.add
	reads, err := app.HandInActivity(ctx, app.Specs(), keys, sources, opt, takes{c})
	p.close()
	faults.say(e)
	if err != nil {
		return err
	}
	return e.showReads(reads, format, verbose)
}

// showHandedIn prints how a server took what was read.
func (e *env) showHandedIn(r app.ActivityRead) {
	line := func(n int64, text string) {
		if n > 0 {
			e.printf("  %d %s\n", n, text)
		}
	}
	line(r.Refused, "are of systems that this collector does not speak for: the server refused them")
	line(r.Withheld, "names of such systems were withheld from events of others")
	line(r.OtherKeys, "fingerprints of credentials are under a key that the server does not have: see `retinue keys enroll`")
	for _, p := range r.Places {
		e.say("not taken: %s", retinue.CleanName(p))
	}
	if r.Weak {
		e.printf("  It is weak evidence at the server, whatever the logs prove: it was not handed in by an account that manages sources\n")
	}
	if r.New > 0 {
		e.printf("  The server judges whose use changed within a few minutes\n")
	}
}

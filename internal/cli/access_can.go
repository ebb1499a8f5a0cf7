package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/app"
)

// askFlags are what questions of access have in common.
type askFlags struct {
	state        []string
	realm, asOf  string
	format, lang string
}

func (f *askFlags) add(c *cobra.Command) {
	fl := c.Flags()
	fl.StringArrayVar(&f.state, "state", nil, "export that the answers rest on instead of the inventory, as [KIND=]PATH, such as kubernetes=./export; more than once for several (KIND: aws)")
	fl.StringVar(&f.asOf, "as-of", "", "answer for a date: 2026-03-31, 2026-03-31T12:00:00Z, or an age such as 30d")
	fl.StringVar(&f.format, "format", "text", "text or json")
}

func (f *askFlags) addRealm(c *cobra.Command, what string) {
	c.Flags().StringVar(&f.realm, "realm", "", what)
}

// exports reads --state.
func (f *askFlags) exports() ([]app.StateExport, error) {
	var out []app.StateExport
	for _, s := range f.state {
		kind, path, ok := strings.Cut(s, "=")
		if _, err := app.FindSpec(app.Specs(), kind); !ok || err != nil {
			kind, path = "aws", s
			if app.IsAccessLanguage(f.lang) {
				kind = f.lang
			}
		}
		out = append(out, app.StateExport{Kind: kind, Path: path})
	}
	return out, nil
}

// withAccess opens what questions of access are answered from.
func (e *env) withAccess(ctx context.Context, f askFlags, fn func(*app.Access) error) error {
	at, err := asOf(f.asOf, "")
	switch {
	case err != nil:
		return err
	case f.format != "text" && f.format != "json":
		return usageError{fmt.Errorf("--format %q: want text or json", f.format)}
	case len(f.state) > 0 && f.asOf != "":
		return usageError{errors.New("--as-of asks the history of the inventory, and --state replaces the inventory: give one of them")}
	}
	if len(f.state) > 0 {
		exports, err := f.exports()
		if err != nil {
			return err
		}
		return app.AccessState(ctx, exports, app.ScanOptions{Actor: app.Actor(), Getenv: e.getenv}, fn)
	}
	return e.with(ctx, func(a *app.App) error {
		return fn(a.AccessHere(at))
	})
}

// sayGaps tells what was not read.
func (e *env) sayGaps(gaps []string) {
	for _, g := range gaps {
		e.say("not all was read or understood: %s", retinue.CleanName(g))
	}
}

func (e *env) accessCanCommand() *cobra.Command {
	var f askFlags
	c := &cobra.Command{
		Use:   "can IDENTITY [ACTION [RESOURCE]]",
		Short: "Say what an identity can do, or whether it can do one thing",
		Long: `Can answers whether an identity may do something, with the statements, bindings
or grants that decided. Without ACTION it lists all that the identity can do,
worst first. IDENTITY is an id (idn_…), the vendor's own key, or a name that only
one identity has. ACTION and RESOURCE are words of the identity's own system;
without RESOURCE, any will do.

What the caller or the circumstances decide is no obstacle: it stands behind
"only if". Layers that were not read stand behind "unless forbidden by".`,
		Example: `  retinue access can arn:aws:iam::111122223333:user/ci s3:GetObject arn:aws:s3:::invoices/2026
  retinue access can shop/web get shop/secrets:db-password
  retinue access can app_rw select "table app.public.users"
  retinue access can idn_01j…`,
		Args: cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.withAccess(ctx, f, func(x *app.Access) error {
				if len(args) == 1 {
					return e.accessHeld(ctx, x, f, args[0])
				}
				args = append(args, "")
				answer, err := x.Can(ctx, args[0], retinue.Realm(f.realm), args[1], args[2])
				if err != nil {
					return err
				}
				if f.format == "json" {
					return e.json(answer)
				}
				for _, a := range answer.Answers {
					e.printf("%s: %s\n", retinue.CleanName(answer.Identity.Key), retinue.CleanName(a.Sentence()))
					e.printReasons(a.Because)
				}
				e.sayGaps(answer.Gaps)
				return nil
			})
		},
	}
	f.add(c)
	f.addRealm(c, "the system of the identity, where several have one of that name")
	return c
}

func (e *env) accessHeld(ctx context.Context, x *app.Access, f askFlags, identity string) error {
	answer, err := x.Held(ctx, identity, retinue.Realm(f.realm))
	if err != nil {
		return err
	}
	if f.format == "json" {
		return e.json(answer)
	}
	name := retinue.CleanName(answer.Identity.Key)
	switch {
	case !answer.Judged:
		e.printf("%s lives in %s, whose permissions are not evaluated\n", name, answer.Identity.Realm)
	case len(answer.Held) == 0:
		e.printf("%s can do nothing by itself\n", name)
	}
	var last access.Consequence
	for _, h := range answer.Held {
		if h.Consequence != last {
			last = h.Consequence
			e.printf("%s\n", consequenceTitle(last))
		}
		text := h.Sentence
		if len(h.Remains) > 0 {
			text += ", " + access.Decision{Outcome: access.Conditional, Remains: h.Remains}.Sentence()[len("allowed "):]
		}
		e.printf("  %s\n", retinue.CleanName(text))
		e.printReasons(h.Because)
	}
	e.sayGaps(answer.Gaps)
	return nil
}

func consequenceTitle(c access.Consequence) string {
	switch c {
	case access.Administers:
		return "administers:"
	case access.Escalates:
		return "can come to more than it was given:"
	case access.ReadsSecrets:
		return "reads secrets:"
	case access.ExposesResources:
		return "opens things to others:"
	case access.Destroys:
		return "destroys what cannot be made again:"
	case access.ReadsData:
		return "reads data:"
	case access.Changes:
		return "changes things:"
	}
	return "looks at things:"
}

func (e *env) printReasons(because []access.Reason) {
	for _, b := range because {
		text := strings.TrimSpace(b.Layer + " " + strings.TrimSpace(b.Document+" "+b.Statement))
		if b.Text != "" {
			text += ": " + b.Text
		}
		if word, ok := map[string]string{"allow": "allowed by ", "deny": "denied by "}[b.Effect]; ok {
			text = word + text
		}
		e.printf("     %s\n", retinue.CleanName(text))
	}
}

func (e *env) accessWhoCanCommand() *cobra.Command {
	var f askFlags
	c := &cobra.Command{
		Use:   "who-can ACTION [RESOURCE]",
		Short: "List who can do something",
		Long: `Who-can lists everyone who may do something, surest first, with what allows it.
ACTION and RESOURCE are words of any language that the inventory has a system of;
without RESOURCE, any will do. What the caller or the circumstances decide stands
behind "only if".`,
		Example: `  retinue access who-can secretsmanager:GetSecretValue arn:aws:secretsmanager:eu-west-1:111122223333:secret:db
  retinue access who-can create pods/exec --language kubernetes
  retinue access who-can select "table app.public.users" --format json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			args = append(args, "")
			return e.withAccess(ctx, f, func(x *app.Access) error {
				answer, err := x.WhoCan(ctx, retinue.Realm(f.realm), f.lang, args[0], args[1])
				if err != nil {
					return err
				}
				if f.format == "json" {
					return e.json(answer)
				}
				for _, h := range answer.Holders {
					e.printf("%s: %s\n", retinue.CleanName(h.Identity.Key), retinue.CleanName(h.Sentence()))
					e.printReasons(h.Because)
				}
				e.printf("%d can\n", len(answer.Holders))
				e.sayGaps(answer.Gaps)
				return nil
			})
		},
	}
	f.add(c)
	f.addRealm(c, "only this system, such as kubernetes:prod")
	f.addLanguage(c)
	return c
}

func (f *askFlags) addLanguage(c *cobra.Command) {
	c.Flags().StringVar(&f.lang, "language", "", "only systems of this language: aws, azure, gcp, kubernetes, pipelines or postgres")
}

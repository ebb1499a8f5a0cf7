package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/app"
)

type accessCheckFlags struct{ language, cases, state, realm string }

func (e *env) accessCheckCommand() *cobra.Command {
	var f accessCheckFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Answer a file of access questions",
		Long: `Check reads questions, one JSON object a line, and prints an answer for each, in
their order: {"id", "decision", "because"}. The decision is Allowed,
ImplicitlyDenied, ExplicitlyDenied or Unknown; because names the statements,
bindings or grants that decided. Unknown means that something that would decide
is not understood or not known: it is never a guess.

Questions in aws bring their documents. Those in kubernetes and postgres are
answered from the inventory, or with --state from an export: the connector reads
it into a throwaway inventory that is deleted before the first answer. Those in
azure and gcp may do either: what they bring counts before --state, or before
the system of the inventory that --realm names.

A line that is no question gets Unknown, is told on standard error with its
number, and makes the exit code 3.`,
		Example: `  retinue access check --language kubernetes --cases questions.jsonl --state ./export
  retinue access check --language postgres --cases - --state catalog.json < questions.jsonl
  retinue access check --language gcp --cases questions.jsonl --state ./retinue-gcp
  retinue access check --language kubernetes --cases questions.jsonl --realm kubernetes:2f1c…`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.accessCheck(cmd.Context(), f) },
	}
	fl := c.Flags()
	fl.StringVar(&f.language, "language", "", "language of the questions: "+strings.Join(app.AccessLanguages(), ", "))
	fl.StringVar(&f.cases, "cases", "", `file of questions, one JSON object a line; "-" is standard input`)
	fl.StringVar(&f.state, "state", "", "export that the answers rest on, as the connector reads it, instead of the inventory")
	fl.StringVar(&f.realm, "realm", "", "the system of the inventory that is asked about, where there are several")
	return c
}

func (f accessCheckFlags) check() (needsState bool, err error) {
	switch {
	case f.language == "":
		return false, usageError{fmt.Errorf("--language is missing: want one of %s", strings.Join(app.AccessLanguages(), ", "))}
	case f.cases == "":
		return false, usageError{errors.New(`--cases is missing: want a file, or "-" for standard input`)}
	case f.state != "" && f.realm != "":
		return false, usageError{errors.New("--realm names a system of the inventory, and --state replaces the inventory: give one of them")}
	}
	can, must, err := app.AccessTakesState(f.language)
	named := f.state != "" || f.realm != ""
	if err == nil && !can && named {
		err = usageError{fmt.Errorf("questions in %s bring their documents: leave out --state and --realm", f.language)}
	}
	return must || named, err
}

func (e *env) accessCheck(ctx context.Context, f accessCheckFlags) error {
	needsState, err := f.check()
	if err != nil {
		return err
	}
	in := e.in
	if f.cases != "-" {
		file, err := os.Open(f.cases)
		if err != nil {
			return fmt.Errorf("%w: read questions: %v", retinue.ErrInvalid, err)
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	var c app.AccessChecker
	switch {
	case !needsState:
		c, err = app.AccessCheckCases(f.language)
	case f.state != "":
		c, err = app.AccessCheckState(ctx, f.language, f.state, app.ScanOptions{Actor: app.Actor(), Getenv: e.getenv})
	default:
		err = e.with(ctx, func(a *app.App) error {
			var err error
			c, err = a.AccessCheck(ctx, f.language, retinue.Realm(f.realm))
			return err
		})
	}
	if err != nil {
		return err
	}
	for _, gap := range c.Gaps {
		e.say("not all of %s was read, so that what is not allowed is Unknown: %s", c.System, retinue.CleanName(gap))
	}
	return e.answerAll(ctx, in, questions{what: "questions",
		answer: func(id json.RawMessage, line []byte) (any, error) {
			d, err := c.Decide(line)
			return checked{id, d}, err
		},
		refuse: func(id json.RawMessage, why string) any {
			return checked{id, access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: "question", Effect: "none", Text: why}}}}
		},
	})
}

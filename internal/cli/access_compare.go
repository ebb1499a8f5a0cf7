package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
	"github.com/retinue-id/retinue/internal/app"
)

type accessCompareFlags struct{ pairs, identity, format string }

func (e *env) accessCompareCommand() *cobra.Command {
	var f accessCompareFlags
	c := &cobra.Command{
		Use:   "compare OLD NEW | --pairs FILE",
		Short: "Say what access one policy gives over another",
		Long: `Compare says whether there is any request that the new AWS policy allows and the
old one does not, and the other way round, each with a request that shows it.
OLD and NEW are files with a policy document each; "-" is standard input.

The answer is exact: it holds for every action, also those that do not exist
yet, for resources of any type, and for every value of every condition key.
What cannot be decided is unknown, with the reason. Boundaries and organisation
policies play no part: two documents are compared.

With --identity, OLD and NEW are exports of AWS accounts, as the connector reads
them, and what is compared is the identity's access under all of its policies, its
boundary and the organisation's policies over it.

With --pairs, each line of FILE is {"id", "old", "new"} and is answered by a line
{"id", "newAccess", "lostAccess", "witness", "lostWitness", "why"}, in which
newAccess and lostAccess are true, false or "unknown". A line that is no pair is
told on standard error with its number, gets "unknown", and makes the exit code 3.`,
		Example: `  retinue access compare before.json after.json
  git show HEAD:policy.json | retinue access compare - policy.json --format json
  retinue access compare --identity arn:aws:iam::111122223333:role/ci monday.json friday.json
  retinue access compare --pairs edits.jsonl`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return e.accessCompare(cmd.Context(), f, args) },
	}
	c.Flags().StringVar(&f.pairs, "pairs", "", `file of pairs, one JSON object a line; "-" is standard input`)
	c.Flags().StringVar(&f.identity, "identity", "", "compare two exports as to what this user or role may do, by its ARN")
	c.Flags().StringVar(&f.format, "format", "text", "text or json")
	return c
}

func (e *env) accessCompare(ctx context.Context, f accessCompareFlags, args []string) error {
	switch {
	case f.format != "text" && f.format != "json":
		return usageError{fmt.Errorf("--format %q: want text or json", f.format)}
	case f.pairs != "" && f.identity != "":
		return usageError{errors.New("--identity compares two exports, and --pairs policies: give one of them")}
	case f.pairs != "" && len(args) > 0:
		return usageError{errors.New("--pairs brings its own documents: leave out OLD and NEW")}
	case f.pairs == "" && len(args) != 2:
		return usageError{errors.New("want two files, OLD and NEW, or --pairs FILE")}
	case f.pairs == "" && args[0] == "-" && args[1] == "-":
		return usageError{errors.New("only one of OLD and NEW can be standard input")}
	case f.pairs != "":
		in, done, err := e.reader("pairs", f.pairs)
		if err != nil {
			return err
		}
		defer done()
		return e.comparePairs(ctx, in)
	}
	if f.identity != "" {
		return e.compareStates(ctx, f, args)
	}
	var policies [2]*awsiam.Policy
	for i, name := range args {
		text, err := e.document(name)
		if err != nil {
			return err
		}
		if policies[i], err = awsiam.Parse(text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return e.tellComparison(f, compared(policies[0], policies[1]))
}

// compareStates compares what an identity may do by two exports.
func (e *env) compareStates(ctx context.Context, f accessCompareFlags, exports []string) error {
	var layers [2]awsiam.Layers
	for i, export := range exports {
		var gaps []string
		var err error
		if layers[i], gaps, err = app.AWSLayers(ctx, export, f.identity, app.ScanOptions{Actor: app.Actor(), Getenv: e.getenv}); err != nil {
			return err
		}
		for _, gap := range gaps {
			e.say("%s: not all was read: %s", export, retinue.CleanName(gap))
		}
	}
	return e.tellComparison(f, comparisonOf(compare.Layers(&layers[0], &layers[1]), compare.Layers(&layers[1], &layers[0])))
}

func (e *env) tellComparison(f accessCompareFlags, c comparison) error {
	if f.format == "json" {
		return e.json(c)
	}
	e.printComparison(c)
	return nil
}

// reader opens a file that a flag names; "-" is standard input.
func (e *env) reader(what, name string) (io.Reader, func(), error) {
	if name == "-" {
		return e.in, func() {}, nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: read %s: %v", retinue.ErrInvalid, what, err)
	}
	return file, func() { _ = file.Close() }, nil
}

func (e *env) document(name string) ([]byte, error) {
	in, done, err := e.reader("policy", name)
	if err != nil {
		return nil, err
	}
	defer done()
	text, err := io.ReadAll(io.LimitReader(in, maxQuestion+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: read policy %s: %v", retinue.ErrUnavailable, name, err)
	case len(text) > maxQuestion:
		return nil, fmt.Errorf("%w: read policy %s: longer than %d bytes", retinue.ErrInvalid, name, maxQuestion)
	}
	return text, nil
}

// comparison is one answer. Its fields are a contract.
type comparison struct {
	ID          json.RawMessage  `json:"id,omitempty"`
	NewAccess   any              `json:"newAccess"`  // true, false or "unknown"
	LostAccess  any              `json:"lostAccess"` // true, false or "unknown"
	Witness     *compare.Witness `json:"witness"`
	LostWitness *compare.Witness `json:"lostWitness,omitempty"`
	Why         string           `json:"why,omitempty"`
}

func compared(old, next *awsiam.Policy) comparison {
	return comparisonOf(compare.Document(old, next), compare.Document(next, old))
}

func comparisonOf(gained, lost compare.Result) comparison {
	c := comparison{NewAccess: answerOf(gained), LostAccess: answerOf(lost), Witness: gained.Witness, LostWitness: lost.Witness}
	var why []string
	for _, r := range []compare.Result{gained, lost} {
		if r.Why != "" && !slices.Contains(why, r.Why) {
			why = append(why, r.Why)
		}
	}
	c.Why = strings.Join(why, "; ")
	return c
}

func answerOf(r compare.Result) any {
	switch r.Answer {
	case compare.Yes:
		return true
	case compare.No:
		return false
	}
	return "unknown"
}

func (e *env) printComparison(c comparison) {
	tell := func(what string, answer any, w *compare.Witness) {
		switch answer {
		case true:
			e.printf("%s: yes\n  %s\n", what, witnessText(w))
		case false:
			e.printf("%s: no\n", what)
		default:
			e.printf("%s: unknown\n", what)
		}
	}
	tell("new access", c.NewAccess, c.Witness)
	tell("lost access", c.LostAccess, c.LostWitness)
	if c.Why != "" {
		e.printf("not decided: %s\n", c.Why)
	}
}

func witnessText(w *compare.Witness) string {
	text := w.Action + " on " + w.Resource
	if w.Principal != "" {
		text = w.Principal + " calls " + text
	}
	var with []string
	for _, key := range slices.Sorted(maps.Keys(w.Context)) {
		with = append(with, key+"="+strings.Join(w.Context[key], ","))
	}
	if len(with) > 0 {
		text += " with " + strings.Join(with, " and ")
	}
	return retinue.CleanName(text)
}

func (e *env) comparePairs(ctx context.Context, in io.Reader) error {
	return e.answerAll(ctx, in, questions{what: "pairs",
		answer: func(id json.RawMessage, line []byte) (any, error) {
			c, err := comparePair(line)
			c.ID = id
			return c, err
		},
		refuse: func(id json.RawMessage, why string) any {
			return comparison{ID: id, NewAccess: "unknown", LostAccess: "unknown", Why: why}
		},
	})
}

func comparePair(line []byte) (comparison, error) {
	var pair struct{ Old, New json.RawMessage }
	if err := json.Unmarshal(line, &pair); err != nil {
		return comparison{}, fmt.Errorf(`%w: pair: %v; want {"id", "old", "new"}`, retinue.ErrInvalid, err)
	}
	if pair.Old == nil || pair.New == nil {
		return comparison{}, fmt.Errorf(`%w: pair: want {"id", "old", "new"} with a policy document in old and in new`, retinue.ErrInvalid)
	}
	old, err := awsiam.Parse(pair.Old)
	if err != nil {
		return comparison{}, fmt.Errorf("old: %w", err)
	}
	next, err := awsiam.Parse(pair.New)
	if err != nil {
		return comparison{}, fmt.Errorf("new: %w", err)
	}
	return compared(old, next), nil
}

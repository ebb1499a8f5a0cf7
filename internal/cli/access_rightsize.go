package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

type rightSizeFlags struct {
	askFlags
	uses, as         string
	policy, recorded []string
	keepUnseen       bool
}

func (e *env) accessRightSizeCommand() *cobra.Command {
	f := rightSizeFlags{as: rightsize.Managed.Name, keepUnseen: true}
	c := &cobra.Command{
		Use:   "right-size IDENTITY [--uses FILE]",
		Short: "Write the smallest AWS policy for what was used",
		Long: `Right-size writes the smallest readable policy that allows an AWS user or role
what it was seen to do, and nothing that its policies do not allow now. It is
written only after proof: every use comes out as before, and no request at all is
newly allowed. IDENTITY is an id (idn_…), an ARN, or a name that only one identity
has; with --policy, documents are taken instead.

Without --uses, the uses are those of the usage history (see "retinue activity
import"): what succeeded. What the log cannot show is then kept as it is granted,
and the whole history is replayed under the new policy before it is shown. With
--server, a server does all that with its own history.

FILE holds the uses: JSON lines or an array of {"action", "resource"} (and
"count", "last", "context", all optional), or CSV with the columns action,
resource, count, last. Without a resource, the old policy's resources stay. "-"
is standard input. Lines that are no use are told, and make the exit code 3.

What a log cannot show (passing roles, data events, tags at creation) is kept
where something suggests that it is needed, and listed. --keep-unseen=false
leaves it out, and lists it all the same.

The policy goes to standard output, in as many documents as the limit of size
asks for; all else that there is to say goes to standard error. With --format
json everything is one object on standard output.`,
		Example: `  retinue access right-size arn:aws:iam::111122223333:role/ci
  retinue access right-size arn:aws:iam::111122223333:role/ci --server https://retinue.example.com
  retinue access right-size arn:aws:iam::111122223333:role/ci --uses uses.jsonl
  retinue access right-size ci --uses uses.csv --state authz.json --as role
  retinue access right-size --policy policy.json --uses uses.jsonl --format json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return e.accessRightSize(cmd.Context(), f, args) },
	}
	fl := c.Flags()
	fl.StringVar(&f.uses, "uses", "", `file of what was used, instead of the usage history; "-" is standard input`)
	fl.StringArrayVar(&f.policy, "policy", nil, "file with a policy document to right-size in place of an identity's; more than once for several")
	fl.StringArrayVar(&f.state, "state", nil, "export that the identity is read from instead of the inventory")
	fl.BoolVar(&f.keepUnseen, "keep-unseen", f.keepUnseen, "keep what the log cannot show where it seems needed")
	fl.StringSliceVar(&f.recorded, "recorded", nil, `services whose data events the uses hold, such as s3,lambda; "all" for all`)
	fl.StringVar(&f.as, "as", f.as, "what the policy is for, which limits its size: managed, user, group or role (the last three inline)")
	fl.StringVar(&f.format, "format", "text", "text or json")
	f.addRealm(c, "the account of the identity, where several have one of that name")
	return c
}

func (e *env) accessRightSize(ctx context.Context, f rightSizeFlags, args []string) error {
	q := app.RightSizeQuery{Realm: retinue.Realm(f.realm), DropUnseen: !f.keepUnseen, Recorded: f.recorded}
	switch {
	case f.format != "text" && f.format != "json":
		return usageError{fmt.Errorf("--format %q: want text or json", f.format)}
	case f.uses == "" && (len(f.policy) > 0 || len(f.state) > 0):
		return usageError{errors.New("--uses is missing: documents and exports have no usage history; give the file of what was used")}
	case f.uses == "" && (!f.keepUnseen || len(f.recorded) > 0):
		return usageError{errors.New("--keep-unseen=false and --recorded are for uses of a file: of the usage history it is known what its log cannot show")}
	case e.server != "" && (f.uses != "" || f.realm != ""):
		return usageError{errors.New("a server right-sizes to its own usage history: leave out --uses, --policy and --state, and name the identity by its id or ARN in place of --realm")}
	case len(args) == 0 && len(f.policy) == 0:
		return usageError{errors.New("want an IDENTITY, or documents by --policy")}
	case len(args) > 0 && len(f.policy) > 0:
		return usageError{errors.New("--policy brings the documents: leave out IDENTITY")}
	case len(f.policy) > 0 && len(f.state) > 0:
		return usageError{errors.New("--policy brings the documents: leave out --state")}
	}
	for _, l := range rightsize.Limits() {
		if l.Name == f.as {
			q.Limit = l
		}
	}
	if q.Limit.Name == "" {
		return usageError{fmt.Errorf("--as %q: want managed, user, group or role", f.as)}
	}
	q.History = f.uses == ""
	var problems int
	var err error
	if !q.History {
		if problems, err = e.readUses(f.uses, &q); err != nil {
			return err
		}
	}
	var out app.RightSized
	switch {
	case len(f.policy) > 0:
		out, err = e.rightSizeDocuments(f.policy, q)
	case q.History && f.realm == "" && e.remote():
		out, err = e.rightSizeThere(ctx, args[0], f.as)
	default:
		q.Identity = args[0]
		err = e.withAccess(ctx, f.askFlags, func(x *app.Access) error {
			out, err = x.RightSize(ctx, q)
			return err
		})
	}
	if err != nil {
		return err
	}
	if f.format == "json" {
		err = e.json(out)
	} else {
		err = e.printRightSized(out)
	}
	if err == nil && problems > 0 {
		return &exitError{ExitIncomplete, fmt.Sprintf("%d lines were no uses; see above", problems)}
	}
	return err
}

// rightSizeThere asks a server, whose usage history has the uses.
func (e *env) rightSizeThere(ctx context.Context, identity, as string) (out app.RightSized, err error) {
	err = e.ask(ctx, func(s estate) error {
		x, err := find(ctx, s, retinue.FactIdentity, identity)
		if err == nil {
			out, err = s.rightSize(ctx, x.ID, as)
		}
		return err
	})
	return out, err
}

// readUses reads the file of uses and tells what in it is none.
func (e *env) readUses(name string, q *app.RightSizeQuery) (problems int, err error) {
	in, done, err := e.reader("uses", name)
	if err != nil {
		return 0, err
	}
	defer done()
	uses, bad, err := app.ReadUses(in)
	for _, p := range bad {
		e.say("%s is no use: %s", p.Place, retinue.CleanName(p.Text))
	}
	if err == nil && len(uses) == 0 {
		err = fmt.Errorf("%w: %s holds no use", retinue.ErrInvalid, name)
	}
	q.Uses = uses
	return len(bad), err
}

func (e *env) rightSizeDocuments(files []string, q app.RightSizeQuery) (app.RightSized, error) {
	var documents []*awsiam.Policy
	for _, name := range files {
		text, err := e.document(name)
		if err != nil {
			return app.RightSized{}, err
		}
		p, err := awsiam.Parse(text)
		if err != nil {
			return app.RightSized{}, fmt.Errorf("%s: %w", name, err)
		}
		documents = append(documents, p.Named(name))
	}
	return app.RightSizeDocuments(documents, q)
}

// maxTold is how many things of a kind are told in text.
const maxTold = 20

func (e *env) printRightSized(out app.RightSized) error {
	for _, d := range out.Documents {
		var b bytes.Buffer
		if err := json.Indent(&b, d.Policy, "", "  "); err != nil {
			return err
		}
		e.printf("%s\n", b.String())
	}
	tell := func(format string, args ...any) { e.say("%s", retinue.CleanName(fmt.Sprintf(format, args...))) }
	each := func(title string, n int, text func(int) string) {
		if n > 0 {
			e.say("%s:", title)
		}
		for i := range min(n, maxTold) {
			tell("  %s", text(i))
		}
		if n > maxTold {
			e.say("  and %d more (--format json lists all)", n-maxTold)
		}
	}
	if len(out.Documents) == 0 {
		e.say("nothing is left to allow: no policy is needed")
	}
	tell("instead of: %s", strings.Join(out.Replaces, ", "))
	e.say("uses: %d of %d allowed as before", out.Uses.Allowed, out.Uses.Total)
	each("not allowed before, and not now", len(out.Uses.Refused), func(i int) string {
		r := out.Uses.Refused[i]
		return strings.TrimSpace(r.Action+" "+r.Resource) + ": " + r.Why
	})
	e.say("new access: no")
	switch {
	case out.Witness != nil:
		tell("taken away: such as %s", witnessText(out.Witness))
	case out.LostAccess == false:
		e.say("taken away: nothing")
	default:
		e.say("taken away: not decided")
	}
	each("actions taken away", len(out.TakenAway), func(i int) string {
		return fmt.Sprintf("%s: %d of %d", out.TakenAway[i].Service, out.TakenAway[i].Actions, out.TakenAway[i].Of)
	})
	each("kept without a recorded use", len(out.Kept), func(i int) string { return keptText(out.Kept[i]) })
	each("left out though a log may not show it", len(out.Dropped), func(i int) string { return keptText(out.Dropped[i]) })
	each("allowed beyond the uses", len(out.OverGrant), func(i int) string {
		o := out.OverGrant[i]
		return fmt.Sprintf("%s on %s (%d used)", few(o.Actions), o.Resource, o.Uses)
	})
	each("ways to further rights that are closed", len(out.EscalationsLost), func(i int) string { return out.EscalationsLost[i] })
	each("ways to further rights that stay open", len(out.EscalationsLeft), func(i int) string { return out.EscalationsLeft[i] })
	each("can no longer come to act as", len(out.PathsLost), func(i int) string { return out.PathsLost[i] })
	e.say("size: %d characters, before %d, in %d documents of at most %d", out.Size.New, out.Size.Old, len(out.Documents), out.Size.Limit.Characters)
	if !out.Size.Fits {
		e.say("that is more than can be attached as %s", out.Size.Limit.Name)
	}
	e.sayGaps(out.Gaps)
	e.sayHistory(out.History)
	return nil
}

// sayHistory tells what the usage history says of the new policy.
func (e *env) sayHistory(h *app.RightSizeHistory) {
	if h == nil {
		return
	}
	s := h.Simulation
	tell := func(format string, args ...any) { e.say("%s", retinue.CleanName(fmt.Sprintf(format, args...))) }
	tell("replayed: of %d past uses %d would be refused, %d cannot be judged, %d are not explained by what is known of access (evidence %s)",
		s.Coverage.Uses, s.Counts[replay.Refused], s.Counts[replay.Unjudged], s.Counts[replay.Unexplained], s.Evidence)
	for _, fate := range []replay.Fate{replay.Refused, replay.Unjudged, replay.Unexplained} {
		lines := s.Of(fate)
		for _, l := range lines[:min(len(lines), maxTold)] {
			tell("  %s: %s by %s, last on %s: %s", strings.ReplaceAll(string(fate), "_", " "), callText(l), consumerText(l.Consumer), day(l.Last), l.Why)
		}
	}
	if len(h.Unmapped) > 0 {
		tell("calls whose permission is not known, which the policy may lack: %s", few(h.Unmapped))
	}
	for _, text := range missingText(s) {
		e.say("%s", text)
	}
}

func keptText(k rightsize.Kept) string {
	return few(k.Actions) + " on " + few(k.Resources) + ": " + k.Because
}

// few is a list of which the first are named.
func few(list []string) string {
	const named = 6
	if len(list) <= named {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:named], ", "), len(list)-named)
}

package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage/replay"
	"github.com/retinue-id/retinue/internal/usage/verdict"
	"github.com/retinue-id/retinue/internal/web/api"
)

// Simulation is what a change would have done to the uses that are on record.
type Simulation = api.Simulation

// SimulationQuestion asks what a change would have refused.
type SimulationQuestion = api.SimulationQuestion

// simulation is the history of a thing, ready to be replayed.
type simulation struct {
	Simulation
	app   *App
	typ   retinue.FactType
	used  []store.Used
	doubt map[store.Behaviour]string // why a behaviour may not be of the thing
	ctx   context.Context            //nolint:containedctx // of the one question that this is made for
}

// simulated loads the history of an identity or credential.
func (a *App) simulated(ctx context.Context, scope store.RowScope, id retinue.EntityID) (*simulation, error) {
	s := &simulation{app: a, doubt: map[store.Behaviour]string{}, ctx: ctx}
	s.Grade, s.Missing = retinue.GradeD, []retinue.BlindSpot{}
	err := a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		e, err := oneEntity(tx, id)
		if err != nil {
			return err
		}
		s.ID, s.Ref, s.Name, s.typ = e.ID, e.Ref(), cmp.Or(e.Name, e.Key), e.Type
		if err := s.verdict(tx); err != nil {
			return err
		}
		if s.used, err = tx.Usage(e.ID); err != nil {
			return err
		}
		key, err := tx.EntityKey(e.ID)
		if err != nil {
			return err
		}
		if s.typ == retinue.FactCredential {
			return s.ofHolder(tx, key)
		}
		return s.ofCredentials(tx, key)
	})
	s.Evidence = EvidenceWord(s.Grade)
	return s, err
}

func (s *simulation) verdict(tx *sqlstore.Tx) error {
	row, err := tx.Verdict(s.ID)
	switch {
	case errors.Is(err, retinue.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	var v verdict.Verdict
	if err := json.Unmarshal(row.Body, &v); err != nil {
		return fmt.Errorf("read verdict: %w", err)
	}
	s.Grade, s.Window = v.Grade, v.Window
	s.Missing = append(s.Missing, v.BlindSpots...)
	return nil
}

// ofCredentials adds what the log tells of an identity's credentials alone.
func (s *simulation) ofCredentials(tx *sqlstore.Tx, key int64) error {
	related, err := tx.Related(key, 500, store.EdgeIdentity)
	if err != nil {
		return err
	}
	for _, f := range related {
		if f.Type != retinue.FactCredential {
			continue
		}
		used, err := tx.Usage(f.Entity)
		if err != nil {
			return err
		}
		s.add(used, "")
	}
	return nil
}

// ofHolder adds the uses of a credential's holder of which the log does not say
// with what they were made.
func (s *simulation) ofHolder(tx *sqlstore.Tx, key int64) error {
	facts, err := tx.FactsOf(key, true)
	if err != nil {
		return err
	}
	for _, f := range facts {
		fact, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return err
		}
		c, ok := fact.(retinue.Credential)
		if !ok || c.Identity.IsZero() {
			continue
		}
		holder, err := tx.Resolve(c.Identity)
		if err != nil || holder == 0 {
			return err
		}
		_, held, err := tx.Merged(holder)
		if errors.Is(err, retinue.ErrNotFound) || err == nil && len(held) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		used, err := tx.Usage(held[0].Entity)
		s.add(slices.DeleteFunc(used, func(u store.Used) bool { return !u.Behaviour.Credential.IsZero() }),
			"the log does not say with which credential of "+c.Identity.Key)
		return err
	}
	return nil
}

// add takes behaviours that are not yet there.
func (s *simulation) add(used []store.Used, doubt string) {
	for _, u := range used {
		if slices.ContainsFunc(s.used, func(o store.Used) bool { return o.Key == u.Key }) {
			continue
		}
		s.used = append(s.used, u)
		if doubt != "" {
			s.doubt[u.Behaviour] = doubt
		}
	}
}

// errNoTime ends the judging of a simulation and not the simulation.
var errNoTime = errors.New("simulate: no time left")

// run replays the history. What there was no time for is not judged, the latest
// uses being judged first.
func (s *simulation) run(change string, j replay.Judge) (Simulation, error) {
	slices.SortStableFunc(s.used, func(a, b store.Used) int { return cmp.Compare(lastUse(b), lastUse(a)) })
	s.Change, s.Result = change, replay.Run(s.used, untilDone{s.ctx, j})
	err := s.explainThen()
	if s.ctx.Err() != nil {
		if !errors.Is(context.Cause(s.ctx), errNoTime) {
			return Simulation{}, s.ctx.Err()
		}
		err = nil // what is not explained for want of time stays so
	}
	return s.Simulation, err
}

func lastUse(u store.Used) (last int64) {
	for _, m := range u.Months {
		last = max(last, m.Last)
	}
	return last
}

// untilDone judges until its context ends.
type untilDone struct {
	ctx  context.Context //nolint:containedctx // a judge lives as long as one question
	with replay.Judge
}

// Judge implements replay.Judge.
func (u untilDone) Judge(b *store.Behaviour) (replay.Fate, string) {
	if u.ctx.Err() != nil {
		return replay.Unjudged, "there was no time left to judge it"
	}
	return u.with.Judge(b)
}

// SimulateDisable says what disabling an identity or a credential would have
// refused.
func (a *App) SimulateDisable(ctx context.Context, scope store.RowScope, id retinue.EntityID) (Simulation, error) {
	s, err := a.simulated(ctx, scope, id)
	if err != nil {
		return Simulation{}, err
	}
	return s.run("disable "+s.Name, replay.Disable{Doubt: func(b *store.Behaviour) string { return s.doubt[*b] }})
}

// SimulateSplit says who would go with which uses if every consumer of an
// identity had one of its own.
func (a *App) SimulateSplit(ctx context.Context, scope store.RowScope, id retinue.EntityID) (Simulation, error) {
	s, err := a.simulated(ctx, scope, id)
	if err != nil {
		return Simulation{}, err
	}
	d := replay.Split(s.used)
	s.Change, s.Result, s.Shares = "split "+s.Name+" by consumer", d.Result, d.Shares
	return s.Simulation, nil
}

// SimulateDeny says what closing an environment to an identity would have
// refused.
func (a *App) SimulateDeny(ctx context.Context, scope store.RowScope, id retinue.EntityID, env retinue.Environment) (Simulation, error) {
	if !slices.Contains(retinue.Environments(), env) {
		return Simulation{}, fmt.Errorf("%w: environment %.40q: want one of %v", retinue.ErrInvalid, env, retinue.Environments())
	}
	s, err := a.simulated(ctx, scope, id)
	if err != nil {
		return Simulation{}, err
	}
	e, err := a.Estate(ctx, store.AsOf{})
	if err != nil {
		return Simulation{}, err
	}
	return s.run(fmt.Sprintf("deny %s %s", s.Name, env), replay.Deny{Environment: env, Of: func(ref retinue.Ref) (retinue.Environment, bool) {
		return e.Environment(wholeResource(ref))
	}})
}

// wholeResource is the resource of the inventory that a history's name is a part
// of: the bucket of its objects.
func wholeResource(ref retinue.Ref) retinue.Ref {
	if head, rest, ok := strings.Cut(ref.Key, ":s3:::"); ok {
		if bucket, _, object := strings.Cut(rest, "/"); object {
			return retinue.NewRef(ref.Realm, "s3_bucket", head+":s3:::"+bucket)
		}
	}
	return ref
}

// SimulateRevoke says what an identity would have been refused without grants,
// each named as the reasons of what it holds name their document, such as the
// ARN of a policy or the name of a binding.
func (a *App) SimulateRevoke(ctx context.Context, scope store.RowScope, id retinue.EntityID, grants []string) (Simulation, error) {
	s, e, err := a.simulatedGrants(ctx, scope, id)
	if err != nil {
		return Simulation{}, err
	}
	change := "revoke " + strings.Join(grants, ", ") + " of " + s.Name
	engine, have := attachedOf(e, s.Ref)
	if engine == nil {
		known := documentsHeld(e, s.Ref)
		for _, g := range grants {
			if !slices.Contains(known, g) {
				return Simulation{}, noGrant(s.Name, g, known)
			}
		}
		return s.run(change, s.judge(e, heldBy{e, s.Ref}, without{heldBy{e, s.Ref}, grants}, anyOf))
	}
	var left []*awsiam.Policy
	found := map[string]bool{}
	for _, p := range have {
		if i := slices.IndexFunc(grants, func(g string) bool { return isCalled(p, g) }); i >= 0 {
			found[grants[i]] = true
			continue
		}
		left = append(left, p.Policy)
	}
	for _, g := range grants {
		if !found[g] {
			return Simulation{}, noGrant(s.Name, g, attachedNames(have))
		}
	}
	return s.supposed(change, e, engine, policiesOf(have), left)
}

// SimulatePolicy says what an identity of AWS would have been refused with
// another document in place of one of its policies.
func (a *App) SimulatePolicy(ctx context.Context, scope store.RowScope, id retinue.EntityID, policy string, document []byte) (Simulation, error) {
	with, err := awsiam.Parse(document)
	if err != nil {
		return Simulation{}, err
	}
	s, e, err := a.simulatedGrants(ctx, scope, id)
	if err != nil {
		return Simulation{}, err
	}
	engine, have := attachedOf(e, s.Ref)
	if engine == nil {
		return Simulation{}, fmt.Errorf("%w: simulate policy of %s: it is no user or role of AWS: only policies of AWS can be replaced", retinue.ErrUnsupported, s.Name)
	}
	next, replaced := []*awsiam.Policy{}, false
	for _, p := range have {
		if isCalled(p, policy) {
			replaced = true
			next = append(next, with.Named(p.Ref.Key+" as proposed"))
			continue
		}
		next = append(next, p.Policy)
	}
	if !replaced {
		return Simulation{}, noGrant(s.Name, policy, attachedNames(have))
	}
	return s.supposed("replace "+policy+" of "+s.Name, e, engine, policiesOf(have), next)
}

// simulatedGrants is simulated for changes of what an identity is granted.
func (a *App) simulatedGrants(ctx context.Context, scope store.RowScope, id retinue.EntityID) (*simulation, *estate.Estate, error) {
	s, err := a.simulated(ctx, scope, id)
	if err != nil {
		return nil, nil, err
	}
	if s.typ != retinue.FactIdentity {
		return nil, nil, fmt.Errorf("%w: simulate a change of grants of %s: want an identity", retinue.ErrInvalid, s.Name)
	}
	e, err := a.Estate(ctx, store.AsOf{})
	if err != nil {
		return nil, nil, err
	}
	if !e.Judged(s.Ref) {
		return nil, nil, fmt.Errorf("%w: simulate a change of grants of %s: nothing is known of what identities of %s are granted", retinue.ErrUnsupported, s.Name, s.Ref.Realm)
	}
	if scope.All {
		s.Gaps = e.Gaps(s.Ref.Realm)
	}
	return s, e, nil
}

// supposed replays the history with other policies of AWS.
func (s *simulation) supposed(change string, e *estate.Estate, engine *account.Engine, before, after []*awsiam.Policy) (Simulation, error) {
	was, ok := engine.Suppose(s.Ref, before)
	will, ok2 := engine.Suppose(s.Ref, after)
	if !ok || !ok2 {
		return Simulation{}, fmt.Errorf("%w: simulate: %s is no user or role of AWS", retinue.ErrUnsupported, s.Name)
	}
	return s.run(change, s.judge(e, was, will, func(action, resource string) ([]string, bool) { return was.Instances(will, action, resource) }))
}

func (s *simulation) judge(e *estate.Estate, before, after replay.Decider, instances func(string, string) ([]string, bool)) replay.Grants {
	self := e.Same(s.Ref)
	return replay.Grants{Before: before, After: after, Instances: instances,
		Direct: func(b *store.Behaviour) bool { return b.Identity.IsZero() || e.Same(b.Identity) == self }}
}

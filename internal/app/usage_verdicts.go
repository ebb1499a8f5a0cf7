package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

const (
	// usageRound is of how many things the verdicts are formed at once.
	usageRound = 500
	// usagePass is of how many it is found out at once that they are due.
	usagePass = 50_000
)

// JudgeUsage forms the verdicts that are due: of whom use was counted since, of
// whom time alone may have changed it, and of who has none. What is unusual in
// their use becomes findings. It returns how many it formed. Work grows with what
// changed.
func (a *App) JudgeUsage(ctx context.Context) (int, error) {
	a.usageTurn.Lock()
	defer a.usageTurn.Unlock()
	if err := a.markTouched(ctx); err != nil {
		return 0, err
	}
	j := a.newUsageJudge()
	var after int64
	formed := 0
	for {
		var due []int64
		var known int64
		err := a.DB.Update(ctx, func(tx *sqlstore.Tx) (err error) {
			due, known, err = tx.UsageDue(after, a.usageKnown, usagePass)
			return err
		})
		if err != nil {
			return formed, err
		}
		for round := range slices.Chunk(due, usageRound) {
			n, err := j.take(ctx, round)
			if formed += n; err != nil {
				return formed, err
			}
			after = round[len(round)-1]
		}
		if len(due) == usagePass {
			continue
		}
		a.usageKnown = max(a.usageKnown, known)
		if !j.again {
			return formed, a.tellConclusions(ctx)
		}
		j.again, after = false, 0 // peers of those before them do other things now
	}
}

// take forms the verdicts of a round.
func (j *usageJudge) take(ctx context.Context, round []int64) (int, error) {
	var due []store.UsageSubject
	err := j.app.DB.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		due, err = tx.TakeUsage(round)
		return err
	})
	if err == nil {
		err = j.prepare(ctx)
	}
	if err != nil {
		return 0, err
	}
	rows, err := j.round(ctx, due)
	if err != nil {
		return 0, err
	}
	return len(due), j.app.keepJudged(ctx, j, due, rows)
}

// keepJudged keeps the verdicts and signals of a round.
func (a *App) keepJudged(ctx context.Context, j *usageJudge, due []store.UsageSubject, rows []judgedUse) error {
	return a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		keys, verdicts := make([]int64, len(due)), make([]store.VerdictRow, len(due))
		for i, s := range due {
			keys[i], verdicts[i] = s.Key, rows[i].verdict
		}
		if err := tx.SetVerdicts(keys, verdicts); err != nil {
			return err
		}
		// Before they are kept: one may be marked by what another is found to do.
		if err := tx.SignalsLooked(keys...); err != nil {
			return err
		}
		k, err := a.newSignalKeeper(tx, keys)
		if err == nil {
			err = k.habits(rows)
		}
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := k.keep(r); err != nil {
				return err
			}
		}
		j.again = j.again || k.marked
		return nil
	})
}

// judgeOne forms the verdict on a thing that has none yet, and keeps nothing.
func (a *App) judgeOne(ctx context.Context, tx *sqlstore.Tx, e store.Entity) (verdict.Verdict, error) {
	j := a.newUsageJudge()
	if err := j.prepare(ctx); err != nil {
		return verdict.Verdict{}, err
	}
	evidence, _, err := j.evidence(tx, store.UsageSubject{Key: e.InternalKey, ID: e.ID, Type: store.TypeIndex(e.Type), Ref: e.Ref()})
	if err != nil {
		return verdict.Verdict{}, err
	}
	return verdict.Judge(j.fitter, evidence), nil
}

func (a *App) newUsageJudge() *usageJudge {
	return &usageJudge{app: a, fitter: a.rhythms()}
}

// usageJudge forms verdicts.
type usageJudge struct {
	app      *App
	fitter   *rhythm.Fitter
	limits   verdict.Limits
	idle     store.IdleAfter
	estate   *estate.Estate
	ready    bool
	coverage map[retinue.Realm][]retinue.Coverage
	// again says that the use of somebody must be looked at once more.
	again bool
}

// judgedUse is what is concluded about the use of one thing.
type judgedUse struct {
	verdict store.VerdictRow
	noticed noticed
}

// prepare loads what all verdicts need, once there is one to form.
func (j *usageJudge) prepare(ctx context.Context) error {
	if j.ready {
		return nil
	}
	err := j.app.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) (err error) {
		if j.idle, err = j.app.idleAfter(tx); err != nil {
			return err
		}
		j.coverage, err = logCoverage(tx)
		return err
	})
	if err != nil {
		return err
	}
	if len(j.coverage) > 0 { // without a log nothing hangs on what is granted
		if j.estate, err = j.app.Estate(ctx, store.AsOf{}); err != nil {
			j.app.log.Warn("grants are not known to the verdicts on use", "error", err.Error())
		}
	}
	j.limits, j.ready = verdict.DefaultLimits(), true
	j.limits.Pauses, err = j.app.pauses(ctx, j)
	return err
}

// usagePart is of how many things what bears on their verdicts is read at once.
const usagePart = 64

// round forms the verdicts of a round on all processors, each taking a part of the
// things at a time.
func (j *usageJudge) round(ctx context.Context, due []store.UsageSubject) ([]judgedUse, error) {
	rows := make([]judgedUse, len(due))
	parts := (len(due) + usagePart - 1) / usagePart
	var next atomic.Int64
	errs := make([]error, min(runtime.GOMAXPROCS(0), parts))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			errs[w] = j.app.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
				for i := int(next.Add(1) - 1); i < parts; i = int(next.Add(1) - 1) {
					from, to := i*usagePart, min((i+1)*usagePart, len(due))
					if err := j.part(tx, due[from:to], rows[from:to]); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("judge use: %w", err)
	}
	return rows, nil
}

// part forms the verdicts on some things, reading ahead what bears on them.
func (j *usageJudge) part(tx *sqlstore.Tx, due []store.UsageSubject, rows []judgedUse) error {
	keys := make([]int64, len(due))
	for i, s := range due {
		keys[i] = s.Key
	}
	for from := 0; from < len(due); {
		n, err := tx.Ahead(keys[from:])
		if err != nil {
			return err
		}
		for i := from; i < from+n; i++ {
			if rows[i], err = j.judge(tx, due[i]); err != nil {
				return err
			}
		}
		from += n
	}
	return nil
}

func (j *usageJudge) judge(tx *sqlstore.Tx, s store.UsageSubject) (judgedUse, error) {
	e, used, err := j.evidence(tx, s)
	if err != nil {
		return judgedUse{}, err
	}
	v := conclusion{Verdict: verdict.Judge(j.fitter, e), Shared: usage.Shared(used), Ground: verdict.GroundOf(e, lastUseWords(used))}
	version, err := turned(tx, s, v)
	if err != nil {
		return judgedUse{}, err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return judgedUse{}, err
	}
	n, err := j.app.notice(tx, s, v.Verdict, used)
	return judgedUse{store.VerdictRow{Status: string(v.Status), Grade: v.Grade, LastUsed: v.LastUsed, Silent: v.SilentSince, Due: v.NextChange,
		Shared: v.Shared != nil, Body: body, Version: version}, n}, err
}

// evidence gathers what bears on the verdict on a thing, and its uses.
func (j *usageJudge) evidence(tx *sqlstore.Tx, s store.UsageSubject) (verdict.Evidence, []store.Used, error) {
	e := verdict.Evidence{Now: tx.At(), Limits: j.limits, Coverage: j.coverage[s.Ref.Realm]}
	holder, err := j.subject(tx, s, &e)
	if err != nil {
		return e, nil, err
	}
	if days := j.idle.Of(string(e.Subject.Kind)); days > 0 {
		e.Limits.Idle = time.Duration(days) * 24 * time.Hour
	}
	if e.Fields, err = tx.Uses(s.Key); err != nil {
		return e, nil, err
	}
	if s.Type == store.TypeIndex(retinue.FactIdentity) {
		if err := j.credentialsOf(tx, s, &e); err != nil {
			return e, nil, err
		}
	}
	if j.estate != nil && j.estate.Judged(holder) {
		e.Grants, e.GrantsKnown = j.grants(holder)
	}
	used, err := tx.Usage(s.ID)
	if err != nil {
		return e, nil, err
	}
	seriesInto(&e, used)
	return e, used, nil
}

// subject gathers what the inventory has of a thing, and says whose it is.
func (j *usageJudge) subject(tx *sqlstore.Tx, s store.UsageSubject, e *verdict.Evidence) (retinue.Ref, error) {
	facts, err := tx.FactsOf(s.Key, true)
	if err != nil {
		return s.Ref, err
	}
	holder := s.Ref
	e.Subject = verdict.Subject{Ref: s.Ref}
	for _, f := range facts {
		fact, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return holder, err
		}
		switch x := fact.(type) {
		case retinue.Identity:
			e.Subject.Kind, e.Subject.State = x.Kind, x.State
			e.Subject.CreatedAt = laterOf(e.Subject.CreatedAt, x.CreatedAt)
		case retinue.Credential:
			e.Subject.Credentials = append(e.Subject.Credentials, x.Kind)
			e.Subject.CreatedAt = laterOf(e.Subject.CreatedAt, x.CreatedAt)
			if !x.Identity.IsZero() {
				holder = x.Identity
			}
			if x.State == retinue.CredentialInactive || x.State == retinue.CredentialRevoked {
				e.Subject.State = retinue.StateDisabled
			}
		}
	}
	return holder, nil
}

// credentialsOf adds the kinds of an identity's credentials, and what their
// sources say of their last use.
func (j *usageJudge) credentialsOf(tx *sqlstore.Tx, s store.UsageSubject, e *verdict.Evidence) error {
	related, err := tx.Related(s.Key, 500, store.EdgeIdentity)
	if err != nil {
		return err
	}
	for _, f := range related {
		if f.Type != retinue.FactCredential {
			continue
		}
		fact, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return err
		}
		if c, ok := fact.(retinue.Credential); ok {
			e.Subject.Credentials = append(e.Subject.Credentials, c.Kind)
		}
		fields, err := tx.Uses(f.EntityKey)
		if err != nil {
			return err
		}
		for _, u := range fields {
			if !u.Never { // that one credential was never used says nothing of the others
				e.Fields = append(e.Fields, u)
			}
		}
	}
	return nil
}

// grants are the patterns of the actions that an identity may do, and whether
// they are known.
func (j *usageJudge) grants(ref retinue.Ref) ([]string, bool) {
	same := j.estate.Same(ref)
	var out []string
	for _, h := range j.estate.Held(same) {
		out = append(out, h.Actions...)
	}
	slices.Sort(out)
	return slices.Compact(out), j.estate.NothingHidden(same.Realm)
}

// testedKeys are the request conditions that some policy tests, as of a revision of
// the inventory.
type testedKeys struct {
	mu       sync.Mutex
	revision int64
	keys     map[string]bool // nil: not read yet
}

// testedConditions are the request conditions that some policy tests. The documents
// are read once for each revision of the inventory, however many parts of a log are
// counted.
func (a *App) testedConditions(ctx context.Context) (func(retinue.Realm, string) bool, error) {
	a.tested.mu.Lock()
	defer a.tested.mu.Unlock()
	keys := a.tested.keys
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		revision, err := tx.MaxRevision()
		if err != nil || keys != nil && a.tested.revision == revision {
			return err
		}
		keys = map[string]bool{}
		err = tx.Documents(retinue.LanguageAWSIAM, func(_, text []byte) error {
			for _, m := range conditionKey.FindAllSubmatch(text, -1) {
				keys[strings.ToLower(string(m[1]))] = true
			}
			return nil
		})
		if err == nil {
			a.tested.keys, a.tested.revision = keys, revision
		}
		return err
	})
	return func(_ retinue.Realm, key string) bool { return keys[strings.ToLower(key)] }, err
}

// conditionKey finds what a policy of AWS tests: a member's name with a colon.
var conditionKey = regexp.MustCompile(`"([A-Za-z][A-Za-z0-9-]*:[A-Za-z][A-Za-z0-9/_.-]*)"\s*:`)

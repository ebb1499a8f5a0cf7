package sqlstore

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// columns are what an entity's row shows of its facts.
type columns struct {
	name, kind, subtype, class, state, environment, criticality, dataClass, managed string
	container, holder                                                               retinue.Ref
	createdAt, bornAt, expiresAt                                                    time.Time
	static                                                                          bool
}

// columnsOf projects a fact that describes an entity.
func columnsOf(f retinue.Fact) columns {
	switch f := f.(type) {
	case retinue.Identity:
		return columns{name: f.Name, kind: string(f.Kind), subtype: f.Subtype, class: string(f.Class),
			state: string(f.State), environment: string(f.Environment), criticality: string(f.Criticality),
			managed: string(f.Managed), container: f.Container, createdAt: f.CreatedAt, bornAt: f.CreatedAt, expiresAt: f.ExpiresAt}
	case retinue.Credential:
		born := f.RotatedAt
		if born.IsZero() {
			born = f.CreatedAt
		}
		return columns{name: f.Name, kind: string(f.Kind), subtype: f.Subtype, state: string(f.State), managed: string(f.Managed),
			holder: f.Identity, createdAt: f.CreatedAt, bornAt: born, expiresAt: f.ExpiresAt,
			static: !f.ShortLived && f.Kind != retinue.CredentialFederatedTrust && (f.Certificate == nil || !f.Certificate.CA)}
	case retinue.Resource:
		return columns{name: f.Name, kind: f.Kind, dataClass: f.DataClass, managed: string(f.Managed),
			container: f.Container, createdAt: f.CreatedAt}
	case retinue.Policy:
		return columns{name: f.Name, kind: string(f.Language), managed: string(f.Managed), container: f.Container,
			createdAt: f.CreatedAt}
	case retinue.Group:
		return columns{name: f.Name, kind: "group", managed: string(f.Managed), container: f.Container}
	case retinue.Container:
		return columns{name: f.Name, kind: string(f.Kind), state: string(f.State),
			environment: string(f.Environment), container: f.Parent}
	case retinue.Person:
		return columns{name: f.Name, kind: "person", class: string(retinue.ClassPerson), state: string(f.State)}
	case retinue.Team:
		return columns{name: f.Name, kind: "team"}
	case retinue.Application:
		return columns{name: f.Name, kind: "application", criticality: string(f.Criticality)}
	}
	return columns{}
}

// stated is one current fact about an entity.
type stated struct {
	refID     int64
	key       string
	scopeID   int64
	sourceID  int64
	ftype     int
	body      []byte
	authority int
	obsFrom   int64
}

// MergeBodies merges the JSON objects of facts about one thing, attribute by
// attribute: the first body that states an attribute wins, so the caller
// orders them from the most authoritative to the least. Labels and attrs merge
// entry by entry.
func MergeBodies(bodies ...[]byte) ([]byte, error) {
	if len(bodies) == 1 {
		return bodies[0], nil
	}
	out := map[string]json.RawMessage{}
	for _, b := range bodies {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			return nil, fmt.Errorf("merge facts: %w", err)
		}
		for k, v := range m {
			have, ok := out[k]
			switch {
			case !ok:
				out[k] = v
			case k == "labels" || k == "attrs":
				merged, err := MergeBodies(have, v)
				if err != nil {
					return nil, err
				}
				out[k] = merged
			}
		}
	}
	return json.Marshal(out)
}

// reproject computes the rows of entities again from their current facts. An
// entity without any is gone as of the given observed time. With a revision of
// 0 nothing that findings depend on changed.
func (tx *Tx) reproject(entities []int64, rev, obs int64) error {
	for chunk := range slices.Chunk(entities, 500) {
		if err := tx.reprojectChunk(chunk, rev, obs); err != nil {
			return fmt.Errorf("project entities: %w", err)
		}
	}
	return nil
}

func (tx *Tx) reprojectChunk(entities []int64, rev, obs int64) error {
	ids := tx.intList(entities)
	facts := map[int64][]stated{}
	err := tx.query(func(rows *sql.Rows) error {
		var e int64
		var s stated
		var body string
		if err := rows.Scan(&e, &s.refID, &s.key, &s.scopeID, &s.sourceID, &s.ftype, &body, &s.authority, &s.obsFrom); err != nil {
			return err
		}
		s.body = []byte(body)
		facts[e] = append(facts[e], s)
		return nil
	}, `SELECT r.entity_id, f.ref_id, r.key, f.scope_id, s.source_id, f.type, f.body, s.authority, f.obs_from
		FROM `+tx.db.d.each("$1")+` j JOIN refs r ON r.entity_id = CAST(j.v AS BIGINT)
		JOIN facts f ON f.ref_id = r.id AND f.rev_to IS NULL JOIN scopes s ON s.id = f.scope_id
		ORDER BY r.entity_id, s.authority DESC, f.obs_from DESC, f.id`, ids)
	if err != nil {
		return err
	}
	states, err := tx.states(ids)
	if err != nil {
		return err
	}
	return tx.project(entities, facts, states, rev, obs)
}

// state is an entity's row as it stands, with what governance and label rules
// add to what sources state.
type state struct {
	id           int64
	etype        int
	gone         sql.NullInt64
	versionFrom  int64
	marks        string
	lastUsed     sql.NullInt64
	labels       Labels
	registration *retinue.Registration
	settled      string // the owner that rules gave it
	shown
}

// Labels are what label rules gave an entity, with the rule's name, and what
// its access says of it.
type Labels struct {
	Environment string `json:"environment,omitempty"`
	Criticality string `json:"criticality,omitempty"`
	DataClass   string `json:"dataClass,omitempty"`
	// Rules names the rule behind each label that is set.
	Rules map[string]string `json:"rules,omitempty"`
	// Privileged: it can administer, by the documents that are attached to it.
	Privileged bool `json:"privileged,omitempty"`
	// ThirdParty: another organisation's, or trusted to one.
	ThirdParty bool `json:"thirdParty,omitempty"`
}

// Encode returns the form that the database keeps, "" where there is nothing.
func (l Labels) Encode() string {
	if len(l.Rules) == 0 && !l.Privileged && !l.ThirdParty {
		return ""
	}
	b, _ := json.Marshal(l) // strings and booleans: it cannot fail
	return string(b)
}

func (tx *Tx) states(ids any) (map[int64]*state, error) {
	out := map[int64]*state{}
	err := tx.query(func(rows *sql.Rows) error {
		var labels string
		var reg sql.NullString
		s := &state{}
		if err := rows.Scan(append([]any{&s.id, &s.etype, &s.gone, &s.versionFrom, &s.marks, &s.lastUsed, &labels, &reg, &s.settled}, s.dest()...)...); err != nil {
			return err
		}
		if labels != "" {
			if err := json.Unmarshal([]byte(labels), &s.labels); err != nil {
				return err
			}
		}
		if reg.Valid {
			s.registration = &retinue.Registration{}
			if err := json.Unmarshal([]byte(reg.String), s.registration); err != nil {
				return err
			}
		}
		out[s.id] = s
		return nil
	}, `SELECT e.id, e.type, e.gone_at, e.version_from, e.marks, e.last_used, e.labels,
		(SELECT g.body FROM registrations g WHERE g.entity_id = e.id AND g.to_at IS NULL),
		COALESCE((SELECT w.owner FROM ownerships w WHERE w.entity_id = e.id AND w.to_at IS NULL), ''), `+hardColumns+`, `+softColumns+`
		FROM `+tx.db.d.each("$1")+` j JOIN entities e ON e.id = CAST(j.v AS BIGINT)`, ids)
	return out, err
}

// apply lays governance and labels over the columns: a registration wins over
// the source, the source over a label rule. An owner is who is registered, else
// who the ownership rules name.
func (s *state) apply(c *columns) (owner string) {
	c.environment = cmp.Or(c.environment, s.labels.Environment)
	c.criticality = cmp.Or(c.criticality, s.labels.Criticality)
	c.dataClass = cmp.Or(c.dataClass, s.labels.DataClass)
	if g := s.registration; g != nil {
		c.environment = cmp.Or(string(g.Environment), c.environment)
		c.criticality = cmp.Or(string(g.Criticality), c.criticality)
		c.dataClass = cmp.Or(g.DataClass, c.dataClass)
		c.class = cmp.Or(string(g.Class), c.class)
		owner = g.Owner
	}
	return cmp.Or(owner, s.settled)
}

// projected is what an entity's row becomes.
type projected struct {
	*state
	now   shown
	fact  columns
	marks []int64
	used  sql.NullInt64
	// latest is when the newest of what is stated began to hold.
	latest int64
}

// project writes the rows of a chunk of entities. Those that hold credentials
// come first, so that what credentials inherit stands.
func (tx *Tx) project(entities []int64, facts map[int64][]stated, states map[int64]*state, rev, obs int64) error {
	used, err := tx.lastUses(tx.intList(entities))
	if err != nil {
		return err
	}
	var holders, credentials []*projected
	for _, id := range entities {
		st := states[id]
		if st == nil {
			continue // merged away meanwhile
		}
		if len(facts[id]) == 0 {
			if err := tx.end(st, rev, obs); err != nil {
				return err
			}
			continue
		}
		p, err := tx.projection(st, facts[id])
		if err != nil {
			return err
		}
		p.used = used[id]
		if store.TypeAt(st.etype) == retinue.FactCredential {
			credentials = append(credentials, p)
		} else {
			holders = append(holders, p)
		}
	}
	for _, batch := range [][]*projected{holders, credentials} {
		if err := tx.locate(batch); err != nil {
			return err
		}
		for _, p := range batch {
			if err := tx.show(p, rev, obs); err != nil {
				return err
			}
		}
	}
	return nil
}

// projection merges an entity's facts into its row, but for what other things
// give it.
func (tx *Tx) projection(st *state, facts []stated) (*projected, error) {
	facts = ofType(facts, st.etype)
	top := facts[0]
	if err := tx.disagreements(facts); err != nil {
		return nil, err
	}
	p := &projected{state: st}
	var bodies [][]byte
	first := top.obsFrom
	for _, f := range facts {
		first, p.latest = min(first, f.obsFrom), max(p.latest, f.obsFrom)
		if f.ftype == top.ftype {
			bodies = append(bodies, f.body)
		}
		if f.sourceID != top.sourceID {
			p.marks = append(p.marks, markOf(markSource, fmt.Sprint(f.sourceID)))
		}
	}
	body, err := MergeBodies(bodies...)
	if err != nil {
		return nil, err
	}
	fact, err := retinue.DecodeFact(store.TypeAt(top.ftype), body)
	if err != nil {
		return nil, err
	}
	p.fact = columnsOf(fact)
	declared(&p.fact, top.ftype, top.authority)
	p.now = shown{ref: top.refID, scope: top.scopeID, sourceID: top.sourceID, soft: st.soft, firstSeen: min(first, st.firstSeen)}
	p.now.owner = st.apply(&p.fact)
	p.now.from(p.fact, top.key)
	p.now.privileged, p.now.thirdParty = int64(b2i(st.labels.Privileged)), int64(b2i(st.labels.ThirdParty))
	if p.now.source, err = tx.sourceName(top.sourceID); err != nil {
		return nil, err
	}
	p.marks = append(p.marks, tagMarks(fact)...)
	return p, nil
}

// locate fills in what a batch's rows take from other things: containers, and
// who holds a credential with what it inherits.
func (tx *Tx) locate(batch []*projected) error {
	var need []store.Hash
	for _, p := range batch {
		for _, r := range []retinue.Ref{p.fact.container, p.fact.holder} {
			if !r.IsZero() {
				need = append(need, store.HashRef(r))
			}
		}
	}
	known, err := tx.lookupRefs(need)
	if err != nil {
		return err
	}
	var ids []int64
	for _, p := range batch {
		if r, ok := known[store.HashRef(p.fact.container)]; ok {
			p.now.container = sql.NullInt64{Int64: r.id, Valid: true}
		}
		if r, ok := known[store.HashRef(p.fact.holder)]; ok {
			p.now.holder = sql.NullInt64{Int64: r.id, Valid: true}
			if r.entity != 0 {
				ids = append(ids, r.entity)
			}
		}
	}
	bequests, err := tx.bequests(ids)
	if err != nil {
		return err
	}
	for _, p := range batch {
		if b := bequests[known[store.HashRef(p.fact.holder)].entity]; b != nil && p.now.holder.Valid {
			p.marks = b.give(&p.now, p.marks)
		}
		if p.now.owner != "" {
			p.marks = append(p.marks, markOf(markOwner, p.now.owner))
		}
	}
	return nil
}

// disagreements notes on which attributes scopes of equal authority disagree:
// one of them has to win, and a person should know.
func (tx *Tx) disagreements(facts []stated) error {
	top := facts[0]
	for _, f := range facts[1:] {
		if f.authority != top.authority || f.scopeID == top.scopeID || len(tx.conflicts) >= maxConflicts {
			continue
		}
		var a, b map[string]json.RawMessage
		if err := errors.Join(json.Unmarshal(top.body, &a), json.Unmarshal(f.body, &b)); err != nil {
			return err
		}
		var fields []string
		for k, v := range a {
			if w, ok := b[k]; ok && merges[k] == "" && string(v) != string(w) {
				fields = append(fields, k)
			}
		}
		if len(fields) == 0 {
			continue
		}
		slices.Sort(fields)
		var name string
		if err := json.Unmarshal(a["name"], &name); err != nil || name == "" {
			name = string(a["ref"])
		}
		tx.conflicts = append(tx.conflicts, fmt.Sprintf("%s: two scopes of equal authority disagree on %s", name, strings.Join(fields, ", ")))
	}
	return nil
}

// merges are the attributes that several scopes add to, or that each has of its
// own: they do not disagree on them.
var merges = map[string]string{"ref": "own", "labels": "merged", "attrs": "merged", "declared": "own", "joins": "own", "container": "own",
	"classReason": "explains class", "stateReason": "explains state", "name": "shown"}

// ofType keeps the facts of an entity's own type, where there are any: another
// scope may state the same thing as something else.
func ofType(facts []stated, t int) []stated {
	own := slices.DeleteFunc(slices.Clone(facts), func(f stated) bool { return f.ftype != t })
	if len(own) == 0 {
		return facts
	}
	return own
}

// declared marks what only code or a reference states: it is not known to
// exist.
func declared(c *columns, ftype, authority int) {
	if authority > int(connector.AuthorityDeclared) {
		return
	}
	if t := store.TypeAt(ftype); t == retinue.FactIdentity || t == retinue.FactResource || t == retinue.FactContainer {
		c.state = string(retinue.StateDeclared)
	}
}

// intList is a list parameter of numbers, written as text and cast back.
func (tx *Tx) intList(v []int64) any {
	s := make([]string, len(v))
	for i, x := range v {
		s[i] = fmt.Sprint(x)
	}
	return tx.db.d.list(s)
}

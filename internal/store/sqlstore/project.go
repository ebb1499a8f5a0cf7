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
	container                                                                       retinue.Ref
	createdAt, expiresAt                                                            time.Time
}

// columnsOf projects a fact that describes an entity.
func columnsOf(f retinue.Fact) columns {
	switch f := f.(type) {
	case retinue.Identity:
		return columns{name: f.Name, kind: string(f.Kind), subtype: f.Subtype, class: string(f.Class),
			state: string(f.State), environment: string(f.Environment), criticality: string(f.Criticality),
			managed: string(f.Managed), container: f.Container, createdAt: f.CreatedAt, expiresAt: f.ExpiresAt}
	case retinue.Credential:
		return columns{name: f.Name, kind: string(f.Kind), subtype: f.Subtype, state: string(f.State),
			managed: string(f.Managed), createdAt: f.CreatedAt, expiresAt: f.ExpiresAt}
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
	scopeID   int64
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
// entity without any is gone as of the given observed time.
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
		if err := rows.Scan(&e, &s.refID, &s.scopeID, &s.ftype, &body, &s.authority, &s.obsFrom); err != nil {
			return err
		}
		s.body = []byte(body)
		facts[e] = append(facts[e], s)
		return nil
	}, `SELECT r.entity_id, f.ref_id, f.scope_id, f.type, f.body, s.authority, f.obs_from
		FROM `+tx.db.d.each("$1")+` j JOIN refs r ON r.entity_id = CAST(j.v AS BIGINT)
		JOIN facts f ON f.ref_id = r.id AND f.rev_to IS NULL JOIN scopes s ON s.id = f.scope_id
		ORDER BY r.entity_id, s.authority DESC, s.observed_at DESC, f.id`, ids)
	if err != nil {
		return err
	}
	overlays, err := tx.overlays(ids)
	if err != nil {
		return err
	}
	for _, id := range entities {
		if err := tx.writeProjection(id, facts[id], overlays[id], rev, obs); err != nil {
			return err
		}
	}
	return nil
}

// overlay is what governance and label rules add to what sources state.
type overlay struct {
	etype        int
	labels       Labels
	registration *retinue.Registration
}

// Labels are what label rules gave an entity, with the rule's name.
type Labels struct {
	Environment string `json:"environment,omitempty"`
	Criticality string `json:"criticality,omitempty"`
	DataClass   string `json:"dataClass,omitempty"`
	// Rules names the rule behind each label that is set.
	Rules map[string]string `json:"rules,omitempty"`
}

func (tx *Tx) overlays(ids any) (map[int64]overlay, error) {
	out := map[int64]overlay{}
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var labels string
		var reg sql.NullString
		var o overlay
		if err := rows.Scan(&id, &o.etype, &labels, &reg); err != nil {
			return err
		}
		if labels != "" {
			if err := json.Unmarshal([]byte(labels), &o.labels); err != nil {
				return err
			}
		}
		if reg.Valid {
			o.registration = &retinue.Registration{}
			if err := json.Unmarshal([]byte(reg.String), o.registration); err != nil {
				return err
			}
		}
		out[id] = o
		return nil
	}, `SELECT e.id, e.type, e.labels, g.body FROM `+tx.db.d.each("$1")+` j JOIN entities e ON e.id = CAST(j.v AS BIGINT)
		LEFT JOIN registrations g ON g.entity_id = e.id AND g.to_at IS NULL`, ids)
	return out, err
}

// apply lays governance and labels over the columns: a registration wins over
// the source, the source over a label rule.
func (o overlay) apply(c *columns) (owner string) {
	c.environment = cmp.Or(c.environment, o.labels.Environment)
	c.criticality = cmp.Or(c.criticality, o.labels.Criticality)
	c.dataClass = cmp.Or(c.dataClass, o.labels.DataClass)
	if g := o.registration; g != nil {
		c.environment = cmp.Or(string(g.Environment), c.environment)
		c.criticality = cmp.Or(string(g.Criticality), c.criticality)
		c.dataClass = cmp.Or(g.DataClass, c.dataClass)
		c.class = cmp.Or(string(g.Class), c.class)
		return g.Owner
	}
	return ""
}

func (tx *Tx) writeProjection(id int64, facts []stated, over overlay, rev, obs int64) error {
	if len(facts) == 0 {
		return tx.exec(`UPDATE entities SET state = $1, gone_at = $2, touched_rev = $3 WHERE id = $4 AND gone_at IS NULL`,
			string(retinue.StateGone), obs, rev, id)
	}
	facts = ofType(facts, over.etype)
	top := facts[0]
	if err := tx.disagreements(facts); err != nil {
		return err
	}
	var bodies [][]byte
	first := top.obsFrom
	for _, f := range facts {
		first = min(first, f.obsFrom)
		if f.ftype == top.ftype {
			bodies = append(bodies, f.body)
		}
	}
	body, err := MergeBodies(bodies...)
	if err != nil {
		return err
	}
	fact, err := retinue.DecodeFact(store.TypeAt(top.ftype), body)
	if err != nil {
		return err
	}
	c := columnsOf(fact)
	declared(&c, top.ftype, top.authority)
	owner := over.apply(&c)
	container, err := tx.containerID(c.container)
	if err != nil {
		return err
	}
	return tx.exec(`UPDATE entities SET ref_id = $1, scope_id = $2, name = $3, kind = $4, subtype = $5, class = $6,
		state = $7, environment = $8, criticality = $9, data_class = $10, managed = $11, owner = $12,
		container_id = $13, created_at = $14, expires_at = $15, first_seen = CASE WHEN first_seen < $16 THEN first_seen ELSE $16 END,
		gone_at = NULL, touched_rev = $17 WHERE id = $18`,
		top.refID, top.scopeID, c.name, c.kind, c.subtype, c.class, c.state, c.environment, c.criticality, c.dataClass,
		c.managed, owner, container, micros(c.createdAt), micros(c.expiresAt), first, rev, id)
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

func (tx *Tx) containerID(r retinue.Ref) (any, error) {
	if r.IsZero() {
		return nil, nil
	}
	h := store.HashRef(r)
	found, err := tx.lookupRefs([]store.Hash{h})
	if err != nil {
		return nil, err
	}
	if row, ok := found[h]; ok {
		return row.id, nil
	}
	return nil, nil
}

// intList is a list parameter of numbers, written as text and cast back.
func (tx *Tx) intList(v []int64) any {
	s := make([]string, len(v))
	for i, x := range v {
		s[i] = fmt.Sprint(x)
	}
	return tx.db.d.list(s)
}

package sqlstore

import (
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// shown is an entity's row but for its keys: what is projected from its facts,
// from governance, from who holds it, and from its findings.
type shown struct {
	ref, scope, sourceID                                int64
	name, kind, subtype, class, state                   string
	environment, criticality, dataClass, managed, owner string
	container, created, expires                         sql.NullInt64
	firstSeen                                           int64
	source, search                                      string
	critRank                                            int64
	holder, born                                        sql.NullInt64
	static                                              int64
	soft
}

// soft is what follows a thing's findings and surroundings rather than what is
// stated of it.
type soft struct {
	priority               int64
	open                   [5]int64 // open findings by severity, worst first
	worst                  int64    // place of the worst open severity, or noFinding
	credentials            int64
	privileged, thirdParty int64
}

// noFinding is the place of no severity.
const noFinding = 9

// hardColumns and softColumns are the columns of shown, alike in entities and
// in entity_versions.
const (
	hardColumns = `ref_id, scope_id, name, kind, subtype, class, state, environment, criticality, data_class, managed, owner,
	container_id, created_at, expires_at, first_seen, source_id, source, search, crit_rank, holder_id, born_at, static`
	softColumns = `priority, open_critical, open_high, open_medium, open_low, open_info, worst, credentials, privileged, third_party`
)

func (s *shown) dest() []any {
	return append([]any{&s.ref, &s.scope, &s.name, &s.kind, &s.subtype, &s.class, &s.state, &s.environment, &s.criticality,
		&s.dataClass, &s.managed, &s.owner, &s.container, &s.created, &s.expires, &s.firstSeen, &s.sourceID, &s.source, &s.search,
		&s.critRank, &s.holder, &s.born, &s.static}, s.soft.dest()...)
}

func (s *soft) dest() []any {
	return []any{&s.priority, &s.open[0], &s.open[1], &s.open[2], &s.open[3], &s.open[4], &s.worst, &s.credentials,
		&s.privileged, &s.thirdParty}
}

func (s *shown) hardValues() []any {
	return []any{s.ref, s.scope, s.name, s.kind, s.subtype, s.class, s.state, s.environment, s.criticality,
		s.dataClass, s.managed, s.owner, s.container, s.created, s.expires, s.firstSeen, s.sourceID, s.source, s.search,
		s.critRank, s.holder, s.born, s.static}
}

func (s *soft) values() []any {
	return []any{s.priority, s.open[0], s.open[1], s.open[2], s.open[3], s.open[4], s.worst, s.credentials,
		s.privileged, s.thirdParty}
}

// from lays the columns of a fact over the row.
func (s *shown) from(c columns, key string) {
	s.name, s.kind, s.subtype, s.class, s.state = c.name, c.kind, c.subtype, c.class, c.state
	s.environment, s.criticality, s.dataClass, s.managed = c.environment, c.criticality, c.dataClass, c.managed
	s.created, s.expires = nullMicros(c.createdAt), nullMicros(c.expiresAt)
	s.born = nullMicros(c.bornAt)
	s.static = int64(b2i(c.static))
	s.search = searchText(c.name, key)
	s.rank()
}

// rank brings the rank of the criticality in step with it.
func (s *shown) rank() {
	s.critRank = 0
	if i := slices.Index(retinue.Criticalities(), retinue.Criticality(s.criticality)); i >= 0 {
		s.critRank = int64(len(retinue.Criticalities()) - i)
	}
}

// searchText is what a thing is ordered by and found by: its name, the key
// where it has none, then the key, in lower case.
func searchText(name, key string) string {
	return strings.ToLower(cmp.Or(name, key) + "\x1f" + key)
}

// The sorts of mark.
const (
	markTag    = "tag"    // a label, key=value
	markOwner  = "owner"  // registered owner
	markSource = "source" // a further source that states the thing, by its key
)

// markOf is the key of a mark. It is a hash, so that a label that a million
// things have each of their own needs no table of labels.
func markOf(sort, value string) int64 {
	sum := sha256.Sum256([]byte(sort + "\x00" + value))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1) // JSON and SQL agree on 63 bits
}

// marks is a sorted set of marks.
type marks []int64

func (m marks) String() string {
	var b strings.Builder
	for i, x := range m {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strconv.FormatInt(x, 36))
	}
	return b.String()
}

func parseMarks(s string) (marks, error) {
	var out marks
	for f := range strings.FieldsSeq(s) {
		v, err := strconv.ParseInt(f, 36, 64)
		if err != nil {
			return nil, fmt.Errorf("read marks: %w", err)
		}
		out = append(out, v)
	}
	return out, nil
}

func newMarks(list []int64) marks {
	slices.Sort(list)
	return slices.Compact(list)
}

// maxTags bounds the labels by which a thing is found; vendors allow some 50.
const maxTags = 100

// tagMarks are the marks of the labels that a fact states.
func tagMarks(f retinue.Fact) []int64 {
	var labels map[string]string
	switch f := f.(type) {
	case retinue.Identity:
		labels = f.Labels
	case retinue.Credential:
		labels = f.Labels
	case retinue.Resource:
		labels = f.Labels
	case retinue.Container:
		labels = f.Labels
	case retinue.Person:
		labels = f.Labels
	}
	out := make([]int64, 0, len(labels))
	for k, v := range labels {
		out = append(out, markOf(markTag, k+"="+v))
	}
	if len(out) > maxTags {
		slices.Sort(out)
		out = out[:maxTags]
	}
	return out
}

// figureKeys are the figures in which a row counts, with when the thing was
// last used.
func (s *shown) figureKeys(t int, used sql.NullInt64, add func(name string, key ...string)) {
	typ := store.TypeAt(t)
	owned := "owned"
	if s.owner == "" {
		owned = ""
	}
	add(figureEntities, string(typ), s.kind, s.class, s.environment, s.state, owned)
	if key, ok := useKey(typ, s.class, s.kind); ok {
		add(figureUse, key, dayOf(used))
		if s.privileged == 1 {
			add(figurePrivileged, string(typ))
		}
		if s.thirdParty == 1 && typ == retinue.FactIdentity {
			add(figureThirdParties)
		}
	}
	if typ != retinue.FactCredential {
		return
	}
	if s.static == 1 {
		add(figureStatic, dayOf(s.born))
	}
	if s.expires.Valid {
		add(figureExpiry, dayOf(s.expires))
	}
}

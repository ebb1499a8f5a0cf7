package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// CatalogFormat marks the JSON that the catalog query writes. A file without it
// is read as the older, poorer form: see the package comment on scopes.
const CatalogFormat = "retinue-postgres-catalog/1"

// catalogHead is what is needed of a catalog file before its rows can be
// stated.
type catalogHead struct {
	header
	roles    []string
	columns  map[string][]column // by schema and relation, those with a list of their own
	sections map[string]bool     // present and not null
}

// poor reports a file without a format mark.
func (h catalogHead) poor() bool { return h.Format == "" }

// observed is the file's own time, else when it was written.
func (h catalogHead) observed(modTime time.Time) time.Time {
	if t := parseTime(h.ObservedAt); !t.IsZero() {
		return t
	}
	return modTime.UTC()
}

// catalogScan walks over a catalog file: a JSON object of values and lists of
// rows. It holds one row at a time.
type catalogScan struct {
	ctx context.Context
	dec *json.Decoder
	// value takes what is no list, and each list's name with nil before its rows.
	value func(key string, v json.RawMessage) error
	row   func(key string, v json.RawMessage) error
}

func scanCatalog(ctx context.Context, r io.Reader, value, row func(key string, v json.RawMessage) error) error {
	s := catalogScan{ctx, json.NewDecoder(&contextReader{ctx, r}), value, row}
	if t, err := s.dec.Token(); err != nil || t != json.Delim('{') {
		return s.bad(fmt.Errorf("want an object: %v", err))
	}
	for s.dec.More() {
		t, err := s.dec.Token()
		if err != nil {
			return s.bad(err)
		}
		key, _ := t.(string)
		if isSection(key) {
			err = s.list(key)
		} else {
			err = s.one(key, s.value)
		}
		if err != nil {
			return err
		}
	}
	if _, err := s.dec.Token(); err != nil {
		return s.bad(err)
	}
	return nil
}

func (s *catalogScan) bad(err error) error {
	if s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	return fmt.Errorf("%w: catalog JSON: at byte %d: %v", retinue.ErrInvalid, s.dec.InputOffset(), err)
}

func (s *catalogScan) one(key string, use func(string, json.RawMessage) error) error {
	var v json.RawMessage
	if err := s.dec.Decode(&v); err != nil {
		return s.bad(err)
	}
	return use(key, v)
}

func (s *catalogScan) list(key string) error {
	t, err := s.dec.Token()
	switch {
	case err != nil:
		return s.bad(err)
	case t == nil: // null: could not be read when the file was written
		return nil
	case t != json.Delim('['):
		return s.bad(fmt.Errorf("%s: want a list", key))
	}
	if err := s.value(key, nil); err != nil {
		return err
	}
	for s.dec.More() {
		if err := s.one(key, s.row); err != nil {
			return err
		}
	}
	if _, err := s.dec.Token(); err != nil {
		return s.bad(err)
	}
	return nil
}

// isSection reports a key whose value is a list of rows.
func isSection(key string) bool {
	named := func(s section) bool { return s.name == key }
	return key == "columns" || slices.ContainsFunc(serverSections(), named) || slices.ContainsFunc(databaseSections(), named)
}

// maxColumns bounds the columns that a file lists apart.
const maxColumns = 5_000_000

func readCatalogHead(ctx context.Context, r io.Reader) (catalogHead, error) {
	h := catalogHead{columns: map[string][]column{}, sections: map[string]bool{}}
	n := 0
	err := scanCatalog(ctx, r, func(key string, v json.RawMessage) error {
		if v == nil {
			h.sections[key] = true
			return nil
		}
		one, err := json.Marshal(map[string]json.RawMessage{key: v})
		if err == nil {
			err = json.Unmarshal(one, &h.header)
		}
		if err != nil {
			return fmt.Errorf("%w: catalog JSON: %s: %v", retinue.ErrInvalid, retinue.CleanName(key), err)
		}
		return nil
	}, func(key string, v json.RawMessage) error {
		switch key {
		case "roles":
			return decodeRow(key, v, func(r role) error { h.roles = append(h.roles, r.Name); return nil })
		case "columns":
			return decodeRow(key, v, func(c column) error {
				if len(c.ACL.Items) == 0 {
					return nil
				}
				if n++; n > maxColumns {
					return fmt.Errorf("%w: more than %d columns with privileges", retinue.ErrUnsupported, maxColumns)
				}
				k := qualify(c.Schema, c.Relation)
				h.columns[k] = append(h.columns[k], c)
				return nil
			})
		}
		return nil
	})
	if err != nil {
		return h, err
	}
	if h.Format != "" && h.Format != CatalogFormat {
		return h, fmt.Errorf("%w: catalog JSON: format %q: this version reads %q", retinue.ErrUnsupported, retinue.CleanName(h.Format), CatalogFormat)
	}
	if h.Database == "" || !h.sections["roles"] {
		return h, fmt.Errorf("%w: catalog JSON: want an object with database and roles, as the catalog query writes it", retinue.ErrInvalid)
	}
	return h, nil
}

func (h catalogHead) notCovered() []string {
	var out []string
	for _, s := range []struct{ key, text string }{
		{"passwords", "the catalog file does not say which roles have a password: it was written without select on pg_authid"},
		{"host_rules", "the catalog file holds no rules of pg_hba.conf: it was written without permission to read them"},
		{"sessions", "the catalog file holds no connections"},
		{"types", "the catalog file holds no types, languages, foreign servers or row security policies: write it with the query that this connector ships"},
	} {
		if !h.sections[s.key] {
			out = append(out, s.text)
		}
	}
	return out
}

// catalog states one file.
func (f *fileConnector) catalog(ctx context.Context, g *inputGroup, in input, sink connector.Sink, done map[retinue.Scope]bool) error {
	h := in.head
	w := newWriter(g.realm, h.Version, h.observed(in.modTime), &onceSink{sink, done}, f.env)
	w.seen = map[seenKey]bool{}
	if h.poor() {
		w.prefix, w.authority = []string{"catalog"}, connector.AuthorityReport
	}
	file, err := os.Open(in.path)
	if err != nil {
		return fileError("open", in.path, err)
	}
	defer file.Close()
	if err := w.server(h.header); err != nil {
		return err
	}
	c := catalogRun{w: w, head: h}
	if err := scanCatalog(ctx, file, func(string, json.RawMessage) error { return nil }, c.row); err != nil && (in.err == nil || ctx.Err() != nil) {
		return err
	}
	c.err = in.err
	if len(c.rules) > 0 {
		if err := w.hostRules(c.rules); err != nil {
			return err
		}
	}
	return c.finish()
}

// catalogRun is the second pass over a file.
type catalogRun struct {
	w     *writer
	head  catalogHead
	dbs   []string
	rules []hostRule
	err   error // why not all of the file could be read
}

func (c *catalogRun) row(key string, v json.RawMessage) error {
	db := c.head.Database
	switch key {
	case "columns":
		return nil // with their relations
	case "host_rules":
		return decodeRow(key, v, func(h hostRule) error { c.rules = append(c.rules, h); return nil })
	case "databases":
		return decodeRow(key, v, func(d database) error {
			c.dbs = append(c.dbs, d.Name)
			if c.head.poor() {
				return c.w.database(c.w.scope("databases", d.Name), d)
			}
			return c.w.database(c.w.scope("databases"), d)
		})
	case "relations":
		return decodeRow(key, v, func(r relation) error {
			r.Columns = append(r.Columns, c.head.columns[qualify(r.Schema, r.Name)]...)
			return c.w.relation(db, r)
		})
	}
	if slices.ContainsFunc(databaseSections(), func(s section) bool { return s.name == key }) {
		return c.w.putIn(db, key, v)
	}
	return c.w.put(key, v)
}

// finish completes the scopes whose lists the file holds.
func (c *catalogRun) finish() error {
	w, has := c.w, c.head.sections
	const basis = "the query reads every row of the catalog"
	done := func(scope ...string) error {
		if c.err != nil {
			return w.problem(w.scope(scope...), c.err)
		}
		return w.complete(w.scope(scope...), basis)
	}
	type end struct {
		when  bool
		scope []string
	}
	rich := !c.head.poor()
	ends := []end{
		{true, []string{"server"}},
		{has["roles"], []string{"roles"}},
		{has["auth_members"], []string{"memberships"}},
		{has["roles"] && has["auth_members"], []string{"predefined-roles"}},
		{has["tablespaces"], []string{"tablespaces"}},
		{has["parameters"], []string{"parameters"}},
		{has["passwords"], []string{"passwords"}},
		{has["host_rules"], []string{"authentication"}},
		{has["sessions"], []string{"connections"}},
		{rich && has["mappings"], []string{"databases", c.head.Database, "stored-credentials"}},
		{rich, []string{"databases", c.head.Database, "system"}},
		{true, []string{"databases", c.head.Database}},
	}
	if !rich {
		for _, db := range c.dbs {
			if db != c.head.Database {
				ends = append(ends, end{true, []string{"databases", db}})
			}
		}
	}
	for _, e := range ends {
		if e.when {
			if err := done(e.scope...); err != nil {
				return err
			}
		}
	}
	if rich && has["databases"] && c.err != nil {
		return w.problem(w.scope("databases"), c.err)
	}
	if rich && has["databases"] {
		var children []retinue.Scope
		for _, db := range c.dbs {
			children = append(children, w.scope("databases", db))
		}
		if err := w.complete(w.scope("databases"), basis, children...); err != nil {
			return err
		}
	}
	return w.flushAll()
}

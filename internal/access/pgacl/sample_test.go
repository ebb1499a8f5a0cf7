package pgacl_test

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/pgacl"
	"github.com/retinue-id/retinue/internal/testkit"
)

// catalog is what the test needs of the catalog JSON. The command reads it
// through the connector; here the engine is by itself.
type catalog struct {
	Version  int
	Database string
	Roles    []struct {
		Rolname, Database                  string
		Rolsuper, Rolinherit, Rolbypassrls bool
	}
	Members []struct {
		Role, Member, Grantor string
		Admin                 bool  `json:"admin_option"`
		Inherit               *bool `json:"inherit_option"`
		Set                   *bool `json:"set_option"`
	} `json:"auth_members"`
	Databases, Schemas, Relations, Columns, Functions []struct {
		Datname, Nspname, Schema, Relname, Relkind, Attname, Proname, Args, Owner string
		ACL                                                                       []string
	}
}

func (c *catalog) state() pgacl.State {
	s := pgacl.State{Version: c.Version}
	for _, r := range c.Roles {
		s.Roles = append(s.Roles, pgacl.Role{Name: r.Rolname, Superuser: r.Rolsuper, Inherit: r.Rolinherit, BypassRLS: r.Rolbypassrls})
	}
	for _, m := range c.Members {
		s.Memberships = append(s.Memberships, pgacl.Membership{Role: m.Role, Member: m.Member, Grantor: m.Grantor, Admin: m.Admin, Inherit: m.Inherit, Set: m.Set})
	}
	for _, o := range c.Databases {
		s.Objects = append(s.Objects, pgacl.Object{Kind: pgacl.Database, Name: o.Datname, Owner: o.Owner, ACL: o.ACL})
	}
	for _, o := range c.Schemas {
		s.Objects = append(s.Objects, pgacl.Object{Kind: pgacl.Schema, Database: c.Database, Name: o.Nspname, Owner: o.Owner, ACL: o.ACL})
	}
	for _, o := range c.Relations {
		x := pgacl.Object{Kind: pgacl.Table, Database: c.Database, Schema: o.Schema, Name: o.Relname, Owner: o.Owner, ACL: o.ACL}
		if o.Relkind == "S" {
			x.Kind = pgacl.Sequence
		}
		for _, col := range c.Columns {
			if col.Schema == o.Schema && col.Relname == o.Relname && col.ACL != nil {
				x.Columns = append(x.Columns, pgacl.Column{Name: col.Attname, ACL: col.ACL})
			}
		}
		s.Objects = append(s.Objects, x)
	}
	for _, o := range c.Functions {
		s.Objects = append(s.Objects, pgacl.Object{Kind: pgacl.Function, Database: c.Database, Schema: o.Schema, Name: o.Proname, Args: o.Args, Owner: o.Owner, ACL: o.ACL})
	}
	return s
}

func sampleIndex(t testing.TB, seed string) *pgacl.Index {
	t.Helper()
	b, err := os.ReadFile(testkit.Data(t, "access", "postgres", "seed"+seed+"-catalog.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c catalog
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	x, err := pgacl.New(c.state())
	if err != nil {
		t.Fatal(err)
	}
	return x
}

type sample struct {
	pgacl.Question
	allowed bool
}

func sampleCases(t testing.TB, seed string) []sample {
	t.Helper()
	f, err := os.Open(testkit.Data(t, "access", "postgres", "seed"+seed+"-cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []sample
	in := bufio.NewScanner(f)
	for in.Scan() {
		q, err := pgacl.ParseCase(in.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		var want struct{ Allowed bool }
		if err := json.Unmarshal(in.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		out = append(out, sample{q, want.Allowed})
	}
	if in.Err() != nil || len(out) == 0 {
		t.Fatalf("%d cases: %v", len(out), in.Err())
	}
	return out
}

// TestSamples compares with the answers of a real server of version 15.
func TestSamples(t *testing.T) {
	for _, seed := range []string{"1", "2"} {
		x := sampleIndex(t, seed)
		yes := 0
		for i, c := range sampleCases(t, seed) {
			d := x.Decide(c.Question)
			if (d.Outcome == access.Allowed) != c.allowed || d.Outcome == access.Unknown || len(d.Because) == 0 {
				t.Errorf("seed %s line %d: %+v: %+v, the server says %v", seed, i+1, c.Question, d, c.allowed)
			}
			if d.Outcome == access.Allowed {
				yes++
			}
		}
		if yes < 100 {
			t.Errorf("seed %s: only %d answers were yes", seed, yes)
		}
	}
}

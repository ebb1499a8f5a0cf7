package pgacl_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/pgacl"
)

var drawnRoles = []string{"a", "b", "c", "d", "e"}

func drawState(t *rapid.T) pgacl.State {
	s := pgacl.State{Version: rapid.SampledFrom([]int{15, 16, 18}).Draw(t, "version")}
	for _, name := range drawnRoles {
		s.Roles = append(s.Roles, pgacl.Role{Name: name, Inherit: rapid.Bool().Draw(t, "inherit"), Superuser: rapid.IntRange(0, 15).Draw(t, "super") == 0})
	}
	for range rapid.IntRange(0, 6).Draw(t, "memberships") {
		s.Memberships = append(s.Memberships, drawMembership(t))
	}
	for _, name := range []string{"t", "u"} {
		o := pgacl.Object{Kind: pgacl.Table, Database: "db", Schema: "s", Name: name, Owner: rapid.SampledFrom(drawnRoles).Draw(t, "owner")}
		if rapid.Bool().Draw(t, "acl") {
			o.ACL = append([]string{}, rapid.SliceOfN(rapid.Custom(drawItem), 0, 4).Draw(t, "items")...)
		}
		s.Objects = append(s.Objects, o)
	}
	s.Objects = append(s.Objects, pgacl.Object{Kind: pgacl.Schema, Database: "db", Name: "s", Owner: "a"},
		pgacl.Object{Kind: pgacl.Database, Name: "db", Owner: rapid.SampledFrom(drawnRoles).Draw(t, "dba")})
	return s
}

func drawMembership(t *rapid.T) pgacl.Membership {
	yes := rapid.Bool().Draw(t, "set")
	return pgacl.Membership{Role: rapid.SampledFrom(drawnRoles).Draw(t, "role"), Member: rapid.SampledFrom(drawnRoles).Draw(t, "member"),
		Admin: rapid.Bool().Draw(t, "admin"), Inherit: &yes, Set: &yes}
}

func drawItem(t *rapid.T) string {
	return rapid.SampledFrom(append([]string{""}, drawnRoles...)).Draw(t, "grantee") + "=" + rapid.SampledFrom([]string{"r", "ar*", "w*d", "m"}).Draw(t, "privs") + "/a"
}

func drawQuestion(t *rapid.T) pgacl.Question {
	q := pgacl.Question{Role: rapid.SampledFrom(append([]string{"public"}, drawnRoles...)).Draw(t, "asker"), Kind: pgacl.Table,
		Object: rapid.SampledFrom([]string{"s.t", "s.u"}).Draw(t, "object"), Effective: rapid.Bool().Draw(t, "effective"),
		Privilege: rapid.SampledFrom([]string{"select", "insert", "select with grant option", "update, delete"}).Draw(t, "privilege")}
	if q.Role != "public" && rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
		q.Kind, q.Object, q.Privilege, q.Effective = pgacl.KindRole, rapid.SampledFrom(drawnRoles).Draw(t, "of"), rapid.SampledFrom([]string{"member", "usage", "usage with admin option"}).Draw(t, "how"), false
	}
	return q
}

func compiled(t rapid.TB, s pgacl.State) *pgacl.Index {
	x, err := pgacl.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestMoreNeverAllowsLess: another membership or grant takes nothing away.
func TestMoreNeverAllowsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, q := drawState(t), drawQuestion(t)
		before, err := compiled(t, s).Can(q)
		if err != nil || !before {
			return
		}
		s.Memberships = append(slices.Clone(s.Memberships), drawMembership(t))
		for i := range s.Objects {
			if s.Objects[i].ACL != nil { // a grant on a null list makes the default explicit first
				s.Objects[i].ACL = append(slices.Clone(s.Objects[i].ACL), drawItem(t))
			}
		}
		if after, err := compiled(t, s).Can(q); err != nil || !after {
			t.Fatalf("%+v was allowed before: %v", q, err)
		}
	})
}

// TestEffectiveIsLess: what can be used is held, and what is held without
// privileges through roles stays within what membership reaches.
func TestEffectiveIsLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, q := drawState(t), drawQuestion(t)
		x := compiled(t, s)
		if q.Kind == pgacl.KindRole {
			q.Privilege = "usage"
			usage, _ := x.Can(q)
			q.Privilege = "member"
			if member, _ := x.Can(q); usage && !member {
				t.Fatal("usage without membership")
			}
			return
		}
		q.Effective = true
		used, err1 := x.Can(q)
		q.Effective = false
		held, err2 := x.Can(q)
		if err1 == nil && err2 == nil && used && !held {
			t.Fatalf("%+v is used and not held", q)
		}
	})
}

// TestUnknownVersion: without a version the answer is one that every version
// gives, or Unknown.
func TestUnknownVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, q := drawState(t), drawQuestion(t)
		s.Version = 0
		got := compiled(t, s).Decide(q)
		answers := map[access.Outcome]bool{}
		for _, v := range []int{15, 16} {
			s.Version = v
			answers[compiled(t, s).Decide(q).Outcome] = true
		}
		if want := len(answers) == 1; want != answers[got.Outcome] && got.Outcome != access.Unknown || want && !answers[got.Outcome] {
			t.Fatalf("%+v: %v, the versions say %v", q, got.Outcome, answers)
		}
	})
}

// TestUnknownsAreSaid: what the state does not hold is Unknown, never a no.
func TestUnknownsAreSaid(t *testing.T) {
	s := pgacl.State{Version: 17, Roles: []pgacl.Role{{Name: "a"}, {Name: "b"}}, Objects: []pgacl.Object{
		{Kind: pgacl.Table, Database: "db", Schema: "s", Name: "part", Owner: "b", ACL: []string{"a=r/b"}, Partial: true},
		{Kind: pgacl.Table, Database: "db", Schema: "s", Name: "odd", Owner: "b", ACL: []string{"a=?/b"}},
		{Kind: pgacl.Table, Database: "db", Schema: "s", Name: "orphan"},
		{Kind: pgacl.Table, Database: "db", Schema: "s2", Name: "part", Owner: "b"},
		{Kind: pgacl.Function, Database: "db", Schema: "s", Name: "f", Args: "x integer", Owner: "b"},
		{Kind: pgacl.Function, Database: "db", Schema: "s", Name: "f", Args: "x text", Owner: "b"},
	}}
	x := compiled(t, s)
	for _, c := range []struct {
		q    pgacl.Question
		want access.Outcome
	}{
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s.part", Privilege: "select"}, access.Allowed},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s.part", Privilege: "insert"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s.odd", Privilege: "select"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s.orphan", Privilege: "select"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "part", Privilege: "select"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "orphan", Privilege: "select"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s.absent", Privilege: "select"}, access.Unknown},
		{pgacl.Question{Role: "absent", Kind: pgacl.Table, Object: "s.part", Privilege: "select"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s2.part", Privilege: "select"}, access.ImplicitlyDenied},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s2.part", Privilege: "select", Effective: true}, access.ImplicitlyDenied},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s.part", Privilege: "select", Effective: true}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s2.part", Privilege: "rule"}, access.ImplicitlyDenied},
		{pgacl.Question{Role: "a", Kind: pgacl.Table, Object: "s2.part", Privilege: "fly"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Function, Object: "s.f", Privilege: "execute"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Function, Object: "s.f(int4)", Privilege: "execute"}, access.Allowed},
		{pgacl.Question{Role: "a", Kind: pgacl.Function, Object: "S.F( TEXT )", Privilege: "execute"}, access.Allowed},
		{pgacl.Question{Role: "a", Kind: pgacl.Function, Object: "s.f(bool)", Privilege: "execute"}, access.Unknown},
		{pgacl.Question{Role: "a", Kind: pgacl.Parameter, Object: "work_mem", Privilege: "set"}, access.Unknown},
	} {
		if d := x.Decide(c.q); d.Outcome != c.want || len(d.Because) == 0 {
			t.Errorf("%+v: %+v, want %s", c.q, d, c.want)
		}
	}
}

// TestHostileStates: chains, circles and long lists of roles end soon.
func TestHostileStates(t *testing.T) {
	start := time.Now()
	s := pgacl.State{Version: 18}
	const n = 30_000
	name := func(i int) string { return fmt.Sprint("r", i%n) }
	acl := make([]string, 0, n)
	for i := range n {
		s.Roles = append(s.Roles, pgacl.Role{Name: name(i), Inherit: true})
		s.Memberships = append(s.Memberships, pgacl.Membership{Role: name(i + 1), Member: name(i)})
		acl = append(acl, name(i)+"=w/r0")
	}
	s.Objects = []pgacl.Object{{Kind: pgacl.Table, Database: "db", Schema: "s", Name: "t", Owner: "x", ACL: append(acl, "other=r/r0")}}
	x := compiled(t, s)
	for i := range 50 {
		if ok, err := x.Can(pgacl.Question{Role: name(i * 7), Kind: pgacl.Table, Object: "s.t", Privilege: "select"}); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	d := x.Decide(pgacl.Question{Role: "r1", Kind: pgacl.KindRole, Object: "r0", Privilege: "member"})
	if d.Outcome != access.Allowed || len(d.Because[0].Text) > 1000 {
		t.Errorf("%s, %d bytes", d.Outcome, len(d.Because[0].Text))
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}

func FuzzParseItem(f *testing.F) {
	for _, s := range []string{"=r/postgres", `"a b"=a*r*w/"x""y"`, "user x=arwdDxtXUCTcsAm/y", "x=", `"`, "a=r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		it, err := pgacl.ParseItem(text)
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) || len(err.Error()) > 1000 {
				t.Fatal(err)
			}
			return
		}
		again, err := pgacl.ParseItem(it.String())
		if err != nil && len(it.String()) < 4096 || err == nil && again != it && !strings.HasPrefix(it.Grantee, "user ") && !strings.HasPrefix(it.Grantee, "group ") {
			t.Fatalf("%q: %q: %v", text, it.String(), err)
		}
	})
}

func FuzzQuestion(f *testing.F) {
	f.Add([]byte(`{"role":"a","kind":"table","object":"s.t","privilege":"SELECT","allowed":true}`))
	f.Add([]byte(`{"role":"a","kind":"column","object":"s.t.\"c\"","privilege":"select with grant option"}`))
	f.Add([]byte(`{"role":"a","kind":"function","object":"s.f(int, \"q\"[], numeric(3,2))","privilege":"execute"}`))
	f.Add([]byte(`{"role":"a","kind":"role","object":"b","privilege":"set","effective":true}`))
	x, err := pgacl.New(pgacl.State{Version: 18, Roles: []pgacl.Role{{Name: "a"}, {Name: "b"}}, Objects: []pgacl.Object{
		{Kind: pgacl.Table, Database: "d", Schema: "s", Name: "t", Owner: "b"}, {Kind: pgacl.Function, Database: "d", Schema: "s", Name: "f", Args: `x integer, "y z" text[]`, Owner: "b"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		q, err := pgacl.ParseCase(line)
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		d := x.Decide(q)
		ok, err := x.Can(q)
		if ok != (d.Outcome == access.Allowed) || (err != nil) != (d.Outcome == access.Unknown) || len(d.Because) == 0 {
			t.Fatalf("%v %v and %+v", ok, err, d)
		}
	})
}

func BenchmarkCan(b *testing.B) {
	x, cases := sampleIndex(b, "1"), sampleCases(b, "1")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := x.Can(cases[i%len(cases)].Question); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	x, cases := sampleIndex(b, "1"), sampleCases(b, "1")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x.Decide(cases[i%len(cases)].Question)
	}
}

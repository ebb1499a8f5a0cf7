package postgres

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// evaluator answers has_*_privilege from facts and nothing else, in the
// simplest way that can be right for version 15: it shows that the facts say
// enough.
type evaluator struct {
	roles   map[string]roleDoc
	groups  map[string][]string // of a member
	objects map[string]objectDoc
}

func newEvaluator(t *testing.T, r *connectortest.Result) *evaluator {
	e := &evaluator{map[string]roleDoc{}, map[string][]string{}, map[string]objectDoc{}}
	for _, m := range connectortest.All[retinue.Membership](r) {
		e.groups[m.Member.Key] = append(e.groups[m.Member.Key], m.Group.Key)
	}
	for _, p := range connectortest.All[retinue.Policy](r) {
		var err error
		switch p.Ref.Kind {
		case "role_attributes":
			var d roleDoc
			err = json.Unmarshal([]byte(p.Document), &d)
			e.roles[d.Name] = d
		case "acl":
			var d objectDoc
			err = json.Unmarshal([]byte(p.Document), &d)
			_, key, _ := strings.Cut(p.Ref.Key, ":")
			key, _, _ = strings.Cut(key, "(")
			e.objects[group(d.Kind)+" "+key] = d
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// reach returns the roles that a role is a member of, itself included; with
// inherit only those whose privileges it has without SET ROLE.
func (e *evaluator) reach(role string, inherit bool) map[string]bool {
	out := map[string]bool{role: true}
	for todo := []string{role}; len(todo) > 0; {
		r := todo[0]
		todo = todo[1:]
		if inherit && !e.roles[r].Inherit {
			continue
		}
		for _, g := range e.groups[r] {
			if !out[g] {
				out[g] = true
				todo = append(todo, g)
			}
		}
	}
	return out
}

func (e *evaluator) allowed(t *testing.T, db, role, kind, object, privilege string) bool {
	if kind == "role" {
		return e.roles[role].Superuser || e.reach(role, privilege == "USAGE")[object]
	}
	if e.roles[role].Superuser {
		return true
	}
	privilege, grantable := strings.CutSuffix(privilege, " WITH GRANT OPTION")
	letter := privilegeLetter(strings.ToLower(privilege))
	held := e.reach(role, true)
	object, _, _ = strings.Cut(object, "(")
	key, col := map[string]string{"table": "relation ", "sequence": "relation ", "column": "relation ", "function": "routine ",
		"schema": "schema ", "database": "database "}[kind], ""
	if kind == "column" {
		i := strings.LastIndexByte(object, '.')
		object, col = object[:i], object[i+1:]
	}
	if kind == "database" {
		key += object
	} else {
		key += db + "." + object
	}
	d, ok := e.objects[key]
	if !ok {
		t.Fatalf("no document of %q", key)
	}
	// Whoever owns the database has the privileges of pg_database_owner.
	if held[e.objects["database "+db].Owner] {
		held["pg_database_owner"] = true
	}
	if grantable && held[d.Owner] || !grantable && e.predefined(held, d.Kind, letter) {
		return true
	}
	acl := d.ACL
	if acl == nil {
		acl = itemStrings(builtinACL(d.Kind, d.Owner, 15))
	}
	for _, c := range d.Columns {
		if c.Name == col {
			acl = append(append([]string{}, acl...), c.ACL...)
		}
	}
	for _, s := range acl {
		it, err := parseACLItem(s)
		if err != nil {
			t.Fatal(err)
		}
		letters := it.privs
		if grantable {
			letters = it.options
		}
		if (it.grantee == "" || held[it.grantee]) && strings.Contains(letters, letter) {
			return true
		}
	}
	return false
}

func (e *evaluator) predefined(held map[string]bool, kind, letter string) bool {
	switch group(kind) {
	case "relation":
		return held["pg_read_all_data"] && letter == "r" || held["pg_write_all_data"] && strings.Contains("awd", letter)
	case "schema":
		return (held["pg_read_all_data"] || held["pg_write_all_data"]) && letter == "U"
	}
	return false
}

// TestFactsSuffice answers the sample's questions, whose answers a server gave,
// from the facts of the catalog file and from those of dumps.
func TestFactsSuffice(t *testing.T) {
	for _, seed := range []string{"1", "2"} {
		db := "db" + seed
		s, _ := sampleServer(t, testkit.PostgresConfig{}, seed)
		for name, target := range map[string]string{
			"catalog": testkit.Data(t, "access", "postgres", "seed"+seed+"-catalog.json"),
			"dumps":   dumpServer(t, s, db),
		} {
			e := newEvaluator(t, connectortest.Discover(t, openTarget(t, connectortest.Env(t), target, nil)))
			asked, wrong := 0, 0
			cases, err := os.Open(testkit.Data(t, "access", "postgres", "seed"+seed+"-cases.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer cases.Close()
			for lines := bufio.NewScanner(cases); lines.Scan(); asked++ {
				var c struct {
					Role, Kind, Object, Privilege string
					Allowed                       bool
				}
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
					t.Fatal(err)
				}
				if got := e.allowed(t, db, c.Role, c.Kind, c.Object, c.Privilege); got != c.Allowed {
					if wrong++; wrong < 5 {
						t.Errorf("seed %s, %s: %+v: %v", seed, name, c, got)
					}
				}
			}
			if asked != 1500 || wrong > 0 {
				t.Errorf("seed %s, %s: %d of %d answers are wrong", seed, name, wrong, asked)
			}
		}
	}
}

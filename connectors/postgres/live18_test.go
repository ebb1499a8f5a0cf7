//go:build live

package postgres

import (
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestVersion18Live reads a server of version 18, which has membership options and
// the privilege MAINTAIN.
func TestVersion18Live(t *testing.T) {
	s := testkit.Postgres18(t)
	execSQL(t, s.URL(), "create database db1")
	dsn := s.DatabaseURL("db1")
	execSQL(t, dsn, extraSQL(), `
create role boss nosuperuser createrole;
grant s_group to boss with inherit false, set true, admin true;
grant maintain on app.doc to replica;
grant pg_maintain to replica with set false;`)
	live := compareCatalog(t, dsn)
	m := connectortest.Select(live, func(m retinue.Membership) bool { return m.Member.Key == "boss" })
	if len(m) != 1 || m[0].Options["inherit"] != false || m[0].Options["set"] != true || m[0].Options["admin"] != true {
		t.Errorf("membership of boss: %+v", m)
	}
	p := connectortest.Get[retinue.Policy](t, live, "acl", "table:db1.app.doc")
	t.Log(p.Document)
}

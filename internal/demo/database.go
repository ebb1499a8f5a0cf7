package demo

import (
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

func unavailable(text string) error { return fmt.Errorf("%w: %s", retinue.ErrUnavailable, text) }

func denied(text string) error { return fmt.Errorf("%w: %s", retinue.ErrDenied, text) }

func (c *Company) databases() {
	c.database("pg-booking", "booking.db."+Domain, "7311000000000000001", retinue.EnvironmentProduction, []int{0, 1, 3, 4, 5, 6})
	c.database("pg-warehouse", "warehouse.db."+Domain, "7311000000000000002", retinue.EnvironmentProduction, []int{14, 15, 16, 17, 18, 19})
	c.database("pg-tracking", "tracking.db."+Domain, "7311000000000000003", retinue.EnvironmentProduction, []int{7, 8, 9, 10, 11})
}

// database is a PostgreSQL server with the roles of some applications.
func (c *Company) database(name, host, system string, env retinue.Environment, apps []int) {
	e := c.estate("postgres", name, "postgres://"+host+"/postgres", retinue.NewRealm("postgres", system), host)
	e.principal = "retinue"
	server := e.ref("server", host)
	e.always("server", retinue.Container{Ref: server, Name: host, Kind: retinue.ContainerServer, Environment: env})
	for _, n := range []string{"postgres", "pg_monitor", "pg_read_all_data", "pg_signal_backend"} {
		e.always("roles/system", retinue.Identity{Ref: e.ref("role", n), Name: n, Kind: retinue.IdentityRole, Subtype: "role",
			Class: retinue.ClassNonHuman, ClassReason: "the server makes it itself", State: retinue.StateActive, Container: server,
			Managed: retinue.ManagedByProvider})
	}
	for _, i := range apps {
		x := c.apps[i]
		id := strings.ReplaceAll(x.id, "-", "_")
		for j, suffix := range []string{"_owner", "_app", "_readonly", "_migrate", "_batch"} {
			c.databaseRole(e, server, id+suffix, x, j, env)
		}
	}
	for _, n := range []string{"metabase", "datasync", "replicator", "backup", "legacy_import", "consultant_2024"} {
		c.databaseRole(e, server, n, c.apps[16], 5, env)
	}
	for i := range 5 {
		c.databasePerson(e, server, c.people[20+i*9])
	}
}

func (c *Company) databaseRole(e *estate, server retinue.Ref, name string, x app, kind int, env retinue.Environment) {
	ref := e.ref("role", name)
	born := c.born()
	life := c.life(born)
	login := kind != 0
	id := retinue.Identity{Ref: ref, Name: name, Kind: retinue.IdentityUser, Subtype: "role", Class: retinue.ClassNonHuman,
		ClassReason: "its name follows the pattern of an application's roles", State: retinue.StateActive, Container: server,
		Environment: env, Attrs: retinue.Attrs{"login": login}}
	if !login {
		id.Kind = retinue.IdentityRole
	}
	if strings.HasPrefix(name, "consultant") {
		id.Temporary, id.ExpiresAt = true, c.ago(40)
	}
	e.during("roles", life.from, life.to, id)
	doc := fmt.Sprintf(`{"kind":"role","name":%q,"login":%t,"superuser":%t,"createRole":%t,"replication":%t}`, name, login,
		name == "legacy_import" || kind == 3 && c.chance(15), kind == 3 && c.chance(20), name == "replicator" || name == "backup")
	pol := retinue.Policy{Ref: e.ref("role_attributes", name), Name: "attributes of role " + name, Language: retinue.LanguagePostgreSQL, Document: doc, Container: server}
	e.during("roles", life.from, life.to, pol, retinue.Attachment{Policy: pol.Ref, Target: ref, Role: retinue.AttachIdentity})
	if kind < 5 {
		c.owned(e, "roles", life, ref, x, "comment")
	}
	if !login {
		return
	}
	sub := "scram-sha-256"
	if c.chance(12) {
		sub = "md5"
	}
	pw := e.ref("password", name)
	e.during("roles", life.from, life.to, retinue.Credential{Ref: pw, Name: "password of " + name, Kind: retinue.CredentialPassword, Subtype: sub,
		Identity: ref, State: retinue.CredentialActive, RotatedAt: born})
	use := c.use(born, "connected", kind)
	if kind == 1 && c.chance(15) {
		use.consumer = "10.20.4.17 DBeaver 24"
	}
	e.used("activity", life, ref, use)
	place := retinue.Place{Kind: retinue.PlaceVault, Realm: e.realm, Path: "kv/databases/" + server.Key + "/" + name}
	if c.chance(70) {
		e.during("roles", life.from, life.to, retinue.Placement{Credential: pw, Place: place, Confidence: retinue.ConfidenceCertain, Detector: "sample", Reference: true})
	}
}

// databasePerson is a person's own login.
func (c *Company) databasePerson(e *estate, server retinue.Ref, p person) {
	name := strings.ReplaceAll(strings.TrimSuffix(p.email, "@"+Domain), ".", "_")
	ref := e.ref("role", name)
	e.always("roles", retinue.Identity{Ref: ref, Name: name, Kind: retinue.IdentityUser, Subtype: "role", Class: retinue.ClassPerson,
		ClassReason: "its name is that of a person in the directory", State: retinue.StateActive, Container: server, Attrs: retinue.Attrs{"login": true}})
	e.used("activity", span{}, ref, rhythm{meaning: "connected", start: c.ago(300), every: 30 * time.Hour, consumer: "10.20.9.3 psql"})
}

package postgres

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// bootstrapOID is the oid of the superuser that initdb makes
// (BOOTSTRAP_SUPERUSERID in pg_authid.dat).
const bootstrapOID = 10

// predefined reports the roles that the server brings along: it reserves names
// that begin with pg_ (manual, CREATE ROLE).
func predefined(name string) bool { return strings.HasPrefix(name, "pg_") }

// bootstrap reports the superuser that initdb made. A dump does not say which
// one it is; the usual name decides there.
func bootstrap(r role) bool {
	return r.OID == bootstrapOID || r.OID == 0 && r.Name == "postgres" && r.Super
}

// softwareWords are parts of a role name that people give to programs' roles.
func softwareWords() []string {
	return []string{"svc", "service", "app", "api", "bot", "job", "jobs", "worker", "cron", "batch", "etl", "backup",
		"exporter", "monitor", "monitoring", "metrics", "replicator", "replication", "repl", "migrator", "migration",
		"migrations", "pgbouncer", "bouncer", "datadog", "prometheus", "grafana", "ci", "deploy", "deployer",
		"pipeline", "agent", "sync", "daemon", "system", "rdsadmin", "cloudsqladmin"}
}

// classify says whether a role is a person, and why. A login whose name says
// nothing stays unclear: the server does not know who types the password.
func classify(r role) (retinue.Class, string) {
	switch {
	case predefined(r.Name):
		return retinue.ClassNonHuman, "predefined role of the server"
	case bootstrap(r):
		return retinue.ClassNonHuman, "superuser that the server was initialised with"
	case !r.Login:
		return retinue.ClassNonHuman, "cannot log in: a set of privileges that others hold"
	case r.Replication && !r.Super:
		return retinue.ClassNonHuman, "may stream replication, which standbys and backup programs do"
	case strings.HasSuffix(r.Name, ".iam"):
		return retinue.ClassNonHuman, "named after a cloud service account"
	case strings.Contains(r.Name, "@"):
		return retinue.ClassPerson, "named after an e-mail address"
	}
	parts := strings.FieldsFunc(strings.ToLower(r.Name), func(c rune) bool {
		return !(c >= 'a' && c <= 'z')
	})
	words := softwareWords()
	for _, p := range parts {
		if slices.Contains(words, p) {
			return retinue.ClassNonHuman, "the name's part " + `"` + p + `"` + " is usual for software"
		}
	}
	return retinue.ClassUnclear, "a role that can log in, whose name does not say whether a person or a program does"
}

func identityKind(r role) retinue.IdentityKind {
	if r.Login {
		return retinue.IdentityUser
	}
	return retinue.IdentityRole
}

package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// realmOf returns the realm of a system identifier.
func realmOf(identifier string) retinue.Realm {
	return retinue.NewRealm(Kind, retinue.CleanName(identifier))
}

// fallbackRealm names a server whose identifier is not known, from what the
// source itself says: the databases it names and the bytewise first role that
// is neither predefined nor called postgres. Equal input gives an equal realm,
// and most changes to a server leave it as it is; but two servers made alike,
// such as production and its staging copy, cannot be told apart, which is why
// the fallback always comes with a warning.
func fallbackRealm(databases, roles []string) retinue.Realm {
	first := ""
	for _, r := range roles {
		if !predefined(r) && r != "postgres" && (first == "" || r < first) {
			first = r
		}
	}
	names := slices.Compact(slices.Sorted(slices.Values(databases)))
	sum := sha256.Sum256([]byte(strings.Join(append(names, "", first), "\x00")))
	return retinue.NewRealm(Kind, "unidentified-"+hex.EncodeToString(sum[:8]))
}

const fallbackWarning = "the source does not hold the server's system identifier: a realm was made of the names of its " +
	"databases and its first role, so a live scan of this server counts apart from it, and a server made alike counts as " +
	"the same one. Give system-identifier=N, which `select system_identifier from pg_control_system()` prints"

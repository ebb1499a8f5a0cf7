package pgacl

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// inventory is what is known of a server beside its catalogs' privileges.
type inventory struct {
	// passwords are the roles' own.
	passwords map[string]password
	// stored are credentials for other systems that the server keeps.
	stored []stored
}

type password struct {
	ref    retinue.Ref
	method string
}

// stored is a credential in a user mapping or a subscription.
type stored struct {
	ref retinue.Ref
	// database, server and role are those of a user mapping; a subscription has
	// none.
	database, server, role string
}

func newInventory() inventory {
	return inventory{passwords: map[string]password{}}
}

func (v *inventory) credential(c retinue.Credential) {
	if c.Ref.Kind == "password" && c.State != retinue.CredentialExpired {
		v.passwords[c.Ref.Key] = password{ref: c.Ref, method: c.Subtype}
	}
}

// placement takes where a credential for another system is stored.
func (v *inventory) placement(p retinue.Placement) {
	s := stored{ref: p.Credential}
	if key, ok := strings.CutPrefix(p.Place.Path, "user_mapping/"); ok {
		db, _, ok1 := identifiers(p.Place.Container.Key)
		parts, rest, ok2 := identifiers(key)
		if !ok1 || !ok2 || rest != "" || len(db) != 1 || len(parts) != 2 {
			return
		}
		s.database, s.server, s.role = db[0], parts[0], parts[1]
	}
	v.stored = append(v.stored, s)
}

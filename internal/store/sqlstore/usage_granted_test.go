package sqlstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestGrantChanges: what changes of the policies, attachments and groups of an
// identity is told with its time, also through groups of groups and where it went
// and came back, and what is another's is not.
func TestGrantChanges(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ref := func(kind, key string) retinue.Ref { return retinue.NewRef(realm, kind, key) }
		policy := func(name, text string) retinue.Fact {
			return retinue.Policy{Ref: ref("policy", name), Name: name, Language: retinue.LanguageOther, Document: text}
		}
		attach := func(p string, to retinue.Ref) retinue.Fact {
			return retinue.Attachment{Policy: ref("policy", p), Target: to, Role: retinue.AttachIdentity}
		}
		a, b := identity("a"), identity("b")
		in := func(group string, member retinue.Ref) retinue.Fact {
			return retinue.Membership{Group: ref("group", group), Member: member}
		}
		first := []retinue.Fact{a, b, policy("own", "1"), attach("own", a.Ref), policy("theirs", "1"), attach("theirs", b.Ref), in("inner", a.Ref), in("outer", ref("group", "inner")), policy("far", "1"), attach("far", ref("group", "outer"))}
		w.scan("s", iam(day(0), first...))
		set := func(n int, change func([]retinue.Fact) []retinue.Fact) {
			first = change(slices.Clone(first))
			w.scan("s", iam(day(n), first...))
		}
		set(1, func(f []retinue.Fact) []retinue.Fact { f[4] = policy("theirs", "2"); return f }) // another's
		set(2, func(f []retinue.Fact) []retinue.Fact { f[2] = policy("own", "2"); return f })
		set(3, func(f []retinue.Fact) []retinue.Fact { f[8] = policy("far", "2"); return f })
		set(4, func(f []retinue.Fact) []retinue.Fact {
			return append(f, retinue.Grant{Subject: a.Ref, Privileges: []string{"read"}, ResourceName: "x"})
		})
		set(5, func(f []retinue.Fact) []retinue.Fact { return slices.Delete(f, 3, 4) }) // its attachment goes
		set(6, func(f []retinue.Fact) []retinue.Fact { return append(f, attach("own", a.Ref)) })
		key := w.keyOf("a")
		changes := func(after time.Time, wide bool) (out []string) {
			w.view(store.Everything(), func(tx *sqlstore.Tx) error {
				list, err := tx.GrantChanges(key, after, wide)
				for _, at := range list {
					out = append(out, fmt.Sprint(int(at.Sub(day(0)).Hours()/24)))
				}
				return err
			})
			return out
		}
		w.want("changes", fmt.Sprint(changes(day(0), false)), "[2 3 4 6]")
		w.want("changes later", fmt.Sprint(changes(day(3), false)), "[4 6]")
		w.want("of all policies", fmt.Sprint(changes(day(0), true)), "[1 2 3 4 6]")
		w.view(store.Everything(), func(tx *sqlstore.Tx) error {
			at, err := tx.GrantsKnownFrom(realm)
			w.want("known from", at.Equal(day(0)), true)
			if err == nil {
				at, err = tx.GrantsKnownFrom("test:none")
				w.want("of nothing", at.IsZero(), true)
			}
			return err
		})
	})
}

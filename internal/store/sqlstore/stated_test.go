package sqlstore_test

import (
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
	"github.com/retinue-id/retinue/internal/testkit/awsestate"
)

// TestStatedFactsAreThoseInForce reads the facts of a kind of realm in bulk,
// where they are most of all and where they are few.
func TestStatedFactsAreThoseInForce(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		made, err := awsestate.Make(t.Context(), w.DB, awsestate.Size{Identities: 300, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		w.scan("other", iam(day(1), identity("x"), identity("y")))
		w.scan("other", iam(day(2), identity("x"))) // y has ended
		read := func(kind string) (n map[retinue.FactType]int, documents int) {
			n = map[retinue.FactType]int{}
			err := w.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
				texts := map[string]bool{}
				if err := tx.Documents(retinue.LanguageAWSIAM, func(hash, text []byte) error {
					texts[string(hash)] = len(text) > 0
					return nil
				}); err != nil {
					return err
				}
				documents = len(texts)
				return tx.Stated(kind, []retinue.FactType{retinue.FactIdentity, retinue.FactPolicy, retinue.FactAttachment}, func(f *sqlstore.Stated) error {
					n[f.Type]++
					if _, err := retinue.DecodeFact(f.Type, f.Body); err != nil || f.Realm.Kind() != kind || f.Since == 0 || f.Authority == 0 {
						t.Errorf("%+v: %v", f, err)
					}
					if (f.Type == retinue.FactPolicy) != texts[string(f.Document)] {
						t.Errorf("%s has document %x", f.Body, f.Document)
					}
					return nil
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			return n, documents
		}
		n, documents := read("aws")
		w.want("identities", n[retinue.FactIdentity], made.Identities)
		w.want("policies", n[retinue.FactPolicy], made.Policies)
		w.want("attachments", n[retinue.FactAttachment], made.Attachments)
		w.want("documents", documents, made.Documents)
		if kind := realm.Kind(); kind != "aws" {
			n, _ = read(kind)
			w.want("of a few", n[retinue.FactIdentity], 1)
		}
		n, _ = read("none")
		w.want("of none", len(n), 0)
	})
}

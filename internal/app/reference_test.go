package app

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// referenceFile is a file of reference data with one service and one policy.
func referenceFile(t *testing.T, date string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"about.json":     fmt.Sprintf(`{"format":1,"date":%q,"sources":[{"name":"made","version":"1","licence":"MIT","notice":"none"}]}`, date),
		"services.jsonl": `{"p":"moon","n":"Moon","a":[{"n":"Shine","l":"W"}]}` + "\n",
		"policies.tsv":   "arn:aws:iam::aws:policy/Moon\tv1\t2030-01-01\t" + `{"Version":"2012-10-17","Statement":[]}` + "\n",
	} {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReferenceData brings in newer reference data, refuses older and broken,
// goes back, and finds each change on record.
func TestReferenceData(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		is, err := w.Reference(t.Context())
		if err != nil || is.Services < 400 || !is.Date.Equal(is.Embedded) || !is.BroughtIn.IsZero() {
			t.Fatalf("reference %+v, error %v: want the copy in the program", is, err)
		}
		if _, err := w.ResetReference(t.Context()); !errors.Is(err, retinue.ErrNotFound) {
			t.Errorf("nothing to go back from: error %v: want ErrNotFound", err)
		}
		newer := referenceFile(t, "2031-05-06")
		is, err = w.UpdateReference(t.Context(), bytes.NewReader(newer))
		if err != nil || is.Date.Format(time.DateOnly) != "2031-05-06" || is.Services != 1 || is.BroughtIn.IsZero() {
			t.Fatalf("reference %+v, error %v: want what was brought in", is, err)
		}
		d, err := w.AWSReference(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := d.Action("moon:Shine"); !ok {
			t.Error("the action of the file is not known")
		}
		for name, c := range map[string]struct {
			body []byte
			want error
		}{
			"the same again": {newer, retinue.ErrConflict}, "older": {referenceFile(t, "2020-01-01"), retinue.ErrConflict},
			"cut short": {newer[:len(newer)/2], retinue.ErrInvalid}, "no archive": {[]byte("hello"), retinue.ErrInvalid},
		} {
			if _, err := w.UpdateReference(t.Context(), bytes.NewReader(c.body)); !errors.Is(err, c.want) {
				t.Errorf("%s: error %v: want %v", name, err, c.want)
			}
		}
		if is, err = w.ResetReference(t.Context()); err != nil || is.Services < 400 {
			t.Errorf("reference %+v, error %v: want the copy in the program again", is, err)
		}
		var actions []string
		err = w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error {
			for r, err := range tx.Records(1) {
				if err != nil {
					return err
				}
				if strings.HasPrefix(string(r.Action), "reference.") {
					actions = append(actions, string(r.Action))
				}
			}
			return nil
		})
		if want := []string{"reference.updated", "reference.reset"}; err != nil || !slices.Equal(actions, want) {
			t.Errorf("recorded %v, error %v: want %v", actions, err, want)
		}
	})
}

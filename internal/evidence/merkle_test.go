package evidence

import (
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/retinue-id/retinue"
)

func change(i int64) VersionChange {
	return VersionChange{FactType: retinue.FactIdentity, RefHash: fmt.Sprintf("%040x", i),
		Change: ChangeAdded, ContentHash: fmt.Sprintf("%064x", i)}
}

func changes(n int64) iter.Seq2[VersionChange, error] {
	return func(yield func(VersionChange, error) bool) {
		for i := range n {
			if !yield(change(i), nil) {
				return
			}
		}
	}
}

// The reference: x/mod's own tree over all hashes in memory.
func reference(t *testing.T, n int64) (string, tlog.HashReader) {
	t.Helper()
	var all []tlog.Hash
	read := tlog.HashReaderFunc(func(idx []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(idx))
		for i, x := range idx {
			out[i] = all[x]
		}
		return out, nil
	})
	for i := range n {
		hs, err := tlog.StoredHashes(i, change(i).Leaf(), read)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, hs...)
	}
	root, err := tlog.TreeHash(n, read)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(root[:]), read
}

func TestScopeRootIsThatOfRFC6962(t *testing.T) {
	for n := int64(1); n < 70; n++ {
		want, read := reference(t, n)
		got, size, err := ScopeRoot(changes(n))
		if err != nil || size != n || got != want {
			t.Fatalf("%d changes: root %s, size %d, %v; want %s", n, got, size, err, want)
		}
		for i := range n {
			p, err := Prove(changes(n), i, n)
			if err != nil {
				t.Fatal(err)
			}
			ref, _ := tlog.ProveRecord(n, i, read)
			if fmt.Sprint(p) != fmt.Sprint(ref) {
				t.Fatalf("proof of %d in %d: %v, want %v", i, n, p, ref)
			}
			if err := CheckProof(p, got, n, i, change(i)); err != nil {
				t.Fatal(err)
			}
			if CheckProof(p, got, n, i, change(i+1)) == nil {
				t.Fatalf("proof of %d in %d holds for another change", i, n)
			}
		}
	}
	empty, _, _ := ScopeRoot(changes(0))
	if want := "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"; empty != want {
		t.Errorf("root of nothing is %s, want the SHA-256 of nothing", empty)
	}
}

func TestLeafIsTheDocumentedEncoding(t *testing.T) {
	c := VersionChange{FactType: "identity", RefHash: "a,b", Change: ChangeEnded, ContentHash: "ff"}
	if got, want := string(c.Leaf()), "25:retinue.version-change.v1,8:identity,3:a,b,5:ended,2:ff,"; got != want {
		t.Errorf("leaf %s, want %s", got, want)
	}
}

func TestScopeRootPassesErrorsOn(t *testing.T) {
	boom := errors.New("boom")
	seq := func(yield func(VersionChange, error) bool) {
		_ = yield(change(0), nil) && yield(VersionChange{}, boom)
	}
	if _, _, err := ScopeRoot(seq); !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	if _, err := Prove(seq, 0, 2); !errors.Is(err, boom) {
		t.Errorf("error %v, want %v", err, boom)
	}
	if _, err := Prove(changes(2), 0, 3); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a proof over changes that did not come: %v", err)
	}
}

func TestTreeMemoryIsLogarithmic(t *testing.T) {
	var tree Tree
	for i := range int64(1 << 16) {
		tree.Add([]byte{byte(i), byte(i >> 8)})
		if len(tree.stack) > 17 {
			t.Fatalf("%d hashes are kept after %d leaves", len(tree.stack), i+1)
		}
	}
}

func TestCommitment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field, value := rapid.String().Draw(t, "field"), rapid.String().Draw(t, "value")
		p := Commit(field, value)
		if err := p.Commitment.Verify(p); err != nil {
			t.Fatal(err)
		}
		if Commit(field, value).Commitment == p.Commitment {
			t.Fatal("two commitments to one value are equal")
		}
		for _, q := range []Payload{
			{Field: field + "x", Salt: p.Salt, Value: value}, {Field: field, Salt: p.Salt, Value: value + "x"},
			{Field: field, Salt: Commit("", "").Salt, Value: value}, {Field: field, Value: value},
		} {
			if p.Commitment.Verify(q) == nil {
				t.Fatalf("the commitment holds for %+v", q)
			}
		}
	})
	if Commitment("commit:sha256:x").Validate() == nil {
		t.Error("a malformed commitment is valid")
	}
}

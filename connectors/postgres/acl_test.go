package postgres

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

func TestParseACLItem(t *testing.T) {
	for _, c := range []struct {
		in   string
		want aclItem
		out  string // empty: as in
	}{
		{"=r/postgres", aclItem{"", "postgres", "r", ""}, ""},
		{"app=arwdDxt/postgres", aclItem{"app", "postgres", "arwdDxt", ""}, ""},
		{"app=r*w*/own", aclItem{"app", "own", "rw", "rw"}, ""},
		{"app=wr*/own", aclItem{"app", "own", "rw", "r"}, "app=r*w/own"},
		{`"a b"=U/"x""y"`, aclItem{"a b", `x"y`, "U", ""}, ""},
		{`"a=b/c"=sA/postgres`, aclItem{"a=b/c", "postgres", "sA", ""}, ""},
		{"größe=r/p", aclItem{"größe", "p", "r", ""}, `"größe"=r/p`},
		{"group g=r/p", aclItem{"g", "p", "r", ""}, "g=r/p"},
		{"a=/b", aclItem{"a", "b", "", ""}, ""},
	} {
		got, err := parseACLItem(c.in)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.in, got, err, c.want)
		}
		if want := max(c.out, c.in); c.out == "" && got.String() != want || c.out != "" && got.String() != c.out {
			t.Errorf("%s: written %s", c.in, got.String())
		}
	}
	for _, in := range []string{"", "app", "app=*/x", "app=r**/x", "app=Q/x", `"app=r/x`, "app=r/x=y", strings.Repeat("a", maxACL) + "=r/x"} {
		if _, err := parseACLItem(in); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%.40q: %v, want invalid", in, err)
		}
	}
}

func TestCanonicalACL(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		version    int
		in         aclRow
		want       []string
	}{
		{"null", "table", 15, aclRow{}, nil},
		{"default of 15", "table", 15, aclOf("own=arwdDxt/own"), nil},
		{"default of 15 on 17 lacks maintain", "table", 17, aclOf("own=arwdDxt/own"), []string{"own=arwdDxt/own"}},
		{"default of 17", "table", 17, aclOf("own=arwdDxtm/own"), nil},
		{"nobody", "table", 15, aclOf(), []string{}},
		{"function", "function", 15, aclOf("own=X/own", "=X/own"), nil},
		{"function without public", "function", 15, aclOf("own=X/own"), []string{"own=X/own"}},
		{"database", "database", 15, aclOf("=Tc/own", "own=CTc/own"), nil},
		{"split entries", "schema", 15, aclOf("z=U/own", "a=U/own", "z=C/own"), []string{"a=U/own", "z=UC/own"}},
	} {
		if got := canonicalACL(c.in, c.kind, "own", c.version); !slices.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzACLItem(f *testing.F) {
	for _, s := range []string{"=r/postgres", `"a b"=U*/"x""y"`, "app=arwdDxtm/own", `"`, "=", "a=*/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		it, err := parseACLItem(s)
		if err != nil {
			return
		}
		again, err := parseACLItem(it.String())
		if err != nil || again != it {
			t.Errorf("%q: %+v is written %q and read back %+v, %v", s, it, it.String(), again, err)
		}
	})
}

package secrets

import (
	"slices"
	"testing"
)

func FuzzScan(f *testing.F) {
	s, d := floor(f), gitleaks(f)
	all := scanner(f)
	f.Add("a.tf", "key = \"abc\"")
	f.Add("", "-----BEGIN PRIVATE KEY-----\n\\n-----END PRIVATE KEY-----")
	f.Add("x.yaml", "kind: Secret\ndata:\n  a: YWJjZGVmZ2hpamts\n")
	f.Add("", "curl -u a:b \u212aey=\xff token:::=aaaaaaaaaaaa1")
	f.Fuzz(func(t *testing.T, path, data string) {
		if len(data) > 4096 || len(path) > 100 {
			t.Skip()
		}
		if got, want := ours(s, path, data), theirs(d, path, data); !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		for _, f := range all.ScanFile(path, []byte(data)) {
			if f.Start > f.End || f.End > len(data) {
				t.Errorf("finding at [%d, %d) of %d bytes", f.Start, f.End, len(data))
			}
		}
	})
}

func FuzzRuleFile(f *testing.F) {
	f.Add([]byte("[[rules]]\nid = \"a\"\nregex = \"(?i)b{2,}c\"\nkeywords = [\"b\"]\n"))
	f.Add([]byte("[extend]\nuseDefault = false\n[allowlist]\npaths = [\"x\"]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := New(Options{Rules: [][]byte{data}, WithoutDefault: true})
		if err == nil {
			s.Scan([]byte("abbbbc token = abc"))
		}
	})
}

package secrets

import (
	"fmt"
)

// Options say what a Scanner looks for.
type Options struct {
	// Rules are files in gitleaks' TOML format, laid over each other in order.
	Rules [][]byte
	// WithoutDefault leaves the built-in pack out, unless a rule file extends
	// it by useDefault.
	WithoutDefault bool
	// WithoutExtra leaves Retinue's own rules beside gitleaks' pack out.
	WithoutExtra bool
	// IgnoreComments reports findings that a comment in the text allows.
	IgnoreComments bool
	// DecodeDepth is how often base64, hexadecimal, percent-encoding and
	// Unicode escapes are decoded and scanned again: 5 where it is zero, never
	// where it is negative.
	DecodeDepth int
}

// Scanner finds secret values in text. It is immutable and safe for concurrent
// use; making one takes some tens of milliseconds, so it is made once.
type Scanner struct {
	set            *ruleSet
	index          *index
	byPath         []func(string) bool
	ignoreComments bool
	depth          int
}

// Default returns a scanner with the built-in rules.
func Default() (*Scanner, error) { return New(Options{}) }

// New returns a scanner. Its error says which rule file and rule is wrong.
func New(opts Options) (*Scanner, error) {
	set, err := loadRules(opts)
	if err != nil {
		return nil, fmt.Errorf("make secret scanner: %w", err)
	}
	s := &Scanner{set: set, index: newIndex(set), byPath: pathDecisions(set), ignoreComments: opts.IgnoreComments, depth: opts.DecodeDepth}
	if s.depth == 0 {
		s.depth = defaultDecodeDepth
	}
	return s, nil
}

// Rules returns the ids of the rules, sorted.
func (s *Scanner) Rules() []string {
	ids := make([]string, len(s.set.rules))
	for i, r := range s.set.rules {
		ids[i] = r.id
	}
	return ids
}

// Text is what is scanned: Data, and where it was found. Path is
// slash-separated; rules and allowlists that depend on it do not apply where
// it is empty. Commit is for allowlists that name commits.
type Text struct {
	Path   string
	Commit string
	Data   []byte
}

// Scan returns the findings of a text whose path is not known or does not
// matter, in the order of their offsets.
func (s *Scanner) Scan(data []byte) []Finding { return s.ScanText(Text{Data: data}).Findings }

// ScanFile returns the findings of a file. Rules for certain files (Terraform,
// Kubernetes manifests, NuGet, key stores) and allowlists of paths depend on
// the path.
func (s *Scanner) ScanFile(path string, data []byte) []Finding {
	return s.ScanText(Text{Path: path, Data: data}).Findings
}

// SkipsPath reports whether the allowlists keep every file at a path from being
// scanned, so that a caller need not read it.
func (s *Scanner) SkipsPath(path string) bool { return skipsText(s.set.allow, path, "") }

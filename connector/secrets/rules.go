package secrets

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"

	"github.com/retinue-id/retinue"
)

// The bounds on a rule file. The built-in pack has 222 rules in 120 kB.
const (
	maxRuleFile = 4 << 20
	maxRules    = 5000
	maxPattern  = 64 << 10
)

// ruleFile is gitleaks' configuration format, as its documentation and
// config.ViperConfig describe it. Keys are matched without regard to case.
type ruleFile struct {
	Title       string       `toml:"title"`
	Description string       `toml:"description"`
	MinVersion  string       `toml:"minVersion"`
	Extend      ruleExtend   `toml:"extend"`
	Rules       []ruleEntry  `toml:"rules"`
	Allowlist   *allowEntry  `toml:"allowlist"`
	Allowlists  []allowEntry `toml:"allowlists"`
}

type ruleExtend struct {
	Path          string   `toml:"path"`
	URL           string   `toml:"url"`
	UseDefault    bool     `toml:"useDefault"`
	DisabledRules []string `toml:"disabledRules"`
}

type ruleEntry struct {
	ID          string       `toml:"id"`
	Description string       `toml:"description"`
	Path        string       `toml:"path"`
	Regex       string       `toml:"regex"`
	SecretGroup int          `toml:"secretGroup"`
	Entropy     float64      `toml:"entropy"`
	Keywords    []string     `toml:"keywords"`
	Tags        []string     `toml:"tags"`
	Allowlist   *allowEntry  `toml:"allowlist"`
	Allowlists  []allowEntry `toml:"allowlists"`
	Required    []required   `toml:"required"`
	SkipReport  bool         `toml:"skipReport"`
}

// required is a rule that must match near by for another one to count.
type required struct {
	ID            string `toml:"id"`
	WithinLines   *int   `toml:"withinLines"`
	WithinColumns *int   `toml:"withinColumns"`
}

type allowEntry struct {
	Description string   `toml:"description"`
	Condition   string   `toml:"condition"`
	Commits     []string `toml:"commits"`
	Paths       []string `toml:"paths"`
	RegexTarget string   `toml:"regexTarget"`
	Regexes     []string `toml:"regexes"`
	StopWords   []string `toml:"stopwords"`
	TargetRules []string `toml:"targetRules"`
}

// rule is a rule ready to run.
type rule struct {
	id, description string
	tags            []string
	kind            retinue.CredentialKind
	generic         bool
	expr            *regexp.Regexp // nil: only the path counts
	path            *regexp.Regexp // nil: any path
	secretGroup     int
	entropy         float64
	keywords        []string // lower case
	allow           []*allowlist
	required        []required
	skipReport      bool
	plan            plan
}

// ruleSet is everything that a scanner looks for.
type ruleSet struct {
	rules []*rule
	byID  map[string]*rule
	allow []*allowlist
}

// loadRules assembles the rule files: the built-in pack where it is asked for
// or extended, and the given ones over it.
func loadRules(opts Options) (*ruleSet, error) {
	var files []ruleFile
	useDefault := !opts.WithoutDefault
	for i, text := range opts.Rules {
		f, err := parseRuleFile(text)
		if err != nil {
			return nil, fmt.Errorf("read rule file %d: %w", i+1, err)
		}
		if f.Extend.Path != "" || f.Extend.URL != "" {
			return nil, fmt.Errorf("%w: read rule file %d: extend.path and extend.url are not followed: give the other file as a rule file of its own", retinue.ErrUnsupported, i+1)
		}
		useDefault = useDefault || f.Extend.UseDefault
		files = append(files, f)
	}
	if useDefault {
		base, err := parseRuleFile([]byte(config.DefaultConfig))
		if err != nil {
			return nil, fmt.Errorf("read built-in rules: %w", err)
		}
		files = append([]ruleFile{base}, files...)
		if !opts.WithoutExtra {
			files = slices.Insert(files, 1, extraRules())
		}
	}
	return compileRules(files)
}

func parseRuleFile(text []byte) (ruleFile, error) {
	var f ruleFile
	if len(text) > maxRuleFile {
		return f, fmt.Errorf("%w: %d bytes: the limit is %d", retinue.ErrInvalid, len(text), maxRuleFile)
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).Decode(&f); err != nil {
		return f, fmt.Errorf("%w: %v", retinue.ErrInvalid, err)
	}
	if len(f.Rules) > maxRules {
		return f, fmt.Errorf("%w: %d rules: the limit is %d", retinue.ErrInvalid, len(f.Rules), maxRules)
	}
	if f.Allowlist != nil {
		f.Allowlists = append(f.Allowlists, *f.Allowlist)
	}
	for i := range f.Rules {
		if a := f.Rules[i].Allowlist; a != nil {
			f.Rules[i].Allowlists = append(f.Rules[i].Allowlists, *a)
		}
	}
	return f, nil
}

// compileRules merges the files in order, a later one changing the rules of an
// earlier one with the same id, and compiles what results.
func compileRules(files []ruleFile) (*ruleSet, error) {
	entries, global, err := mergeFiles(files)
	if err != nil {
		return nil, err
	}
	set := &ruleSet{byID: map[string]*rule{}}
	for id, e := range entries {
		r, err := compileRule(e)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", id, err)
		}
		set.rules = append(set.rules, r)
		set.byID[id] = r
	}
	slices.SortFunc(set.rules, func(a, b *rule) int { return cmp.Compare(a.id, b.id) })
	for _, r := range set.rules {
		for _, q := range r.required {
			if set.byID[q.ID] == nil {
				return nil, fmt.Errorf("%w: rule %q requires %q: there is no such rule", retinue.ErrInvalid, r.id, q.ID)
			}
		}
	}
	for _, a := range global {
		c, err := compileAllowlist(a)
		if err != nil {
			return nil, fmt.Errorf("global allowlist: %w", err)
		}
		set.allow = append(set.allow, c)
	}
	return set, nil
}

// mergeFiles returns the rules by id without the disabled ones, each with the
// allowlists that name it, and the allowlists that hold for all.
func mergeFiles(files []ruleFile) (map[string]ruleEntry, []allowEntry, error) {
	entries := map[string]ruleEntry{}
	disabled := map[string]bool{}
	var global []allowEntry
	for _, f := range files {
		for _, e := range f.Rules {
			entries[e.ID] = mergeRule(entries[e.ID], e)
		}
		for _, id := range f.Extend.DisabledRules {
			disabled[id] = true
		}
		for _, a := range f.Allowlists {
			if len(a.TargetRules) == 0 {
				global = append(global, a)
				continue
			}
			for _, id := range a.TargetRules {
				e, ok := entries[id]
				if !ok {
					return nil, nil, fmt.Errorf("%w: allowlist for rule %q: there is no such rule", retinue.ErrInvalid, id)
				}
				e.Allowlists = append(slices.Clone(e.Allowlists), a)
				entries[id] = e
			}
		}
	}
	for id := range disabled {
		delete(entries, id)
	}
	return entries, global, nil
}

// mergeRule lays a rule over an earlier one of the same id, as gitleaks does
// when a file extends another.
func mergeRule(base, over ruleEntry) ruleEntry {
	if base.ID == "" {
		return over
	}
	if over.Description != "" {
		base.Description = over.Description
	}
	if over.Entropy != 0 {
		base.Entropy = over.Entropy
	}
	if over.SecretGroup != 0 {
		base.SecretGroup = over.SecretGroup
	}
	if over.Regex != "" {
		base.Regex = over.Regex
	}
	if over.Path != "" {
		base.Path = over.Path
	}
	base.Tags = slices.Concat(base.Tags, over.Tags)
	base.Keywords = slices.Concat(base.Keywords, over.Keywords)
	base.Allowlists = slices.Concat(base.Allowlists, over.Allowlists)
	return base
}

func compileRule(e ruleEntry) (*rule, error) {
	if strings.TrimSpace(e.ID) == "" {
		return nil, fmt.Errorf("%w: id is missing", retinue.ErrInvalid)
	}
	if e.Regex == "" && e.Path == "" {
		return nil, fmt.Errorf("%w: neither regex nor path: it can find nothing", retinue.ErrInvalid)
	}
	r := &rule{
		id: e.ID, description: e.Description, tags: e.Tags, kind: kindOf(e.ID), generic: isGeneric(e.ID),
		secretGroup: e.SecretGroup, entropy: e.Entropy, required: e.Required, skipReport: e.SkipReport,
	}
	for _, k := range e.Keywords {
		r.keywords = append(r.keywords, strings.ToLower(k))
	}
	slices.Sort(r.keywords)
	r.keywords = slices.Compact(r.keywords)
	var err error
	if r.expr, err = compileExpr(e.Regex); err != nil {
		return nil, fmt.Errorf("regex: %w", err)
	}
	if r.path, err = compileExpr(e.Path); err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	if r.expr != nil && (e.SecretGroup < 0 || e.SecretGroup > r.expr.NumSubexp()) {
		return nil, fmt.Errorf("%w: secretGroup %d: the regex has %d", retinue.ErrInvalid, e.SecretGroup, r.expr.NumSubexp())
	}
	for _, a := range e.Allowlists {
		c, err := compileAllowlist(a)
		if err != nil {
			return nil, fmt.Errorf("allowlist: %w", err)
		}
		r.allow = append(r.allow, c)
	}
	r.plan = planRule(r)
	return r, nil
}

func compileExpr(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxPattern {
		return nil, fmt.Errorf("%w: expression of %d bytes: the limit is %d", retinue.ErrInvalid, len(text), maxPattern)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", retinue.ErrInvalid, err)
	}
	return re, nil
}

// isGeneric reports the rules that look for any assignment, by gitleaks'
// convention of naming them so.
func isGeneric(id string) bool { return strings.Contains(strings.ToLower(id), "generic") }

package rules

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

//go:embed pack/*.yaml
var starter embed.FS

// Bounds of what Load reads.
const (
	MaxPackFile  = 1 << 20 // bytes
	MaxPackFiles = 500
	MaxRules     = 5000
)

// Starter returns the starting pack that is part of the program.
func Starter() (*Pack, error) {
	sub, err := fs.Sub(starter, "pack")
	if err != nil {
		return nil, fmt.Errorf("open the starting pack: %w", err)
	}
	return Load(sub)
}

// Load reads every *.yaml and *.yml file of a file system, in the order of
// their paths. The error joins everything that is wrong, each with its file and
// line. It checks the form; Compile checks the expressions.
func Load(fsys fs.FS) (*Pack, error) {
	var all []*Pack
	var errs []error
	rules := 0
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !strings.HasSuffix(path, ".yaml") && !strings.HasSuffix(path, ".yml") {
			return nil
		}
		if len(all) >= MaxPackFiles {
			return fmt.Errorf("%w: more than %d files of rules", retinue.ErrInvalid, MaxPackFiles)
		}
		p, err := loadFile(fsys, path)
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		if rules += len(p.Rules) + len(p.Labels); rules > MaxRules {
			return fmt.Errorf("%w: %s: more than %d rules", retinue.ErrInvalid, path, MaxRules)
		}
		all = append(all, p)
		return nil
	})
	if err != nil {
		errs = append(errs, fmt.Errorf("read rules: %w", err))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return Merge(all...)
}

func loadFile(fsys fs.FS, path string) (*Pack, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, MaxPackFile+1))
	if err != nil {
		return nil, fmt.Errorf("read rules %s: %w", path, err)
	}
	if len(data) > MaxPackFile {
		return nil, fmt.Errorf("%w: %s: larger than %d bytes", retinue.ErrInvalid, path, MaxPackFile)
	}
	return Parse(path, data)
}

// file is the form of a file of rules.
type file struct {
	Rules  []Rule      `yaml:"rules"`
	Labels []LabelRule `yaml:"labels"`
}

// Parse reads one file of rules; name stands in errors. Unknown fields are
// errors.
func Parse(name string, data []byte) (*Pack, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s: %s", retinue.ErrInvalid, name, yamlText(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %s: more than one document in the file: want one", retinue.ErrInvalid, name)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%w: %s: %s", retinue.ErrInvalid, name, yamlText(err))
	}
	rules, labels := positions(name, &root, "rules"), positions(name, &root, "labels")
	p := &Pack{Rules: f.Rules, Labels: f.Labels}
	for i := range p.Rules {
		p.Rules[i].at = at(rules, i, name)
	}
	for i := range p.Labels {
		p.Labels[i].at = at(labels, i, name)
	}
	return p, nil
}

func at(list []position, i int, name string) position {
	if i < len(list) {
		return list[i]
	}
	return position{file: name, line: 1}
}

// yamlText writes the decoder's errors on one line.
func yamlText(err error) string {
	var te *yaml.TypeError
	if errors.As(err, &te) {
		return strings.Join(te.Errors, "; ")
	}
	return strings.TrimPrefix(err.Error(), "yaml: ")
}

// positions returns where each element of a top-level list stands.
func positions(name string, root *yaml.Node, key string) []position {
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return nil
	}
	top := root.Content[0].Content
	for i := 0; i+1 < len(top); i += 2 {
		if top[i].Value != key || top[i+1].Kind != yaml.SequenceNode {
			continue
		}
		var out []position
		for _, n := range top[i+1].Content {
			p := position{file: name, line: n.Line, parts: map[string]int{}}
			for j := 0; n.Kind == yaml.MappingNode && j+1 < len(n.Content); j += 2 {
				p.parts[n.Content[j].Value] = n.Content[j].Line
			}
			out = append(out, p)
		}
		return out
	}
	return nil
}

var (
	ruleID    = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)+$`)
	controlID = regexp.MustCompile(`^[A-Z][A-Za-z0-9-]*:[A-Za-z0-9.()-]+$`)
)

// check reports what is wrong with the form of a rule.
func (r Rule) check() []error {
	var errs []error
	fail := func(part, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s: rule %s: %s", retinue.ErrInvalid, r.at.of(part), r.ID, fmt.Sprintf(format, args...)))
	}
	if !ruleID.MatchString(r.ID) || len(r.ID) > 80 {
		fail("id", "id %q: want lower-case words joined by hyphens", r.ID)
	}
	if !slices.Contains(Kinds(), r.Over) {
		fail("over", "over %q: want one of %v", r.Over, Kinds())
	}
	if !slices.Contains(retinue.Severities(), r.Severity) {
		fail("severity", "severity %q: want one of %v", r.Severity, retinue.Severities())
	}
	for _, s := range r.SeverityWhen {
		if !slices.Contains(retinue.Severities(), s.Severity) || s.When == "" {
			fail("severity_when", "want when and one of %v", retinue.Severities())
		}
	}
	for _, part := range [][2]string{{"title", r.Title}, {"when", r.When}, {"message", r.Message}, {"remediation", r.Remediation}} {
		if strings.TrimSpace(part[1]) == "" {
			fail(part[0], "%s is missing", part[0])
		}
	}
	for _, o := range r.OWASP {
		if !slices.ContainsFunc(owaspIDs(), func(id retinue.OWASP) bool { return id == o }) {
			fail("owasp", "owasp %q: want one of %v", o, owaspIDs())
		}
	}
	for _, c := range r.Controls {
		if !controlID.MatchString(c) {
			fail("controls", "control %q: want FRAMEWORK:ID", c)
		}
	}
	for name, e := range r.Evidence {
		if e == "" {
			fail("evidence", "evidence %s is empty", name)
		}
	}
	return errs
}

func owaspIDs() []retinue.OWASP {
	var ids []retinue.OWASP
	for _, r := range retinue.OWASPRisks() {
		ids = append(ids, r.ID)
	}
	return ids
}

// check reports what is wrong with the form of a label rule.
func (r LabelRule) check() []error {
	var errs []error
	fail := func(part, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: %s: label rule %s: %s", retinue.ErrInvalid, r.at.of(part), r.ID, fmt.Sprintf(format, args...)))
	}
	if !ruleID.MatchString(r.ID) {
		fail("id", "id %q: want lower-case words joined by hyphens", r.ID)
	}
	if r.When == "" {
		fail("when", "when is missing")
	}
	if err := checkLabel(r.Sets, r.Value); err != nil {
		fail("value", "%v", err)
	}
	for _, k := range r.Over {
		if !slices.Contains(Kinds(), k) {
			fail("over", "over %q: want one of %v", k, Kinds())
		}
	}
	return errs
}

// checkLabel reports a value that a label field does not take.
func checkLabel(f LabelField, value string) error {
	switch f {
	case LabelEnvironment:
		if !slices.Contains(retinue.Environments(), retinue.Environment(value)) {
			return fmt.Errorf("environment %q: want one of %v", value, retinue.Environments())
		}
	case LabelCriticality:
		if !slices.Contains(retinue.Criticalities(), retinue.Criticality(value)) {
			return fmt.Errorf("criticality %q: want one of %v", value, retinue.Criticalities())
		}
	case LabelDataClass:
		if value == "" || len(value) > 64 {
			return fmt.Errorf("data_class %q: want a word of up to 64 bytes", value)
		}
	default:
		return fmt.Errorf("sets %q: want environment, criticality or data_class", f)
	}
	return nil
}

package bench

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Manifest says what to read as what. It holds nothing of the truth but what
// people in the company would know: what they retired.
type Manifest struct {
	Format string    `json:"format"`
	AsOf   time.Time `json:"asOf"`
	// Scans are sources to scan, Activity logs to import, in the order of
	// arguments KIND=TARGET,OPTION=VALUE. Paths are relative to the folder.
	Scans    []Source  `json:"scans"`
	Activity []Source  `json:"activity"`
	Retired  []Retired `json:"retired,omitempty"`
}

// Source is one thing to read.
type Source struct {
	Kind    string            `json:"kind"`
	Name    string            `json:"name"`
	Target  string            `json:"target"`
	Options map[string]string `json:"options,omitempty"`
}

// Retired is an identity that people retired: whatever still uses it is worth
// knowing.
type Retired struct {
	Ref retinue.Ref `json:"ref"`
	At  time.Time   `json:"at"`
}

// Options whose values are paths, which are relative in a manifest.
const (
	optionSettings = "settings"
	optionPolicy   = "audit-policy"
)

// export writes what the systems' own tools would, as of the end.
func (e *enterprise) export() error {
	m := Manifest{Format: Format, AsOf: e.to}
	if err := e.exportStaff(&m); err != nil {
		return err
	}
	for _, s := range e.systems {
		x := &exporter{e: e, s: s, m: &m, dir: path.Join("sources", s.kind, s.name)}
		var err error
		switch s.kind {
		case kindAWS:
			err = x.aws()
		case kindKubernetes:
			err = x.kubernetes()
		case kindPostgres:
			err = x.postgres()
		case kindHost:
			err = x.host()
		case kindGitHub:
			err = x.repositories()
		}
		if err != nil {
			return err
		}
	}
	for _, id := range e.ids {
		if !id.retired.IsZero() {
			m.Retired = append(m.Retired, Retired{id.Ref, id.retired})
		}
	}
	return e.writeJSON("manifest.json", &m)
}

// exporter writes the exports of one system.
type exporter struct {
	e   *enterprise
	s   *system
	m   *Manifest
	dir string // relative, with slashes
}

// listed are the identities that the system lists at the end.
func (x *exporter) listed() []*identity {
	var out []*identity
	for _, id := range x.s.ids {
		if id.Listed {
			out = append(out, id)
		}
	}
	return out
}

func (x *exporter) scan(options map[string]string) {
	x.m.Scans = append(x.m.Scans, Source{x.s.kind, x.s.name, x.dir, options})
}

// activity says how the log is read. All accounts' trails lie in one bucket.
func (x *exporter) activity(target string, options map[string]string) {
	x.m.Activity = append(x.m.Activity, Source{x.s.kind, x.s.name, target, options})
}

func (x *exporter) json(name string, v any) error { return x.e.writeJSON(path.Join(x.dir, name), v) }

func (x *exporter) text(name string, lines ...string) error {
	return x.e.writeText(path.Join(x.dir, name), strings.Join(lines, "\n")+"\n")
}

func (e *enterprise) writeText(name, text string) error {
	return writeFile(filepath.Join(e.opts.Out, filepath.FromSlash(name)), []byte(text))
}

func (e *enterprise) writeJSON(name string, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return e.writeText(name, string(data)+"\n")
}

// exportStaff writes the list of people, teams and applications.
func (e *enterprise) exportStaff(m *Manifest) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"type", "id", "name", "email", "state", "teams", "team", "criticality"}}
	for i := range e.people {
		p := &e.people[i]
		state := "active"
		if !p.left.IsZero() {
			state = "left"
		}
		rows = append(rows, []string{"person", p.email, p.name, p.email, state, e.teams[p.team].id, "", ""})
	}
	for _, t := range e.teams {
		rows = append(rows, []string{"team", t.id, t.name, t.id + "@" + domain, "", "", "", ""})
	}
	for i, a := range e.apps {
		rows = append(rows, []string{"application", a.id, a.id, "", "", "", e.teams[a.team].id, []string{"critical", "high", "medium", "low"}[i%4]})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	m.Scans = append(m.Scans, Source{"people", "staff", "sources/people/staff.csv", map[string]string{"directory": domain, "observed-at": e.to.Format(time.RFC3339)}})
	return e.writeText("sources/people/staff.csv", b.String())
}

// signal is the trace of an owner of a kind, empty where there is none.
func (id *identity) signal() string {
	for _, s := range id.Owner.Signals {
		return s.Candidate
	}
	return ""
}

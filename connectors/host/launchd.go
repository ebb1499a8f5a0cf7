package host

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/retinue-id/retinue"
)

// parsePlist reads an XML property list (plist(5)) into maps, lists and
// scalars. Binary lists are not read: the standard library has no reader.
func parsePlist(data []byte) (any, bool) {
	d := xml.NewDecoder(bytes.NewReader(data))
	d.Strict = true
	for {
		tok, err := d.Token()
		if err != nil {
			return nil, false
		}
		if start, ok := tok.(xml.StartElement); ok {
			if start.Name.Local == "plist" {
				continue
			}
			v, err := plistValue(d, start, 0)
			return v, err == nil
		}
	}
}

var errPlist = errors.New("malformed property list")

func plistValue(d *xml.Decoder, start xml.StartElement, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errPlist
	}
	switch start.Name.Local {
	case "dict":
		return plistDict(d, depth)
	case "array":
		return plistArray(d, depth)
	case "true", "false":
		return start.Name.Local == "true", d.Skip()
	}
	var text string
	err := d.DecodeElement(&text, &start)
	return text, err
}

func plistArray(d *xml.Decoder, depth int) ([]any, error) {
	var out []any
	for {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return out, nil
		case xml.StartElement:
			v, err := plistValue(d, t, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
}

func plistDict(d *xml.Decoder, depth int) (map[string]any, error) {
	out := map[string]any{}
	key := ""
	for {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return out, nil
		case xml.StartElement:
			v, err := plistValue(d, t, depth+1)
			if err != nil {
				return nil, err
			}
			if t.Name.Local == "key" {
				key, _ = v.(string)
				continue
			}
			out[key] = v
		}
	}
}

// launchdFolders are the folders of jobs that the owner of a Mac installs;
// Apple's own are in /System.
func launchdFolders() []string { return []string{"/Library/LaunchDaemons", "/Library/LaunchAgents"} }

// runLaunchd states the jobs of launchd in folders. user is the account that
// jobs run as where they name none.
func (m *machine) runLaunchd(a *area, user string, folders ...string) {
	for _, dir := range folders {
		for _, e := range a.list(dir) {
			if path.Ext(e.Name()) != ".plist" {
				continue
			}
			f, ok := a.read(path.Join(dir, e.Name()))
			if !ok {
				continue
			}
			if bytes.HasPrefix(f.data, []byte("bplist")) {
				a.problem(fmt.Errorf("read %s: %w: a binary property list", retinue.CleanName(f.path), retinue.ErrUnsupported))
				continue
			}
			v, ok := parsePlist(f.data)
			if !ok {
				a.malformed(f.path, 0, "the property list is malformed")
				continue
			}
			m.launchdFacts(a, f, user, v)
		}
	}
}

func (m *machine) launchdFacts(a *area, f file, user string, v any) {
	label := retinue.CleanName(orElse(text(v, "Label"), path.Base(f.path)))
	ref := retinue.NewRef(m.realm, "launchd_job", clipKey(retinue.CleanName(f.path)))
	words := stringsOf(text(v, "Program"), at(v, "ProgramArguments"))
	if words[0] == "" {
		words = words[1:]
	}
	id := retinue.Identity{Ref: ref, Name: label, Kind: retinue.IdentityService, Subtype: "launchd_job", Class: retinue.ClassNonHuman,
		ClassReason: "a job of the operating system's service manager", State: retinue.StateActive, Container: m.ref,
		Attrs: retinue.Attrs{"config": retinue.CleanName(f.path)}}
	if len(words) > 0 {
		id.Attrs["program"] = m.secrets.cleanArguments(words[:1])[0]
	}
	if at(v, "StartCalendarInterval") != nil || at(v, "StartInterval") != nil {
		id.Kind = retinue.IdentityScript
	}
	if disabled, _ := at(v, "Disabled").(bool); disabled {
		id.State, id.StateReason = retinue.StateDisabled, "disabled in its property list"
	}
	as := orElse(text(v, "UserName"), user)
	a.add(id)
	if as != "" {
		a.add(retinue.Trust{Subject: m.account(as), Kind: retinue.TrusteePrincipal, Trustee: ref, Name: label, OrganizationKnown: true})
	}
	h := holder{path: f.path, kind: retinue.PlaceEnvironment, exposure: m.exposure(f.path), at: f.modified(), consumer: ref, tool: "launchd"}
	vars := entries(v, "EnvironmentVariables")
	for _, name := range sortedKeys(vars) {
		if value, ok := vars[name].(string); ok {
			a.state(h, []found{{field: fieldName(name), name: fieldName(name), value: retinue.NewSecret(strings.TrimSpace(value)), guess: true}})
		}
	}
	a.state(h, m.secrets.arguments("ProgramArguments", words, 0))
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// service is a line of services.jsonl. Its names are short because there are
// twenty thousand of them; package awsdata has the same shape.
type service struct {
	Prefix          string     `json:"p"`
	Name            string     `json:"n"`
	ResourceControl bool       `json:"c,omitempty"`
	Actions         []action   `json:"a"`
	Resources       []resource `json:"r,omitempty"`
	Keys            []key      `json:"k,omitempty"`
}

type action struct {
	Name  string `json:"n"`
	Level string `json:"l"`
	// Resources are types, with a star where one of the type is required.
	Resources []string `json:"r,omitempty"`
	Keys      []string `json:"k,omitempty"`
}

type resource struct {
	Name string   `json:"n"`
	ARN  string   `json:"a"`
	Keys []string `json:"k,omitempty"`
}

type key struct {
	Name string `json:"n"`
	Type string `json:"t"`
}

type sourceAction struct {
	Name          string   `json:"name"`
	AccessLevel   string   `json:"accessLevel"`
	ConditionKeys []string `json:"conditionKeys"`
	ResourceTypes []struct {
		Name          string   `json:"name"`
		Required      bool     `json:"required"`
		ConditionKeys []string `json:"conditionKeys"`
	} `json:"resourceTypes"`
}

// services converts the folder of actions, one line a service.
func services(dir string) ([]byte, error) {
	var names map[string]string
	if err := readJSON(filepath.Join(dir, "serviceNames.json"), &names); err != nil {
		return nil, err
	}
	var controlled []string
	if err := readJSON(filepath.Join(dir, "rcpSupportedServices.json"), &controlled); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "actions", "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var b bytes.Buffer
	for _, f := range files {
		prefix := strings.TrimSuffix(filepath.Base(f), ".json")
		s := service{Prefix: prefix, Name: names[prefix], ResourceControl: slices.Contains(controlled, prefix)}
		if err := s.read(dir); err != nil {
			return nil, err
		}
		line, err := json.Marshal(s)
		if err != nil {
			return nil, err
		}
		b.Write(append(line, '\n'))
	}
	return b.Bytes(), nil
}

func (s *service) read(dir string) error {
	var actions map[string]sourceAction
	if err := readJSON(filepath.Join(dir, "actions", s.Prefix+".json"), &actions); err != nil {
		return err
	}
	for _, a := range actions {
		level, err := level(a.AccessLevel)
		if err != nil {
			return fmt.Errorf("action %s:%s: %w", s.Prefix, a.Name, err)
		}
		out := action{Name: a.Name, Level: level, Keys: a.ConditionKeys}
		for _, r := range a.ResourceTypes {
			name := r.Name
			if r.Required {
				name += "*"
			}
			out.Resources = append(out.Resources, name)
			out.Keys = append(out.Keys, r.ConditionKeys...)
		}
		slices.Sort(out.Resources)
		slices.Sort(out.Keys)
		out.Keys = slices.Compact(out.Keys)
		s.Actions = append(s.Actions, out)
	}
	slices.SortFunc(s.Actions, func(a, b action) int { return strings.Compare(a.Name, b.Name) })
	return s.readTypes(dir)
}

// readTypes reads the resource types and condition keys, which not every
// service has.
func (s *service) readTypes(dir string) error {
	var resources map[string]struct {
		Key           string   `json:"key"`
		ARN           string   `json:"arn"`
		ConditionKeys []string `json:"conditionKeys"`
	}
	if err := readOptional(filepath.Join(dir, "resourceTypes", s.Prefix+".json"), &resources); err != nil {
		return err
	}
	for _, r := range resources {
		s.Resources = append(s.Resources, resource{r.Key, r.ARN, r.ConditionKeys})
	}
	slices.SortFunc(s.Resources, func(a, b resource) int { return strings.Compare(a.Name, b.Name) })
	var keys map[string]struct {
		Key  string `json:"key"`
		Type string `json:"type"`
	}
	if err := readOptional(filepath.Join(dir, "conditionKeys", s.Prefix+".json"), &keys); err != nil {
		return err
	}
	for _, k := range keys {
		s.Keys = append(s.Keys, key{k.Key, k.Type})
	}
	slices.SortFunc(s.Keys, func(a, b key) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func readOptional(path string, v any) error {
	if _, err := os.Stat(path); os.IsNotExist(err) {
		return nil
	}
	return readJSON(path, v)
}

// level shortens an access level to a letter. The package adds Write to the
// levels that AWS counts apart.
func level(text string) (string, error) {
	switch text {
	case "List":
		return "L", nil
	case "Read":
		return "R", nil
	case "Write":
		return "W", nil
	case "Tagging", "Tagging, Write":
		return "T", nil
	case "Permissions management", "Permissions management, Write":
		return "P", nil
	}
	return "", fmt.Errorf("access level %q is not known", text)
}

// policies converts the newest version of each AWS managed policy to a line:
// ARN, version, date and document, with tabs between. The time is the newest
// policy's.
func policies(path string) ([]byte, time.Time, error) {
	type version struct {
		CreatedDate time.Time       `json:"createdDate"`
		Document    json.RawMessage `json:"document"`
	}
	var all map[string]struct {
		ARN             string             `json:"arn"`
		LatestVersionID string             `json:"latestVersionId"`
		Versions        map[string]version `json:"versions"`
	}
	var newest time.Time
	if err := readJSON(path, &all); err != nil {
		return nil, newest, err
	}
	var lines []string
	for name, p := range all {
		v, ok := p.Versions[p.LatestVersionID]
		if !ok {
			return nil, newest, fmt.Errorf("policy %s has no version %s", name, p.LatestVersionID)
		}
		if v.CreatedDate.After(newest) {
			newest = v.CreatedDate
		}
		var document bytes.Buffer
		if err := json.Compact(&document, v.Document); err != nil {
			return nil, newest, fmt.Errorf("policy %s: %w", name, err)
		}
		lines = append(lines, strings.Join([]string{p.ARN, p.LatestVersionID, v.CreatedDate.UTC().Format(time.DateOnly), document.String()}, "\t"))
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, "\n") + "\n"), newest, nil
}

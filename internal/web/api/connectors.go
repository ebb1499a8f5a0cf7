package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/connector"
)

// Connectors are the kinds of source.
type Connectors interface {
	ConnectorSpecs() []connector.Spec
}

// Kind describes a kind of source: enough to make its form and its page of.
type Kind struct {
	Kind    string `json:"kind"`
	Title   string `json:"title"`
	Summary string `json:"summary"`
	// FileOnly kinds are about the machine that runs them.
	FileOnly       bool           `json:"fileOnly" doc:"It can be configured in retinue.yaml only, or scanned by a collector"`
	Targets        []KindTarget   `json:"targets"`
	TargetOptional bool           `json:"targetOptional"`
	Options        []KindOption   `json:"options"`
	Examples       []KindTarget   `json:"examples"`
	Privileges     []KindDocument `json:"privileges" doc:"Documents ready to paste that grant the least it needs"`
	Sees           []string       `json:"sees"`
	BlindSpots     []string       `json:"blindSpots"`
	CouldRead      []string       `json:"couldRead"`
	Script         bool           `json:"script" doc:"There is a script that exports a system for an air-gapped scan"`
	LogsOnly       bool           `json:"logsOnly" doc:"It lists no system: a source of this kind only has its logs read"`
	Logs           *KindLogs      `json:"logs,omitempty" doc:"How logs of the kind are read by themselves; left out where there are none"`
}

// KindLogs describes the logs of a kind of source.
type KindLogs struct {
	Titles   []string     `json:"titles" doc:"What the logs are called"`
	Targets  []KindTarget `json:"targets" doc:"What may stand in the target of a source's logs"`
	FileOnly bool         `json:"fileOnly" doc:"They are files of the server, and named in retinue.yaml only"`
}

// KindTarget is a form of target, or an example.
type KindTarget struct {
	Form     string `json:"form"`
	Help     string `json:"help"`
	FileOnly bool   `json:"fileOnly"`
}

// KindOption is an option of a kind of source.
type KindOption struct {
	Name     string          `json:"name"`
	Help     string          `json:"help"`
	Default  string          `json:"default,omitempty"`
	Values   []string        `json:"values,omitempty"`
	Secret   bool            `json:"secret"`
	List     bool            `json:"list" doc:"Several values, separated by ;"`
	Reach    connector.Reach `json:"reach" enum:"system,machine,address"`
	FileOnly bool            `json:"fileOnly"`
}

// KindDocument is a text ready to paste.
type KindDocument struct {
	Title    string `json:"title"`
	Language string `json:"language"`
	Body     string `json:"body"`
}

func (a *API) connectors() {
	s := a.services.Connectors
	if s == nil {
		return
	}
	add(a, huma.Operation{OperationID: "list-connectors", Method: http.MethodGet, Path: "/connectors", Tags: []string{"Sources"},
		Summary: "Kinds of source, with their options and the privileges they need"},
		func(_ context.Context, _ *struct{}) (*listed[Kind], error) {
			specs := s.ConnectorSpecs()
			kinds := make([]Kind, 0, len(specs))
			for _, spec := range specs {
				kinds = append(kinds, kindOf(spec))
			}
			return wholeList(kinds), nil
		})
}

func kindOf(s connector.Spec) Kind {
	k := Kind{Kind: s.Kind, Title: s.Title, Summary: s.Summary, FileOnly: s.Remote == nil, TargetOptional: s.TargetOptional, Script: s.Script != nil,
		Targets: []KindTarget{}, Options: []KindOption{}, Examples: []KindTarget{}, Privileges: []KindDocument{},
		Sees: present(s.Sees), BlindSpots: present(s.BlindSpots), CouldRead: present(s.CouldRead)}
	if act := s.Activity; act != nil {
		k.Logs = &KindLogs{Titles: []string{}, Targets: []KindTarget{}, FileOnly: act.Remote == nil}
		for _, l := range act.Logs {
			k.Logs.Titles = append(k.Logs.Titles, l.Title)
		}
		for _, t := range act.Target {
			k.Logs.Targets = append(k.Logs.Targets, KindTarget{Form: t.Form, Help: t.Help, FileOnly: !t.Remote})
		}
	}
	if s.Open == nil {
		k.LogsOnly, k.TargetOptional, k.FileOnly = true, true, k.Logs == nil || k.Logs.FileOnly
	}
	for _, t := range s.Target {
		k.Targets = append(k.Targets, KindTarget{Form: t.Form, Help: t.Help, FileOnly: !t.Remote})
	}
	for _, t := range s.Examples {
		k.Examples = append(k.Examples, KindTarget{Form: t.Form, Help: t.Help})
	}
	for _, o := range s.Options {
		k.Options = append(k.Options, KindOption{Name: o.Name, Help: o.Help, Default: o.Default, Values: o.Values, Secret: o.Secret, List: o.List,
			Reach: o.Reach, FileOnly: k.FileOnly || o.Reach.FileOnly()})
	}
	for _, d := range s.Privileges {
		k.Privileges = append(k.Privileges, KindDocument{Title: d.Title, Language: d.Language, Body: d.Body})
	}
	return k
}

// present is a list that is written as [] where it is empty.
func present[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

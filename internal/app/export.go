package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// ExportOptions say what an export holds.
type ExportOptions struct {
	// Subject is identities, credentials, grants, findings or records.
	Subject string
	// Format is json, csv, xlsx, sarif or ocsf; the last two hold findings, ocsf
	// records too.
	Format   string
	Things   store.ListQuery
	Findings store.FindingList
	Records  store.RecordQuery
	// Filters are the filters in words, for the manifest.
	Filters map[string][]string
	// Sample draws so many rows by Seed; 0 exports all.
	Sample int
	Seed   string
	AsOf   store.AsOf
}

// ExportFormats lists the formats.
func ExportFormats() []string { return []string{"json", "csv", "xlsx", "sarif", "ocsf"} }

// ExportSubjects lists what can be exported.
func ExportSubjects() []string { return []string{"identities", "credentials", "grants", "findings"} }

// Export writes a file and its manifest beside it, and keeps on record that it
// did.
func (a *App) Export(ctx context.Context, path string, o ExportOptions) (export.Manifest, error) {
	if (o.Format == "sarif" || o.Format == "ocsf") && o.Subject != "findings" {
		return export.Manifest{}, fmt.Errorf("%w: export %s as %s: the format holds findings only", retinue.ErrInvalid, o.Subject, o.Format)
	}
	var m export.Manifest
	err := a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		var err error
		if m, err = a.manifest(tx, Actor(), o); err != nil {
			return err
		}
		m, err = export.WriteFile(path, m, func(w io.Writer) (export.Written, error) { return a.write(tx, w, o, &m) })
		return err
	})
	if err != nil {
		return m, fmt.Errorf("export %s: %w", o.Subject, err)
	}
	return m, a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordExported, m.File, map[string]any{"subject": o.Subject, "format": o.Format,
			"rows": m.Rows, "sha256": m.SHA256, "filters": o.Filters})
		return nil
	})
}

// manifest is what is said of an export before its rows are.
func (a *App) manifest(tx *sqlstore.Tx, by retinue.Actor, o ExportOptions) (export.Manifest, error) {
	m := export.Manifest{Kind: o.Format, CreatedAt: a.DB.Now(), By: by, Tool: "retinue " + Version, AsOf: o.AsOf.Observed, KnownAt: o.AsOf.Known,
		Query: export.Query{Subject: o.Subject, Filters: o.Filters}}
	seq, hash, err := tx.Head()
	if err != nil {
		return m, err
	}
	m.Audit = export.AuditHead{Seq: seq, Hash: hash}
	m.Sources, m.NotCovered, err = coverage(tx)
	return m, err
}

// coverage says how complete every source is.
func coverage(tx *sqlstore.Tx) ([]export.Source, []string, error) {
	runs, err := tx.LastRuns()
	if err != nil {
		return nil, nil, err
	}
	var out []export.Source
	var notCovered []string
	for _, r := range runs {
		s := export.Source{Name: r.Source.Name, Kind: r.Source.Kind, Realm: r.Access.Realm, Complete: r.State == store.RunComplete, NotCovered: notCoveredBy(r)}
		for _, sc := range r.Scopes {
			if sc.ObservedAt.After(s.ObservedAt) {
				s.ObservedAt = sc.ObservedAt
			}
			if sc.State == store.ScopeComplete || sc.State == store.ScopeHistoric {
				s.Scopes++
				continue
			}
			s.Skipped = append(s.Skipped, export.SkippedScope{Scope: sc.Scope.String(), State: string(sc.State), Reason: strings.Join(sc.Problems, "; ")})
		}
		for _, m := range r.Access.Missing {
			s.Missing = append(s.Missing, m.Permission)
		}
		notCovered = append(notCovered, s.NotCovered...)
		out = append(out, s)
	}
	slices.Sort(notCovered)
	return out, slices.Compact(notCovered), nil
}

func (a *App) write(tx *sqlstore.Tx, w io.Writer, o ExportOptions, m *export.Manifest) (export.Written, error) {
	switch {
	case o.Format == "sarif", o.Format == "ocsf" && o.Subject == "findings":
		return a.writeFindings(tx, w, o, m)
	case o.Format == "ocsf":
		return export.OCSF{Tool: tool()}.WriteRecords(w, recordsOf(tx, o.Records))
	}
	t, err := a.table(tx, o)
	if err != nil {
		return export.Written{}, err
	}
	if o.Sample > 0 {
		rows, s, err := export.Draw(t.Rows, o.Sample, o.Seed, rowID)
		if err != nil {
			return export.Written{}, err
		}
		m.Sample = &s
		t.Rows = sequence(rows)
	}
	return writeTable(w, o.Format, t)
}

// rowID is what a row is sampled by: everything in it that does not change
// with the time of the export.
func rowID(r export.Row) string { return fmt.Sprint([]any(r)...) }

func sequence[T any](rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (a *App) writeFindings(tx *sqlstore.Tx, w io.Writer, o ExportOptions, m *export.Manifest) (export.Written, error) {
	findings := findingsOf(tx, o.Findings)
	if o.Sample > 0 {
		rows, s, err := export.Draw(findings, o.Sample, o.Seed, func(f retinue.Finding) string { return string(f.ID) })
		if err != nil {
			return export.Written{}, err
		}
		m.Sample = &s
		findings = sequence(rows)
	}
	if o.Format == "ocsf" {
		return export.OCSF{Tool: tool()}.WriteFindings(w, findings)
	}
	var skipped []export.SkippedScope
	for _, s := range m.Sources {
		skipped = append(skipped, s.Skipped...)
	}
	return export.WriteSARIF(w, export.SARIF{Tool: tool(), Rules: a.exportRules(), Findings: findings, Skipped: skipped})
}

func tool() export.Tool { return export.Tool{Name: "Retinue", Version: Version} }

func (a *App) exportRules() []export.Rule {
	var out []export.Rule
	for _, r := range a.everyRule() {
		out = append(out, export.Rule{ID: r.ID, Title: r.Title, Remediation: r.Remediation,
			Severity: r.Severity, OWASP: r.OWASP, Controls: r.Controls})
	}
	return out
}

func (a *App) table(tx *sqlstore.Tx, o ExportOptions) (export.Table, error) {
	switch o.Subject {
	case "identities":
		o.Things.Type = retinue.FactIdentity
		return entityTable("identities", thingsOf(tx, o.Things)), nil
	case "credentials":
		o.Things.Type = retinue.FactCredential
		return entityTable("credentials", thingsOf(tx, o.Things)), nil
	case "grants":
		o.Things.Type = retinue.FactIdentity
		return grantTable(grantsListed(tx, o.Things)), nil
	case "findings":
		return findingTable(findingsOf(tx, o.Findings)), nil
	case "records":
		return recordTable(recordsOf(tx, o.Records)), nil
	}
	return export.Table{}, fmt.Errorf("%w: export %q: want one of %s", retinue.ErrInvalid, o.Subject, strings.Join(ExportSubjects(), ", "))
}

func columns(names ...string) []export.Column {
	out := make([]export.Column, len(names))
	for i, n := range names {
		out[i].Name = n
	}
	return out
}

func entityTable(name string, rows iter.Seq2[store.Entity, error]) export.Table {
	return export.Table{Name: name, Columns: columns("id", "source", "kind", "key", "name", "realm", "subtype", "class", "state", "environment",
		"criticality", "dataClass", "managed", "owner", "container", "createdAt", "expiresAt", "lastUsed", "firstSeen", "goneAt"),
		Rows: mapRows(rows, func(e store.Entity) export.Row {
			return export.Row{string(e.ID), e.Source, e.Kind, e.Key, e.Name, string(e.Realm), e.Subtype, string(e.Class), e.State,
				string(e.Environment), string(e.Criticality), e.DataClass, string(e.Managed), e.Owner, e.Container, e.CreatedAt, e.ExpiresAt,
				e.LastUsed, e.FirstSeen, e.GoneAt}
		})}
}

func grantTable(rows iter.Seq2[inventory.Grant, error]) export.Table {
	return export.Table{Name: "grants", Columns: columns("id", "source", "kind", "key", "name", "class", "policy", "policyKey", "language",
		"privileges", "resource", "within", "via", "path", "admin", "conditional", "hasDeny", "documentSeen", "sentences"),
		Rows: mapRows(rows, func(g inventory.Grant) export.Row {
			return export.Row{string(g.ID), g.Source, g.Kind, g.Key, g.Name, string(g.Class), g.Policy, g.PolicyKey, string(g.Language),
				g.Privileges, g.Resource, g.Within, g.Via, g.Path, g.Admin, g.Conditional, g.HasDeny, g.DocumentSeen, g.Sentences}
		})}
}

func findingTable(rows iter.Seq2[retinue.Finding, error]) export.Table {
	return export.Table{Name: "findings", Columns: columns("id", "rule", "severity", "state", "priority", "title", "name", "kind", "key", "realm",
		"message", "remediation", "owasp", "controls", "place", "family", "fix", "firstSeen", "lastSeen", "resolvedAt", "acceptedUntil",
		"suppressed", "priorityReason", "fingerprint", "evidence"),
		Rows: mapRows(rows, func(f retinue.Finding) export.Row {
			evidence, _ := json.Marshal(f.Evidence)
			var until time.Time
			if f.Accepted != nil {
				until = f.Accepted.Until
			}
			owasp := make([]string, len(f.OWASP))
			for i, o := range f.OWASP {
				owasp[i] = string(o)
			}
			return export.Row{string(f.ID), f.Rule, string(f.Severity), string(f.State), f.Priority, f.Title, f.Name, f.Subject.Kind,
				f.Subject.Key, string(f.Subject.Realm), f.Message, f.Remediation, owasp, f.Controls, placesText(f.Places), f.Family, f.Fix,
				f.FirstSeen, f.LastSeen, f.ResolvedAt, until, f.Suppressed, f.PriorityReason, f.Fingerprint, json.RawMessage(evidence)}
		})}
}

func placesText(places []retinue.Place) []string {
	var out []string
	for _, p := range places {
		s := p.Path
		if p.Line > 0 {
			s += ":" + strconv.Itoa(p.Line)
		}
		if p.Commit != "" {
			s += "@" + p.Commit[:min(12, len(p.Commit))]
		}
		out = append(out, s)
	}
	return out
}

func mapRows[T any](rows iter.Seq2[T, error], f func(T) export.Row) iter.Seq2[export.Row, error] {
	return func(yield func(export.Row, error) bool) {
		for v, err := range rows {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(f(v), nil) {
				return
			}
		}
	}
}

// notCoveredBy lists what the way a run read its source never contains.
func notCoveredBy(r store.Run) []string {
	out := slices.Clone(r.Access.NotCovered)
	for _, n := range r.Notes {
		if n.Kind == "not_covered" {
			out = append(out, n.Text)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

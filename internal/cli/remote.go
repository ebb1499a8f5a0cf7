package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/store"
)

// remote is the inventory of a server, as far as the token's account sees it.
type remote struct{ c *client.Client }

func listOf(t retinue.FactType) string {
	if t == retinue.FactCredential {
		return "/credentials"
	}
	return "/identities"
}

func set(v url.Values, name, value string) {
	if value != "" {
		v.Set(name, value)
	}
}

func several(v url.Values, name string, values []string) {
	for _, x := range values {
		v.Add(name, x)
	}
}

// paged is what every list is asked.
func paged(filter url.Values, sort store.SortKey, desc bool, at store.AsOf) client.ListOptions {
	o := client.ListOptions{Filter: filter, Sort: string(sort), AsOf: at.Observed, KnownAt: at.Known}
	if desc {
		o.Sort = "-" + o.Sort
	}
	return o
}

func thingOptions(q store.ListQuery) client.ListOptions {
	v := url.Values{}
	f := q.Filter
	for _, id := range f.IDs {
		v.Add("id", string(id))
	}
	several(v, "source", f.Sources)
	several(v, "realm", f.Realms)
	several(v, "kind", f.Kinds)
	several(v, "class", f.Classes)
	several(v, "state", f.States)
	several(v, "environment", f.Environments)
	several(v, "criticality", f.Criticalities)
	several(v, "owner", f.Owners)
	set(v, "text", f.Text)
	if f.Gone {
		v.Set("gone", "true")
	}
	return paged(v, cmp.Or(q.Sort, store.SortName), q.Desc, q.AsOf)
}

func (r *remote) things(ctx context.Context, q store.ListQuery) iter.Seq2[store.ListRow, error] {
	return client.List[store.ListRow](ctx, r.c, listOf(q.Type), thingOptions(q))
}

func (r *remote) grants(ctx context.Context, q store.ListQuery) iter.Seq2[inventory.Grant, error] {
	return client.List[inventory.Grant](ctx, r.c, "/grants", thingOptions(q))
}

func (r *remote) whole(ctx context.Context, t retinue.FactType, id retinue.EntityID, at store.AsOf, history bool) (out app.Whole, err error) {
	v := url.Values{}
	if !at.IsZero() {
		set(v, "as_of", timeOf(at.Observed))
		set(v, "known_at", timeOf(at.Known))
	}
	if history {
		v.Set("history", "true")
	}
	_, err = r.c.Do(ctx, client.Request{Path: listOf(t) + "/" + url.PathEscape(string(id)) + "/whole", Query: v}, &out)
	return out, err
}

// timeOf is a time as the interface takes it; none is empty.
func timeOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (r *remote) findings(ctx context.Context, q store.FindingList) iter.Seq2[store.FindingRow, error] {
	return client.List[store.FindingRow](ctx, r.c, "/findings", findingOptions(q))
}

func findingOptions(q store.FindingList) client.ListOptions {
	v := url.Values{}
	f := q.Filter
	several(v, "severity", f.Severities)
	several(v, "state", f.States)
	several(v, "rule", f.Rules)
	several(v, "owasp", f.OWASP)
	several(v, "source", f.Sources)
	several(v, "family", f.Families)
	several(v, "fix", f.Fixes)
	set(v, "entity", string(f.Entity))
	set(v, "text", f.Text)
	if f.Suppressed {
		v.Set("suppressed", "true")
	}
	return paged(v, q.Sort, q.Desc, q.AsOf)
}

func (r *remote) finding(ctx context.Context, id retinue.FindingID) (retinue.Finding, error) {
	f, err := r.c.Finding(ctx, id)
	return f.Finding, err
}

func (r *remote) decide(ctx context.Context, d app.Decision) (int, error) {
	in := client.Decision{State: d.State, Reason: d.Reason, Until: d.Until}
	if strings.HasPrefix(d.What, "fnd_") {
		in.IDs = []retinue.FindingID{retinue.FindingID(d.What)}
	} else {
		in.Family = d.What
	}
	out, err := r.c.Decide(ctx, in)
	return out.Changed, err
}

func (r *remote) register(ctx context.Context, x store.Entity, change app.RegistrationChange) error {
	g := change.Registration
	body := map[string]string{}
	for flag, field := range map[string]struct{ name, value string }{
		"owner": {"owner", g.Owner}, "backup-owner": {"backupOwner", g.BackupOwner}, "purpose": {"purpose", g.Purpose},
		"application": {"application", g.Application}, "data-class": {"dataClass", g.DataClass}, "environment": {"environment", string(g.Environment)},
		"criticality": {"criticality", string(g.Criticality)}, "end-date": {"endDate", dateOf(g.EndDate)},
		"review-date": {"reviewDate", dateOf(g.ReviewDate)}, "class": {"class", string(g.Class)}, "class-reason": {"classReason", g.ClassReason},
	} {
		if change.Changed(flag) {
			body[field.name] = field.value
		}
	}
	_, err := r.c.Do(ctx, client.Request{Method: http.MethodPatch, Path: "/identities/" + url.PathEscape(string(x.ID)) + "/registration", Body: body}, nil)
	return err
}

func dateOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (r *remote) records(ctx context.Context, from int64, fn func(iter.Seq2[retinue.Record, error]) error) error {
	return fn(r.c.Records(ctx, client.ListOptions{Sort: "seq", Filter: url.Values{"from_seq": {fmt.Sprint(from)}}}))
}

func (r *remote) verify(ctx context.Context) (string, bool, error) {
	var v struct {
		OK      bool   `json:"ok"`
		Summary string `json:"summary"`
	}
	_, err := r.c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/records/verify"}, &v)
	return v.Summary, v.OK, err
}

func (r *remote) changes(ctx context.Context, from, to time.Time) ([]store.Change, error) {
	v := url.Values{"from": {timeOf(from)}, "to": {timeOf(to)}}
	var p client.Page[store.Change]
	_, err := r.c.Do(ctx, client.Request{Path: "/diff", Query: v}, &p)
	return p.Items, err
}

func (r *remote) scopes(ctx context.Context) ([]store.ScopeStatus, error) {
	var p client.Page[store.ScopeStatus]
	_, err := r.c.Do(ctx, client.Request{Path: "/scopes"}, &p)
	return p.Items, err
}

func (r *remote) rules(ctx context.Context) ([]app.RuleText, error) {
	var p client.Page[app.RuleText]
	_, err := r.c.Do(ctx, client.Request{Path: "/rules/texts"}, &p)
	return p.Items, err
}

func (r *remote) export(ctx context.Context, path string, o app.ExportOptions) (export.Manifest, error) {
	options := thingOptions(o.Things)
	if o.Subject == "findings" {
		options = findingOptions(o.Findings)
	}
	q := options.Query()
	q.Set("format", o.Format)
	if o.Sample > 0 {
		q.Set("sample", fmt.Sprint(o.Sample))
		q.Set("seed", o.Seed)
	}
	return r.download(ctx, path, "/exports/"+o.Subject, q)
}

func (r *remote) archive(ctx context.Context, path string) (int64, error) {
	m, err := r.download(ctx, path, "/exports/archive", url.Values{})
	if err == nil { // the archive has a manifest of its own in it
		err = os.Remove(path + export.ManifestSuffix)
	}
	return m.Rows, err
}

func (r *remote) report(ctx context.Context, o reportOptions) error {
	q := client.ListOptions{AsOf: o.at.Observed, KnownAt: o.at.Known}.Query()
	if o.html != "" {
		q.Set("format", "html")
		m, err := r.download(ctx, o.html, "/exports/report", q)
		if err == nil {
			o.written(m)
		}
		return err
	}
	q.Set("format", "text")
	q.Set("width", fmt.Sprint(o.width))
	if o.color {
		q.Set("color", "true")
	}
	body, err := r.c.Stream(ctx, client.Request{Path: "/exports/report", Query: q})
	if err != nil {
		return err
	}
	_, err = io.Copy(o.out, body)
	return errors.Join(err, body.Close())
}

// maxManifest bounds a manifest, in bytes.
const maxManifest = 16 << 20

// download writes a file that a server makes, and its manifest beside it. Both
// get their names only once they are whole, and the file is what the manifest
// says.
func (r *remote) download(ctx context.Context, path, from string, q url.Values) (m export.Manifest, err error) {
	q.Set("manifest", "true")
	body, err := r.c.Stream(ctx, client.Request{Path: from, Query: q})
	if err != nil {
		return m, err
	}
	defer func() { _ = body.Close() }()
	// The boundary is the first line of the body.
	b := bufio.NewReader(body)
	first, err := b.Peek(128)
	if err != nil && !errors.Is(err, io.EOF) {
		return m, fmt.Errorf("%w: read export: %v", retinue.ErrUnavailable, err)
	}
	boundary, _, ok := strings.Cut(string(first), "\r\n")
	if boundary, _ = strings.CutPrefix(boundary, "--"); !ok || boundary == "" {
		return m, fmt.Errorf("%w: read export: the server sends no manifest with it", retinue.ErrUnsupported)
	}
	parts := multipart.NewReader(b, boundary)
	file, err := parts.NextPart()
	if err != nil {
		return m, fmt.Errorf("%w: read export: %v", retinue.ErrUnavailable, err)
	}
	return export.Receive(path, func(w io.Writer) (raw []byte, err error) {
		if _, err := io.Copy(w, file); err != nil {
			return nil, fmt.Errorf("%w: read export: %v", retinue.ErrUnavailable, err)
		}
		p, err := parts.NextPart()
		if err == nil {
			raw, err = io.ReadAll(io.LimitReader(p, maxManifest))
		}
		if err != nil {
			return nil, fmt.Errorf("%w: read manifest: %v", retinue.ErrUnavailable, err)
		}
		return raw, nil
	})
}

package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/store"
)

// Exporter writes lists as files, on record.
type Exporter interface {
	ExportThings(ctx context.Context, c auth.Caller, w io.Writer, q store.ListQuery, as ExportAs) (export.Manifest, error)
	ExportGrants(ctx context.Context, c auth.Caller, w io.Writer, q store.ListQuery, as ExportAs) (export.Manifest, error)
	ExportFindings(ctx context.Context, c auth.Caller, w io.Writer, q store.FindingList, as ExportAs) (export.Manifest, error)
	ExportRecords(ctx context.Context, c auth.Caller, w io.Writer, q store.RecordQuery, as ExportAs) (export.Manifest, error)
	// ExportReport writes the main figures, as html or text.
	ExportReport(ctx context.Context, c auth.Caller, w io.Writer, at store.AsOf, as ExportAs) (export.Manifest, error)
	// ExportArchive writes the whole audit log with a signed checkpoint.
	ExportArchive(ctx context.Context, c auth.Caller, w io.Writer, as ExportAs) (export.Manifest, error)
}

// ExportAs says how a list is exported.
type ExportAs struct {
	Format string
	// Filters are the filters as they were asked, for the record.
	Filters map[string][]string
	// Sample draws so many rows by Seed; 0: every row.
	Sample int
	Seed   string
	// Width and Color are how a report is written as text.
	Width int
	Color bool
	// Digest gives the bytes and the hash of what was written.
	Digest *export.Digest
}

// ExportMore is what every export takes beside the filters of its list.
type ExportMore struct {
	Manifest bool   `query:"manifest" doc:"Answer multipart/mixed: the file, then the manifest that says exactly what it is"`
	Sample   int    `query:"sample" minimum:"0" maximum:"100000" doc:"Draw so many rows instead of all"`
	Seed     string `query:"seed" maxLength:"200" default:"1" doc:"The same seed draws the same rows from the same data"`
}

// The formats, with their types.
func exportTypes() map[string]string {
	return map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json",
		"xlsx":  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		"sarif": "application/sarif+json", "ocsf": "application/x-ndjson", "ndjson": "application/x-ndjson",
		"html": "text/html; charset=utf-8", "text": "text/plain; charset=utf-8"}
}

type exportIdentitiesInput struct {
	Format string `query:"format" required:"true" enum:"csv,json,xlsx"`
	ExportMore
	ListIdentitiesInput
}

type exportCredentialsInput struct {
	Format string `query:"format" required:"true" enum:"csv,json,xlsx"`
	ExportMore
	ListCredentialsInput
}

type exportFindingsInput struct {
	Format string `query:"format" required:"true" enum:"csv,json,xlsx,sarif,ocsf"`
	ExportMore
	ListFindingsInput
}

type exportRecordsInput struct {
	Format string `query:"format" required:"true" enum:"csv,json,xlsx,ocsf"`
	ExportMore
	ListRecordsInput
}

type exportReportInput struct {
	Format string `query:"format" required:"true" enum:"html,text"`
	Width  int    `query:"width" minimum:"0" maximum:"1000" doc:"Of text, in columns"`
	Color  bool   `query:"color" doc:"Text with the escape codes of terminals"`
	ExportMore
	AsOfInput
}

type exportArchiveInput struct {
	ExportMore
}

func (a *API) exports() {
	s := a.services.Exporter
	if s == nil {
		return
	}
	exported(a, "identities", func(in *exportIdentitiesInput) (string, ExportMore) { return in.Format, in.ExportMore },
		func(ctx context.Context, w io.Writer, in *exportIdentitiesInput, as ExportAs) (export.Manifest, error) {
			return s.ExportThings(ctx, caller(ctx), w, in.query(retinue.FactIdentity), as)
		})
	exported(a, "grants", func(in *exportIdentitiesInput) (string, ExportMore) { return in.Format, in.ExportMore },
		func(ctx context.Context, w io.Writer, in *exportIdentitiesInput, as ExportAs) (export.Manifest, error) {
			return s.ExportGrants(ctx, caller(ctx), w, in.query(retinue.FactIdentity), as)
		})
	exported(a, "credentials", func(in *exportCredentialsInput) (string, ExportMore) { return in.Format, in.ExportMore },
		func(ctx context.Context, w io.Writer, in *exportCredentialsInput, as ExportAs) (export.Manifest, error) {
			return s.ExportThings(ctx, caller(ctx), w, in.query(), as)
		})
	exported(a, "findings", func(in *exportFindingsInput) (string, ExportMore) { return in.Format, in.ExportMore },
		func(ctx context.Context, w io.Writer, in *exportFindingsInput, as ExportAs) (export.Manifest, error) {
			return s.ExportFindings(ctx, caller(ctx), w, in.query(), as)
		})
	exported(a, "records", func(in *exportRecordsInput) (string, ExportMore) { return in.Format, in.ExportMore },
		func(ctx context.Context, w io.Writer, in *exportRecordsInput, as ExportAs) (export.Manifest, error) {
			q := in.RecordFilter.query()
			q.Desc = in.Sort != "seq"
			return s.ExportRecords(ctx, caller(ctx), w, q, as)
		})
	exported(a, "report", func(in *exportReportInput) (string, ExportMore) { return in.Format, in.ExportMore },
		func(ctx context.Context, w io.Writer, in *exportReportInput, as ExportAs) (export.Manifest, error) {
			as.Width, as.Color = in.Width, in.Color
			return s.ExportReport(ctx, caller(ctx), w, in.asOf(), as)
		})
	exported(a, "archive", func(in *exportArchiveInput) (string, ExportMore) { return "ndjson", in.ExportMore },
		func(ctx context.Context, w io.Writer, _ *exportArchiveInput, as ExportAs) (export.Manifest, error) {
			return s.ExportArchive(ctx, caller(ctx), w, as)
		})
}

// exported registers the export of a list. It takes the filters and the sort
// of the list; limit and cursor do not limit it.
func exported[I any](a *API, list string, asked func(*I) (string, ExportMore), write func(context.Context, io.Writer, *I, ExportAs) (export.Manifest, error)) {
	id := "export-" + list
	op := huma.Operation{OperationID: id, Method: http.MethodGet, Path: "/exports/" + list, Tags: []string{"Exports"}, Summary: "Export " + list + " as a file",
		Description: "All that the list shows with the same filters and sort; limit and cursor do not limit it. A file that could not be written whole ends the connection early.",
		Responses:   map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{}}}}
	for _, t := range exportTypes() {
		op.Responses["200"].Content[t] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	}
	op.Responses["200"].Content["multipart/mixed"] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	add(a, op, func(_ context.Context, in *I) (*stream, error) {
		return &stream{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			ctx := c.Context()
			// The file takes as long as it takes: the time for each piece is
			// bounded, that for the whole is not.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			format, more := asked(in)
			f := &file{w: w, name: fmt.Sprintf("%s-%s.%s", list, a.services.Now().UTC().Format("2006-01-02"), extension(format)), kind: exportTypes()[format]}
			if more.Manifest {
				f.parts = multipart.NewWriter(w)
			}
			d := export.NewDigest(f)
			m, err := write(ctx, d, in, ExportAs{Format: format, Filters: filtersOf(r), Sample: more.Sample, Seed: more.Seed, Digest: d})
			if err == nil {
				err = f.finish(m)
			}
			switch {
			case err == nil:
			case !f.begun:
				writeProblem(w, r, a.failed(ctx, id, err))
			default:
				_ = a.failed(ctx, id, err)
				panic(http.ErrAbortHandler) // half a file must not look whole
			}
		}}, nil
	})
}

func extension(format string) string {
	switch format {
	case "text":
		return "txt"
	case "ocsf":
		return "ocsf.ndjson"
	case "sarif":
		return "sarif.json"
	}
	return format
}

// filtersOf are the filters as they stand in the address.
func filtersOf(r *http.Request) map[string][]string {
	q := r.URL.Query()
	for _, k := range []string{"limit", "cursor", "count", "format", "manifest", "sample", "seed", "width", "color"} {
		q.Del(k)
	}
	return q
}

// file writes its head with its first byte, so that what fails before is told
// as a problem. With parts it is the first of two, its manifest the second.
type file struct {
	w          http.ResponseWriter
	name, kind string
	parts      *multipart.Writer
	begun      bool
	to         io.Writer
}

func (f *file) begin() error {
	if f.begun {
		return nil
	}
	f.begun = true
	attachment := `attachment; filename="` + f.name + `"`
	h := f.w.Header()
	h.Set("Cache-Control", "no-store")
	if f.parts == nil {
		h.Set("Content-Type", f.kind)
		h.Set("Content-Disposition", attachment)
		f.w.WriteHeader(http.StatusOK)
		f.to = f.w
		return nil
	}
	h.Set("Content-Type", "multipart/mixed; boundary="+f.parts.Boundary())
	f.w.WriteHeader(http.StatusOK)
	var err error
	f.to, err = f.parts.CreatePart(textproto.MIMEHeader{"Content-Type": {f.kind}, "Content-Disposition": {attachment}})
	return err
}

func (f *file) Write(b []byte) (int, error) {
	if err := f.begin(); err != nil {
		return 0, err
	}
	return f.to.Write(b)
}

// finish ends the file, with its manifest where that was asked for.
func (f *file) finish(m export.Manifest) error {
	if err := f.begin(); err != nil || f.parts == nil {
		return err
	}
	m.File = f.name
	raw, err := m.Encode()
	if err != nil {
		return err
	}
	p, err := f.parts.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/json"}})
	if err == nil {
		_, err = p.Write(raw)
	}
	return errors.Join(err, f.parts.Close())
}

package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Exporter writes lists as files, on record.
type Exporter interface {
	ExportThings(ctx context.Context, c auth.Caller, w io.Writer, q store.ListQuery, as ExportAs) error
	ExportGrants(ctx context.Context, c auth.Caller, w io.Writer, q store.ListQuery, as ExportAs) error
	ExportFindings(ctx context.Context, c auth.Caller, w io.Writer, q store.FindingList, as ExportAs) error
	ExportRecords(ctx context.Context, c auth.Caller, w io.Writer, q store.RecordQuery, as ExportAs) error
}

// ExportAs says how a list is exported.
type ExportAs struct {
	Format string
	// Filters are the filters as they were asked, for the record.
	Filters map[string][]string
}

// The formats, with their types.
func exportTypes() map[string]string {
	return map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json",
		"xlsx":  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		"sarif": "application/sarif+json", "ocsf": "application/x-ndjson"}
}

type exportIdentitiesInput struct {
	Format string `query:"format" required:"true" enum:"csv,json,xlsx"`
	ListIdentitiesInput
}

type exportCredentialsInput struct {
	Format string `query:"format" required:"true" enum:"csv,json,xlsx"`
	ListCredentialsInput
}

type exportFindingsInput struct {
	Format string `query:"format" required:"true" enum:"csv,json,xlsx,sarif,ocsf"`
	ListFindingsInput
}

type exportRecordsInput struct {
	Format string `query:"format" required:"true" enum:"csv,json,xlsx,ocsf"`
	ListRecordsInput
}

func (a *API) exports() {
	s := a.services.Exporter
	if s == nil {
		return
	}
	exported(a, "identities", func(in *exportIdentitiesInput) string { return in.Format },
		func(ctx context.Context, w io.Writer, in *exportIdentitiesInput, as ExportAs) error {
			return s.ExportThings(ctx, caller(ctx), w, in.query(retinue.FactIdentity), as)
		})
	exported(a, "grants", func(in *exportIdentitiesInput) string { return in.Format },
		func(ctx context.Context, w io.Writer, in *exportIdentitiesInput, as ExportAs) error {
			return s.ExportGrants(ctx, caller(ctx), w, in.query(retinue.FactIdentity), as)
		})
	exported(a, "credentials", func(in *exportCredentialsInput) string { return in.Format },
		func(ctx context.Context, w io.Writer, in *exportCredentialsInput, as ExportAs) error {
			return s.ExportThings(ctx, caller(ctx), w, in.query(), as)
		})
	exported(a, "findings", func(in *exportFindingsInput) string { return in.Format },
		func(ctx context.Context, w io.Writer, in *exportFindingsInput, as ExportAs) error {
			return s.ExportFindings(ctx, caller(ctx), w, in.query(), as)
		})
	exported(a, "records", func(in *exportRecordsInput) string { return in.Format },
		func(ctx context.Context, w io.Writer, in *exportRecordsInput, as ExportAs) error {
			q := in.RecordFilter.query()
			q.Desc = in.Sort != "seq"
			return s.ExportRecords(ctx, caller(ctx), w, q, as)
		})
}

// exported registers the export of a list. It takes the filters and the sort
// of the list; limit and cursor do not limit it.
func exported[I any](a *API, list string, format func(*I) string, write func(context.Context, io.Writer, *I, ExportAs) error) {
	id := "export-" + list
	op := huma.Operation{OperationID: id, Method: http.MethodGet, Path: "/exports/" + list, Tags: []string{"Exports"}, Summary: "Export " + list + " as a file",
		Description: "All that the list shows with the same filters and sort; limit and cursor do not limit it. A file that could not be written whole ends the connection early.",
		Responses:   map[string]*huma.Response{"200": {Description: "The file", Content: map[string]*huma.MediaType{}}}}
	for _, t := range exportTypes() {
		op.Responses["200"].Content[t] = &huma.MediaType{Schema: &huma.Schema{Type: "string", Format: "binary"}}
	}
	add(a, op, func(_ context.Context, in *I) (*stream, error) {
		return &stream{Body: func(c huma.Context) {
			r, w := humago.Unwrap(c)
			ctx := c.Context()
			// The file takes as long as it takes: the time for each piece is
			// bounded, that for the whole is not.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			name := fmt.Sprintf("%s-%s.%s", list, a.services.Now().UTC().Format("2006-01-02"), extension(format(in)))
			f := &file{w: w, name: name, kind: exportTypes()[format(in)]}
			err := write(ctx, f, in, ExportAs{Format: format(in), Filters: asked(r)})
			switch {
			case err == nil:
				f.begin()
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
	case "ocsf":
		return "ocsf.ndjson"
	case "sarif":
		return "sarif.json"
	}
	return format
}

// asked are the filters as they stand in the address.
func asked(r *http.Request) map[string][]string {
	q := r.URL.Query()
	for _, k := range []string{"limit", "cursor", "count", "format"} {
		q.Del(k)
	}
	return q
}

// file writes its head with its first byte, so that what fails before is told
// as a problem.
type file struct {
	w          http.ResponseWriter
	name, kind string
	begun      bool
}

func (f *file) begin() {
	if f.begun {
		return
	}
	f.begun = true
	h := f.w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
	h.Set("Cache-Control", "no-store")
	f.w.WriteHeader(http.StatusOK)
}

func (f *file) Write(b []byte) (int, error) {
	f.begin()
	return f.w.Write(b)
}

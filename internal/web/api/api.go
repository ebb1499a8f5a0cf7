// Package api is the HTTP interface of an installation: JSON under /api/v1,
// described by an OpenAPI 3.1 document that is made from this code
// (openapi.json, public at /api/v1/openapi.json). It knows neither the program
// that it belongs to nor the database: each resource names what it needs in a
// small interface, [Services] lists them, and the program brings them.
//
// # A resource
//
// One file a resource, named by its noun, holding
//
//   - an interface of at most seven methods, named by the noun in the plural
//     (Identities, Channels), which *app.App implements in
//     internal/app/<noun>api.go; its first parameters are the context and
//     either the row scope of a reader (store.RowScope) or the caller
//     (auth.Caller) of a writer; a field of [Services] with the same name
//   - a method of [API] in the plural that registers the operations through
//     [add] and is listed in [API.register]
//   - inputs named <operation>Input and outputs; JSON is camelCase, paths are
//     kebab-case and without the base /api/v1
//
// Each operation has an OperationID in kebab-case ("list-identities"), Tags
// with the resource, a Summary, and a line in the table of access.go, without
// which [New] fails. The table is the only place that decides who may call
// what: a handler may rely on the caller's having the permission. Which rows
// the caller may see or change is the scope of that permission, and every
// access to the store takes it:
//
//	func (a *API) identities() {
//		s := a.services.Identities
//		if s == nil { return }
//		add(a, huma.Operation{OperationID: "get-identity", Method: http.MethodGet, Path: "/identities/{id}",
//			Tags: []string{"Identities"}, Summary: "One identity"},
//			func(ctx context.Context, in *idInput) (*single[Identity], error) {
//				v, err := s.Identity(ctx, caller(ctx).Scope(auth.InventoryRead), in.ID, in.asOf())
//				return one(v, err)
//			})
//	}
//
// A handler returns the errors of the program as they are: [problem] turns the
// six sentinel kinds of the root package into RFC 9457 problems. A
// [retinue.FieldError] names the field that is wrong ("body.until"). Other
// errors are 500 with a request id and no text; the log has them.
//
// # Lists
//
// An input embeds [ListInput] (limit, cursor, count) and, for reads of the
// inventory, [AsOfInput] (as_of, known_at), declares its own `sort` with an
// enum, and its filters. Sorting is "name" or "-name". The answer is
// [pageOf](items, next, total): `{"items":[…],"next":"…","total":n,"totalIsMore":bool}`;
// without a further page next is absent. Unknown query parameters are refused.
// Cursors are opaque; [EncodeCursor] and [DecodeCursor] bind one to the
// filters and the sort that it was made for.
//
// # Single resources and writes
//
// [one](value, err) answers with an ETag that is the hash of the JSON. A write
// embeds [IfMatch] and calls its check against the value as it stands, in the
// program's transaction where races matter. Actions that must not happen twice
// embed [IdempotencyKey] and are registered by [addOnce]. Long work answers 202
// through [accepted]. Bodies are refused beyond 1 MiB unless the operation
// sets MaxBodyBytes. Unknown fields, duplicate keys and trailing data are
// refused before a handler runs. What is streamed is an output with
// `Body func(huma.Context)`; requests that need the raw request and response
// (redirects, SCIM) are registered by [addRaw].
//
// # Tests
//
// Scenario tables are in package api_test: [harness] runs them against the
// real program, with two owners and what a response must not contain. After
// adding operations run `go test ./internal/web/api -run OpenAPI -update`.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/retinue-id/retinue/internal/auth"
)

// Base is the path under which everything lies.
const Base = "/api/v1"

// maxBody bounds a request's body, in bytes, where an operation does not say
// otherwise.
const maxBody = 1 << 20

// Authenticator finds out who calls.
type Authenticator interface {
	// Authenticate returns the caller of a request. A request without
	// credentials has the zero Caller and no error. ErrDenied says that the
	// credentials are wrong, have ended, or came from another site.
	Authenticate(r *http.Request) (auth.Caller, error)
}

// Services are what the program brings. A resource whose service is nil does
// not exist in this server; tests check that the program brings all.
type Services struct {
	Auth Authenticator
	Log  *slog.Logger
	Now  func() time.Time
	// Version is the program's version.
	Version string
	// Demo says that the installation holds the invented sample company.
	Demo bool
	// DemoStep says what is being done to complete it, "" when it is complete; nil
	// where it always is.
	DemoStep func() string
	// Stopping is closed when the server begins to stop: streams end then.
	Stopping <-chan struct{}

	Accounts      Accounts
	SignIn        SignIn
	SetUp         SetUp
	SignInSSO     SignInSSO
	Factors       Factors
	OwnPasskeys   OwnPasskeys
	Refresh       Refresh
	Devices       Devices
	OwnSessions   OwnSessions
	People        People
	Invitations   Invitations
	RoleBindings  RoleBindings
	AccountGroups AccountGroups
	Tokens        Tokens
	SSO           SSO

	Answers      Answers
	Identities   Identities
	Things       Things
	AccessEngine AccessEngine
	AccessCutter AccessCutter
	UsageHistory UsageHistory
	Simulator    Simulator
	RightSizer   RightSizer
	Signals      Signals
	// UsageEventReader reads the events themselves, where they are kept.
	UsageEventReader UsageEventReader
	Relations        Relations
	Wholes           Wholes
	Findings         Findings
	Undoer           Undoer
	Rules            Rules
	Records          Records
	Inventory        Inventory
	Overviewer       Overviewer
	Populations      Populations
	Exporter         Exporter
	Events           Events
	Views            Views
	Sources          Sources
	Connectors       Connectors
	Scans            Scans
	Hooks            Hooks
	Collectors       Collectors
	HandIns          HandIns

	EventReceiver EventReceiver

	Outlets      Outlets
	NoticeRoutes NoticeRoutes
	Notices      Notices
	Tickets      Tickets
	Checkpoints  Checkpoints

	Registrations  Registrations
	Owners         Owners
	OwnershipRules OwnershipRules
	ThirdParties   ThirdParties
	Retentions     Retentions
	Sealings       Sealings
	IdleThresholds IdleThresholds

	SourceLogReader  SourceLogReader
	ActivityImporter ActivityImporter
	LogWords         LogWords
	EventStreamer    EventStreamer
}

// API is the set of operations.
type API struct {
	services Services
	huma     huma.API
	mux      *http.ServeMux
	access   map[string]access
	used     map[string]bool
	routes   []Route
	errs     []error
}

// New registers every operation. It fails when an operation has no line in the
// access table.
func New(s Services) (*API, error) {
	strict()
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	a := &API{services: s, mux: http.NewServeMux(), access: accessTable(), used: map[string]bool{}}
	a.huma = humago.NewWithPrefix(a.mux, Base, a.config())
	a.register()
	a.document()
	if err := errors.Join(a.errs...); err != nil {
		return nil, fmt.Errorf("register operations: %w", err)
	}
	return a, nil
}

// register lists the resources.
func (a *API) register() {
	a.me()
	a.signIn()
	a.factors()
	a.devices()
	a.sessions()
	a.people()
	a.bindings()
	a.tokens()
	a.sso()
	a.identities()
	a.things()
	a.accessAsked()
	a.usage()
	a.simulations()
	a.rightSizes()
	a.signals()
	a.usageEvents()
	a.relations()
	a.wholes()
	a.findings()
	a.rules()
	a.records()
	a.credentials()
	a.inventory()
	a.overview()
	a.population()
	a.exports()
	a.events()
	a.views()
	a.sources()
	a.sourceLogs()
	a.connectors()
	a.scans()
	a.hooks()
	a.collectors()
	a.handIns()
	a.eventReceiver()
	a.activityImports()
	a.logWords()
	a.eventStreams()
	a.channels()
	a.noticeRoutes()
	a.notices()
	a.tickets()
	a.streams()
	a.checkpoints()
	a.registrations()
	a.owners()
	a.ownershipRules()
	a.thirdParties()
	a.retention()
	a.sealing()
	a.idleThreshold()
}

func (a *API) config() huma.Config {
	c := huma.DefaultConfig("Retinue", "1")
	c.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaNames())
	c.Info.Description = "The interface of an installation of Retinue, which finds and governs non-human identities."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil // no $schema links in bodies
	c.RejectUnknownQueryParameters = true
	c.Formats = map[string]huma.Format{"application/json": {Marshal: marshal, Unmarshal: unmarshal}, "json": {Marshal: marshal, Unmarshal: unmarshal}}
	c.Transformers = []huma.Transformer{transformProblem}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer":  {Type: "http", Scheme: "bearer", Description: "An API token, or the token of a device that was approved."},
		"session": {Type: "apiKey", In: "cookie", Name: "__Host-retinue", Description: "The session of a browser; without TLS, on loopback only, its name is retinue."},
	}
	return c
}

// marshal writes JSON without escaping what only matters inside HTML pages
// being lost: < and > are escaped, so that no answer is taken for a page.
func marshal(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// ServeHTTP implements http.Handler for everything under Base.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, pattern := a.mux.Handler(r)
	if pattern == "" {
		a.unknown(w, r)
		return
	}
	if query, err := url.QueryUnescape(r.URL.RawQuery); strings.ContainsRune(r.URL.Path, 0) || err == nil && strings.ContainsRune(query, 0) {
		// Nothing that is kept has one, and PostgreSQL takes none.
		writeProblem(w, r, newProblem(http.StatusUnprocessableEntity, "a null byte stands in the address: nothing is called so"))
		return
	}
	// Patterns with wildcards need the mux itself to fill in path values.
	_ = h
	a.mux.ServeHTTP(w, r)
}

// unknown answers for paths and methods that do not exist: to whoever is not
// signed in as to anyone without a right, so that nothing is told about what
// there is.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	status, detail := http.StatusNotFound, "there is no such operation"
	if allow := a.methods(r); len(allow) > 0 {
		status, detail = http.StatusMethodNotAllowed, "the path does not take the method "+r.Method
		for _, m := range allow {
			w.Header().Add("Allow", m)
		}
	}
	writeProblem(w, r, newProblem(status, detail))
}

func (a *API) methods(r *http.Request) []string {
	var out []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := r.Clone(r.Context())
		probe.Method = m
		if _, pattern := a.mux.Handler(probe); pattern != "" && m != r.Method {
			out = append(out, m)
		}
	}
	return out
}

// Document returns the OpenAPI document.
func (a *API) Document() ([]byte, error) {
	b, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write document: %w", err)
	}
	return append(b, '\n'), nil
}

// document serves the OpenAPI document to anyone.
func (a *API) document() {
	var text []byte
	addRaw(a, huma.Operation{OperationID: "get-openapi", Method: http.MethodGet, Path: "/openapi.json", Tags: []string{"Meta"},
		Summary: "This document"}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json;version=3.1")
		if notModified(w, r, etagOf(text)) {
			return
		}
		_, _ = w.Write(text)
	})
	var err error
	if text, err = a.Document(); err != nil {
		a.errs = append(a.errs, err)
	}
}

type callerKey struct{}

// caller returns who calls.
func caller(ctx context.Context) auth.Caller {
	c, _ := ctx.Value(callerKey{}).(auth.Caller)
	return c
}

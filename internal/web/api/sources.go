package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Sources are the configured sources. Changes take a check, which is called in
// the transaction with the source as it stands.
type Sources interface {
	ListSources(ctx context.Context, scope store.RowScope) ([]Source, error)
	Source(ctx context.Context, scope store.RowScope, name string) (Source, error)
	CreateSource(ctx context.Context, c auth.Caller, in SourceInput) (Source, error)
	ChangeSource(ctx context.Context, c auth.Caller, name string, in SourceChange, check func(Source) error) (Source, error)
	RemoveSource(ctx context.Context, c auth.Caller, name string, check func(Source) error) error
	SetSourceSecret(ctx context.Context, c auth.Caller, name, option string, value *retinue.Secret) (Source, error)
	CheckSource(ctx context.Context, c auth.Caller, name string) (SourceCheck, error)
}

// Source is a source and how it stands.
type Source struct {
	ID     retinue.SourceID `json:"id"`
	Name   string           `json:"name"`
	Kind   string           `json:"kind"`
	Target string           `json:"target,omitempty" doc:"Without secrets"`
	// Origin says where it is configured.
	Origin    string            `json:"origin" enum:"file,api,collector,command,self" doc:"file: retinue.yaml, changed there; api: here; collector: handed in; command: scanned from the command line and not configured; self: this installation, which reads itself"`
	Collector store.CollectorID `json:"collector,omitempty"`
	Options   map[string]string `json:"options"`
	Secrets   []SourceSecret    `json:"secrets" doc:"Which secrets are set; their values are never returned"`
	Hook      *SourceHook       `json:"hook,omitempty" doc:"The webhook that starts a scan, if there is one"`
	// Interval is empty where nothing is scheduled.
	Interval string `json:"interval,omitempty" doc:"Time between scans, such as 6h0m0s; absent: on demand only"`
	Jitter   string `json:"jitter,omitempty" doc:"By how much at most each scan is put off"`
	Paused   bool   `json:"paused"`
	Version  int64  `json:"version"`

	State        string         `json:"state" enum:"never_scanned,complete,partial,failed,crashed,running,refused" doc:"How its last run went"`
	Realm        retinue.Realm  `json:"realm,omitempty"`
	RealmName    string         `json:"realmName,omitempty"`
	Principal    string         `json:"principal,omitempty" doc:"Who the connector is there"`
	Completeness Completeness   `json:"completeness"`
	Problems     []string       `json:"problems" doc:"What its last run could not do"`
	Missing      []MissingRight `json:"missing" doc:"Privileges that its credentials lack, and what therefore is not known"`
	NotCovered   []string       `json:"notCovered" doc:"What this way of reading never contains"`
	BlindSpots   []string       `json:"blindSpots" doc:"What connectors of this kind never see"`
	CouldRead    []string       `json:"couldRead" doc:"What its credentials would allow beyond what is read"`
	Last         *LastRun       `json:"last,omitempty"`
	Next         time.Time      `json:"next,omitzero" doc:"When its schedule comes next"`
	Scan         *Scan          `json:"scan,omitempty" doc:"The scan that runs or waits"`
	Checked      *SourceCheck   `json:"checked,omitempty" doc:"What the last check of its access said"`
	Logs         *SourceLogs    `json:"logs,omitempty" doc:"The logs that are read by themselves, if there are any"`
	Scopes       []SourceScope  `json:"scopes,omitempty" doc:"Of a single source: every scope that stands on its word"`
}

// configured lists what of a source is configured, as the fields of a change
// name it.
func (s Source) configured() []struct{ field, value string } {
	options, _ := json.Marshal(s.Options) // strings always encode, keys in order
	logs := ""
	if s.Logs != nil {
		logs = s.Logs.Target + " every " + s.Logs.Interval
	}
	return []struct{ field, value string }{{"target", s.Target}, {"options", string(options)}, {"interval", s.Interval},
		{"jitter", s.Jitter}, {"paused", strconv.FormatBool(s.Paused)}, {"logs", logs}}
}

// entityTag is the version of the configuration, and a short digest of each
// field of it by which changedSince tells what is no longer the same.
func (s Source) entityTag() string {
	tag := string(s.ID) + "." + strconv.FormatInt(s.Version, 10)
	for _, f := range s.configured() {
		tag += "." + digest(f.value)[:6]
	}
	return `"` + tag + `"`
}

// changedSince implements versioned.
func (s Source) changedSince(tag string) error {
	before := strings.Split(strings.Trim(strings.TrimSpace(tag), `"`), ".")
	now := strings.Split(strings.Trim(s.entityTag(), `"`), ".")
	p := newProblem(http.StatusPreconditionFailed, "")
	p.Type = ProblemChanged
	var names []string
	if len(before) == len(now) && before[0] == now[0] {
		for i, f := range s.configured() {
			if before[i+2] != now[i+2] {
				names = append(names, f.field)
				p.Errors = append(p.Errors, &huma.ErrorDetail{Location: "body." + f.field, Message: "it was changed meanwhile, and is now " + cmp.Or(f.value, "not set")})
			}
		}
	}
	switch {
	case len(names) > 0:
		p.Detail = fmt.Sprintf("the source was changed meanwhile (%s), and is at version %d: read it again", strings.Join(names, ", "), s.Version)
	case len(before) == len(now) && before[0] == now[0]:
		p.Detail = fmt.Sprintf("the source was changed meanwhile and back, and is at version %d: read it again", s.Version)
	default:
		p.Detail = "this is no tag of the source: read it again"
	}
	return p
}

// SourceSecret says of a secret that it is set.
type SourceSecret struct {
	Name  string    `json:"name"`
	Set   bool      `json:"set"`
	SetAt time.Time `json:"setAt,omitzero"`
	SetBy string    `json:"setBy,omitempty"`
	From  string    `json:"from,omitempty" doc:"Of a source in the file: env or file"`
}

// SourceHook is a webhook that starts scans. Its secret was shown when it was
// made.
type SourceHook struct {
	Path     string    `json:"path" doc:"Where to post"`
	SetAt    time.Time `json:"setAt"`
	SetBy    string    `json:"setBy"`
	LastUsed time.Time `json:"lastUsed,omitzero"`
}

// Completeness counts the scopes of a source by how they stand.
type Completeness struct {
	Scopes   int       `json:"scopes"`
	Complete int       `json:"complete"`
	Partial  int       `json:"partial"`
	Failed   int       `json:"failed"`
	Held     int       `json:"held" doc:"Complete, but so much would end that it waits for a second scan or a person"`
	Facts    int64     `json:"facts"`
	Oldest   time.Time `json:"oldest,omitzero" doc:"When the scope that was whole longest ago was whole"`
}

// MissingRight is a privilege that is not there.
type MissingRight struct {
	Permission  string `json:"permission"`
	Scope       string `json:"scope"`
	Consequence string `json:"consequence"`
}

// LastRun is the newest run of a source.
type LastRun struct {
	Run        retinue.RunID    `json:"run"`
	State      string           `json:"state"`
	StartedAt  time.Time        `json:"startedAt"`
	FinishedAt time.Time        `json:"finishedAt,omitzero"`
	By         string           `json:"by"`
	Error      string           `json:"error,omitempty"`
	Notes      []connector.Note `json:"notes"`
	Counts     store.Counts     `json:"counts"`
}

// SourceScope is how one scope stands.
type SourceScope struct {
	Scope       string    `json:"scope"`
	State       string    `json:"state"`
	ObservedAt  time.Time `json:"observedAt,omitzero"`
	CompletedAt time.Time `json:"completedAt,omitzero" doc:"When it was last whole"`
	Facts       int64     `json:"facts"`
	HeldEnds    int64     `json:"heldEnds,omitempty"`
	Basis       string    `json:"basis,omitempty"`
	Problems    []string  `json:"problems"`
}

// SourceCheck is what a check of a source's access said.
type SourceCheck struct {
	At         time.Time      `json:"at"`
	OK         bool           `json:"ok"`
	Error      string         `json:"error,omitempty"`
	Realm      retinue.Realm  `json:"realm,omitempty"`
	RealmName  string         `json:"realmName,omitempty"`
	Principal  string         `json:"principal,omitempty"`
	Missing    []MissingRight `json:"missing"`
	NotCovered []string       `json:"notCovered"`
	CouldRead  []string       `json:"couldRead"`
	Calls      int            `json:"calls,omitempty" doc:"About how many calls a scan makes"`
	Seconds    float64        `json:"seconds,omitempty" doc:"About how long it takes"`
}

// SourceInput is a new source.
type SourceInput struct {
	Name     string            `json:"name" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9][A-Za-z0-9._-]*$" doc:"Unique; it cannot be changed"`
	Kind     string            `json:"kind" minLength:"1" maxLength:"50"`
	Target   string            `json:"target,omitempty" maxLength:"2000"`
	Options  map[string]string `json:"options,omitempty" doc:"By name, as GET /connectors lists them; those that reach into the server's machine are refused"`
	Secrets  map[string]string `json:"secrets,omitempty" doc:"Sealed at once and never returned"`
	Interval string            `json:"interval,omitempty" maxLength:"20" doc:"Such as 30m or 6h; absent: on demand only"`
	Jitter   string            `json:"jitter,omitempty" maxLength:"20" doc:"A tenth of the interval by default"`
	Paused   bool              `json:"paused,omitempty"`
	Logs     *SourceLogsInput  `json:"logs,omitempty" doc:"Logs that are read by themselves"`
}

// SourceChange changes what is given of a source.
type SourceChange struct {
	Target   *string            `json:"target,omitempty" maxLength:"2000"`
	Options  *map[string]string `json:"options,omitempty" doc:"All of them: those that are not named are unset"`
	Interval *string            `json:"interval,omitempty" maxLength:"20" doc:"Empty: on demand only"`
	Jitter   *string            `json:"jitter,omitempty" maxLength:"20"`
	Paused   *bool              `json:"paused,omitempty"`
	Logs     *SourceLogsInput   `json:"logs,omitempty"`
}

// SourcePath names a source by name or id.
type SourcePath struct {
	Name string `path:"name" maxLength:"200" doc:"Name or id"`
}

type createSourceInput struct {
	Body SourceInput
}

type changeSourceInput struct {
	SourcePath
	IfMatch
	Body SourceChange
}

type removeSourceInput struct {
	SourcePath
	IfMatch
}

// SourceSecretPath names a secret of a source.
type SourceSecretPath struct {
	SourcePath
	Secret string `path:"secret" maxLength:"100" doc:"The name of a secret option"`
}

type setSourceSecretInput struct {
	SourceSecretPath
	Body struct {
		Value string `json:"value" minLength:"1" maxLength:"65536"`
	}
}

func (a *API) sources() {
	s := a.services.Sources
	if s == nil {
		return
	}
	tags := []string{"Sources"}
	add(a, huma.Operation{OperationID: "list-sources", Method: http.MethodGet, Path: "/sources", Tags: tags,
		Summary: "Sources, and how complete what is known of each is"},
		func(ctx context.Context, _ *struct{}) (*listed[Source], error) {
			list, err := s.ListSources(ctx, caller(ctx).Scope(auth.PermSourcesRead))
			return wholeList(list), err
		})
	add(a, huma.Operation{OperationID: "get-source", Method: http.MethodGet, Path: "/sources/{name}", Tags: tags,
		Summary: "One source, with its scopes"},
		func(ctx context.Context, in *SourcePath) (*single[Source], error) {
			return one(s.Source(ctx, caller(ctx).Scope(auth.PermSourcesRead), in.Name))
		})
	add(a, huma.Operation{OperationID: "create-source", Method: http.MethodPost, Path: "/sources", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Configure a source", Description: "Kinds and options that reach into the machine that the server runs on (programs, local paths, kubeconfigs, custom endpoints) are refused: they are configured in retinue.yaml."},
		func(ctx context.Context, in *createSourceInput) (*single[Source], error) {
			return one(s.CreateSource(ctx, caller(ctx), in.Body))
		})
	add(a, huma.Operation{OperationID: "change-source", Method: http.MethodPatch, Path: "/sources/{name}", Tags: tags,
		Summary: "Change how a source is configured"},
		func(ctx context.Context, in *changeSourceInput) (*single[Source], error) {
			return one(s.ChangeSource(ctx, caller(ctx), in.Name, in.Body, func(v Source) error { return in.check(v) }))
		})
	add(a, huma.Operation{OperationID: "remove-source", Method: http.MethodDelete, Path: "/sources/{name}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Remove the configuration of a source, with its secrets", Description: "What it stated is history and stays."},
		func(ctx context.Context, in *removeSourceInput) (*struct{}, error) {
			return none(s.RemoveSource(ctx, caller(ctx), in.Name, func(v Source) error { return in.check(v) }))
		})
	add(a, huma.Operation{OperationID: "set-source-secret", Method: http.MethodPut, Path: "/sources/{name}/secrets/{secret}", Tags: tags,
		Summary: "Set or replace a secret of a source; it is never returned"},
		func(ctx context.Context, in *setSourceSecretInput) (*single[Source], error) {
			v := retinue.NewSecret(in.Body.Value)
			return one(s.SetSourceSecret(ctx, caller(ctx), in.Name, in.Secret, &v))
		})
	add(a, huma.Operation{OperationID: "remove-source-secret", Method: http.MethodDelete, Path: "/sources/{name}/secrets/{secret}", Tags: tags,
		Summary: "Remove a secret of a source"},
		func(ctx context.Context, in *SourceSecretPath) (*single[Source], error) {
			return one(s.SetSourceSecret(ctx, caller(ctx), in.Name, in.Secret, nil))
		})
	add(a, huma.Operation{OperationID: "check-source", Method: http.MethodPost, Path: "/sources/{name}/check", Tags: tags,
		Summary: "Check what the credentials of a source can see, without scanning"},
		func(ctx context.Context, in *SourcePath) (*single[SourceCheck], error) {
			return one(s.CheckSource(ctx, caller(ctx), in.Name))
		})
}

package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// Hooks are the webhooks that start scans.
type Hooks interface {
	// SetHook makes the webhook of a source, or gives it a new secret, which is
	// returned this once.
	SetHook(ctx context.Context, c auth.Caller, source string) (NewHook, error)
	RemoveHook(ctx context.Context, c auth.Caller, source string) error
	// TakeHook takes a delivery. ErrDenied says that it is not signed as it
	// should be, or that there is no such webhook: the two look alike.
	TakeHook(ctx context.Context, id retinue.SourceID, d HookDelivery) (HookAnswer, error)
}

// NewHook is a webhook with its secret, which is shown once.
type NewHook struct {
	Path   string `json:"path" doc:"Where to post"`
	Secret string `json:"secret" doc:"Shown this once. Retinue's own signature and GitHub's use it as the key; GitLab sends it as it is"`
}

// HookDelivery is what was posted to a webhook.
type HookDelivery struct {
	// Signature is Retinue's own: t=SECONDS,v1=HEX, the HMAC-SHA-256 of the
	// seconds, a full stop and the body.
	Signature string
	// GitHubSignature is the X-Hub-Signature-256 of GitHub, and GitHubEvent the
	// event; GitLabToken and GitLabEvent are those of GitLab.
	GitHubSignature, GitHubEvent string
	GitLabToken, GitLabEvent     string
	Body                         []byte
}

// HookAnswer is what became of a delivery.
type HookAnswer struct {
	Scan store.ScanID `json:"scan,omitempty"`
	// Repeated says that the delivery had come before.
	Repeated bool `json:"repeated" doc:"It had come before, and led to this scan then"`
	// Ignored says that it was no occasion for a scan.
	Ignored bool `json:"ignored" doc:"It was no occasion for a scan, such as the ping of a new webhook"`
}

// maxHookBody bounds a delivery, in bytes. Deliveries about a push with many
// commits are large.
const maxHookBody = 5 << 20

type hookInput struct {
	ID          retinue.SourceID `path:"id" maxLength:"40"`
	Signature   string           `header:"X-Retinue-Signature" maxLength:"200" doc:"t=SECONDS,v1=HEX: the time, and the HMAC-SHA-256 under the secret of the time, a full stop and the body; five minutes off at most"`
	GitHub      string           `header:"X-Hub-Signature-256" maxLength:"200" doc:"GitHub's signature, in place of Retinue's own"`
	GitHubEvent string           `header:"X-GitHub-Event" maxLength:"100"`
	GitLab      string           `header:"X-Gitlab-Token" maxLength:"200" doc:"GitLab's token, in place of a signature"`
	GitLabEvent string           `header:"X-Gitlab-Event-UUID" maxLength:"100"`
	RawBody     []byte
}

type hookOutput struct {
	Status int
	Body   HookAnswer
}

func (a *API) hooks() {
	s := a.services.Hooks
	if s == nil {
		return
	}
	tags := []string{"Scans"}
	add(a, huma.Operation{OperationID: "set-source-hook", Method: http.MethodPost, Path: "/sources/{name}/hook", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Make the webhook that starts scans of a source, or give it a new secret", Description: "The secret is returned this once. The one before works no more."},
		func(ctx context.Context, in *SourcePath) (*secretly[NewHook], error) {
			v, err := s.SetHook(ctx, caller(ctx), in.Name)
			return secretlyOne(v, err)
		})
	add(a, huma.Operation{OperationID: "remove-source-hook", Method: http.MethodDelete, Path: "/sources/{name}/hook", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Remove the webhook of a source"},
		func(ctx context.Context, in *SourcePath) (*struct{}, error) {
			return none(s.RemoveHook(ctx, caller(ctx), in.Name))
		})
	add(a, huma.Operation{OperationID: "take-scan-hook", Method: http.MethodPost, Path: "/hooks/scan/{id}", Tags: tags, DefaultStatus: http.StatusAccepted, MaxBodyBytes: maxHookBody,
		Summary: "Start a scan by a signed request, after a deployment", Description: "Signed by Retinue's own header, or as GitHub and GitLab do. The same delivery counts once, however often it comes."},
		func(ctx context.Context, in *hookInput) (*hookOutput, error) {
			v, err := s.TakeHook(ctx, in.ID, HookDelivery{Signature: in.Signature, GitHubSignature: in.GitHub, GitHubEvent: in.GitHubEvent,
				GitLabToken: in.GitLab, GitLabEvent: in.GitLabEvent, Body: in.RawBody})
			if err != nil {
				return nil, err
			}
			out := &hookOutput{Status: http.StatusAccepted, Body: v}
			if v.Ignored || v.Repeated {
				out.Status = http.StatusOK
			}
			return out, nil
		})
}

// secretly is the output that holds a secret which is shown once.
type secretly[T any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         T
}

func secretlyOne[T any](v T, err error) (*secretly[T], error) {
	if err != nil {
		return nil, err
	}
	return &secretly[T]{CacheControl: "no-store", Body: v}, nil
}

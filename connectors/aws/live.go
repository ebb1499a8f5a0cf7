package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// liveSource answers calls by the API, as one principal in one account.
type liveSource struct {
	settings  settings
	env       connector.Env
	account   string
	partition string
	principal string
	cfg       aws.Config // with a home region
	meter     *budget

	mu      sync.Mutex
	clients map[string]*clients // by region
}

// liveWorkers is how many calls of one account run at once. The request budget
// is what limits the rate.
const liveWorkers = 6

// maxAttempts is how often a throttled or failed call is tried, and maxBackoff
// the longest wait between two tries. A throttled client also slows itself down
// (the SDK's adaptive mode), so the waits need not be long.
const (
	maxAttempts = 6
	maxBackoff  = 8 * time.Second
)

// budgetEnds keeps a call from being tried again once the budget is used up.
func budgetEnds(err error) aws.Ternary {
	if errors.Is(err, errBudget) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

func newRetryer() aws.Retryer {
	return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
		o.StandardOptions = append(o.StandardOptions, func(s *retry.StandardOptions) {
			s.MaxAttempts, s.MaxBackoff = maxAttempts, maxBackoff
			s.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(budgetEnds)}, s.Retryables...)
		})
	})
}

// connect loads the credentials and asks who they are.
func (s settings) connect(ctx context.Context, env connector.Env) (*liveSource, error) {
	cfg, err := config.LoadDefaultConfig(ctx,
		config.WithRetryer(newRetryer),
		config.WithSharedConfigProfile(s.profile), config.WithAppID(appID(env.UserAgent)))
	if err != nil {
		return nil, fmt.Errorf("%w: load AWS configuration of %s: %s", retinue.ErrInvalid, s.describe(), retinue.CleanName(err.Error()))
	}
	if s.endpoint != "" {
		cfg.BaseEndpoint = aws.String(s.endpoint)
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	src := newLiveSource(s, env, cfg)
	if s.role != "" && strings.HasPrefix(s.role, "arn:") && !s.organization {
		src.cfg.Credentials = src.roleCredentials(s.role)
	}
	id, err := sts.NewFromConfig(src.cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		src.close()
		return nil, fmt.Errorf("ask who the AWS credentials of %s are: %w", s.describe(), apiError(ctx, call{op: opIdentity, region: cfg.Region}, err))
	}
	a, ok := parseARN(aws.ToString(id.Arn))
	if !ok || !isAccountID(aws.ToString(id.Account)) {
		src.close()
		return nil, fmt.Errorf("%w: sts:GetCallerIdentity gave no account", retinue.ErrInvalid)
	}
	src.account, src.partition, src.principal = aws.ToString(id.Account), a.partition, aws.ToString(id.Arn)
	return src, nil
}

// appID makes the SDK's application id, which allows fewer characters than a
// user agent, of ours.
func appID(agent string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r == '_' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return '-'
	}, agent)
	return clean[:min(len(clean), 50)]
}

func newLiveSource(s settings, env connector.Env, cfg aws.Config) *liveSource {
	src := &liveSource{settings: s, env: env, clients: map[string]*clients{}}
	src.meter = newBudget(transport(env), s.perSecond, s.maxRequests)
	cfg.HTTPClient = &http.Client{Transport: src.meter}
	src.cfg = cfg
	return src
}

// callTimeout bounds one attempt, so that a server that hangs ends a scope and
// not the scan.
const callTimeout = 60 * time.Second

func transport(env connector.Env) *http.Transport {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = liveWorkers
		// A connection that is still being made when a run is cancelled goes
		// into the pool after the pool was closed; it must not stay there.
		t.IdleConnTimeout = 3 * time.Second
		if env.Dial != nil {
			t.DialContext, t.Proxy = env.Dial, nil
		}
	}).GetTransport()
}

// roleCredentials assumes a role and renews the session before it ends.
func (l *liveSource) roleCredentials(role string) aws.CredentialsProvider {
	p := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(l.cfg), role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = "retinue"
		if l.settings.externalID != "" {
			o.ExternalID = aws.String(l.settings.externalID)
		}
	})
	return aws.NewCredentialsCache(p, func(o *aws.CredentialsCacheOptions) {
		o.ExpiryWindow = 5 * time.Minute
		o.ExpiryWindowJitterFrac = 0.5
	})
}

// assume returns a source for another account, through the role in it, with a
// request budget of its own.
func (l *liveSource) assume(ctx context.Context, account string) (*liveSource, error) {
	role := l.settings.role
	if !strings.HasPrefix(role, "arn:") {
		role = iamARN(l.partition, account, "role/"+strings.TrimPrefix(role, "/"))
	}
	cfg := l.cfg.Copy()
	cfg.Credentials = l.roleCredentials(role)
	m := newLiveSource(l.settings, l.env, cfg)
	m.account, m.partition = account, l.partition
	if _, err := m.cfg.Credentials.Retrieve(ctx); err != nil {
		m.close()
		return nil, fmt.Errorf("assume role %s: %w", role, apiError(ctx, call{op: "sts assume-role"}, err))
	}
	id, err := sts.NewFromConfig(m.cfg).GetCallerIdentity(ctx, nil)
	if err != nil {
		m.close()
		return nil, apiError(ctx, call{op: opIdentity}, err)
	}
	if aws.ToString(id.Account) != account {
		m.close()
		return nil, fmt.Errorf("%w: role %s lies in account %s", retinue.ErrInvalid, role, aws.ToString(id.Account))
	}
	m.principal = aws.ToString(id.Arn)
	return m, nil
}

func (l *liveSource) close() { l.meter.close() }

func (l *liveSource) workers() int { return liveWorkers }

// in returns the clients of a region.
func (l *liveSource) in(region string) *clients {
	if region == "" {
		region = l.cfg.Region
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[region]
	if c == nil {
		c = newClients(l.cfg, region, l.settings.endpoint != "")
		l.clients[region] = c
	}
	return c
}

// pages implements source: the answer's fields have the names that the AWS CLI
// prints, so encoding it gives the CLI's shape.
func (l *liveSource) pages(ctx context.Context, c call, fn func(io.Reader) error) (time.Time, error) {
	do := liveCalls()[c.op]
	if do == nil {
		return time.Time{}, fmt.Errorf("%w: no live call for %s", retinue.ErrUnsupported, c.op)
	}
	var inner error
	err := do(ctx, l.in(c.region), c, func(page any) error {
		enc, err := json.Marshal(page)
		if err == nil {
			err = fn(bytes.NewReader(enc))
		}
		inner = err
		return err
	})
	if inner != nil {
		return l.now(), inner
	}
	if err != nil {
		return l.now(), apiError(ctx, c, err)
	}
	return l.now(), nil
}

// now is the server's time, as its last answer said, else ours.
func (l *liveSource) now() time.Time {
	if t := l.meter.serverTime(); !t.IsZero() {
		return t
	}
	return l.env.Now()
}

// when implements source.
func (l *liveSource) when(string) time.Time { return l.now() }

// regions implements source: those that are enabled, less what regions= leaves
// out.
func (l *liveSource) regions(ctx context.Context, _ string) ([]string, bool, error) {
	if len(l.settings.regions) > 0 {
		return l.settings.regions, false, nil
	}
	var out []string
	_, err := l.pages(ctx, call{op: opRegions}, func(r io.Reader) error {
		return listOf(r, "Regions", func(g struct{ RegionName, OptInStatus string }) error {
			if g.RegionName != "" && g.OptInStatus != "not-opted-in" {
				out = append(out, g.RegionName)
			}
			return nil
		})
	})
	return out, err == nil, err
}

// apiError turns an error of the SDK into one of ours. Only the code is passed
// on, and the message where it names a permission: others can quote the signed
// request.
func apiError(ctx context.Context, c call, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	what := "call " + c.op
	if c.region != "" {
		what += " in " + c.region
	}
	if errors.Is(err, errBudget) {
		return fmt.Errorf("%s: %w", what, errBudget)
	}
	var status interface{ HTTPStatusCode() int }
	refused := errors.As(err, &status) && (status.HTTPStatusCode() == http.StatusForbidden || status.HTTPStatusCode() == http.StatusUnauthorized)
	var api smithy.APIError
	if !errors.As(err, &api) {
		if refused {
			return fmt.Errorf("%s: %w: HTTP status %d", what, retinue.ErrDenied, status.HTTPStatusCode())
		}
		return fmt.Errorf("%s: %w: %s", what, retinue.ErrUnavailable, transportText(err))
	}
	code := api.ErrorCode()
	switch kind := errorKind(code); {
	case errors.Is(kind, errAbsent):
		return errAbsent
	case errors.Is(kind, retinue.ErrDenied) && strings.HasPrefix(code, "AccessDenied"):
		return fmt.Errorf("%s: %w: %s: %s", what, kind, code, shortText(api.ErrorMessage()))
	default:
		if refused {
			kind = retinue.ErrDenied
		}
		return fmt.Errorf("%s: %w: %s", what, kind, retinue.CleanName(code))
	}
}

// transportText says what went wrong on the way without quoting the request.
func transportText(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "timed out"
	}
	var status interface{ HTTPStatusCode() int }
	if errors.As(err, &status) {
		return fmt.Sprintf("HTTP status %d", status.HTTPStatusCode())
	}
	var canceled *aws.RequestCanceledError
	if errors.As(err, &canceled) {
		return "cancelled"
	}
	if strings.Contains(err.Error(), "credential") {
		return "no usable credentials"
	}
	return "no answer"
}

func shortText(s string) string {
	s = retinue.CleanName(s)
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}

// errorKind sorts the error codes of AWS.
func errorKind(code string) error {
	switch code {
	case "NoSuchBucketPolicy", "ResourceNotFoundException", "NoSuchEntity", "NotFoundException", "NoSuchBucket",
		"AWSOrganizationsNotInUseException", "PolicyTypeNotEnabledException", "QueueDoesNotExist", "NotFound",
		"AWS.SimpleQueueService.NonExistentQueue":
		return errAbsent
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "AuthFailure", "InvalidClientTokenId",
		"UnrecognizedClientException", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException", "InvalidToken",
		"OptInRequired", "SubscriptionRequiredException", "AccountAccessDenied", "ForbiddenException", "NotAuthorized", "RegionDisabledException":
		return retinue.ErrDenied
	case "UnknownOperationException", "NotImplemented", "UnsupportedOperation", "InvalidAction", "UnsupportedAPIEndpointException", "NotYetImplemented":
		return retinue.ErrUnsupported
	}
	if strings.Contains(code, "Throttl") || strings.Contains(code, "TooManyRequests") || strings.Contains(code, "LimitExceeded") ||
		strings.Contains(code, "Unavailable") || strings.Contains(code, "Internal") || strings.HasPrefix(code, "5") {
		return retinue.ErrUnavailable
	}
	if strings.Contains(code, "NonExistent") {
		return errAbsent
	}
	return retinue.ErrInvalid
}

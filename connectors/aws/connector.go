package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// open makes the connector of a configuration.
func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	s, err := parseSettings(cfg)
	if err != nil {
		return nil, err
	}
	if s.path != "" {
		return &files{settings: s, env: env}, nil
	}
	return &live{settings: s, env: env}, nil
}

// reading is one run over the accounts of a source.
type reading struct {
	settings settings
	env      connector.Env
	sink     connector.Sink
	vendors  vendorTable
	org      *organization
}

// account makes the reader of an account.
func (r *reading) account(id, partition string, src source) *accountReader {
	a := &accountReader{account: id, partition: partition, src: src, sink: r.sink, env: r.env, services: r.settings.services, regions: r.settings.regions,
		names: map[string]string{}, covered: map[string]bool{}}
	a.known = knownAccounts{own: id, organization: r.members(), vendors: r.vendors}
	return a
}

// members are the accounts known to belong together: those of the organisation
// and those that the configuration names.
func (r *reading) members() map[string]bool {
	m := r.org.members()
	for _, id := range r.settings.organizationAccounts {
		if m == nil {
			m = map[string]bool{}
		}
		m[id] = true
	}
	return m
}

// read reads one account whole.
func (r *reading) read(ctx context.Context, a *accountReader) error {
	if err := a.readIAM(ctx); err != nil {
		return err
	}
	if err := a.run(ctx); err != nil {
		return err
	}
	a.noteAbsent()
	return nil
}

// ended turns the error of a run into what Discover returns: only the sink's
// errors and the end of the context.
func ended(ctx context.Context, err error) error {
	if err == nil {
		return ctx.Err()
	}
	var se sinkError
	if errors.As(err, &se) {
		return se.error
	}
	return err
}

// notCoveredText says in words what is not known when the files hold nothing of
// a scope; empty where another scope says it.
func notCoveredText(path string) string {
	if inside, ok := strings.CutPrefix(path, "region/"); ok {
		_, what, _ := strings.Cut(inside, "/")
		path = "region/" + what
	}
	switch path {
	case scopeUsers, scopeGroups, scopeRoles, scopePolicies:
		return "the files hold no " + strings.TrimPrefix(path, "iam/") + " from get-account-authorization-details"
	case "iam-credential-report":
		return "authorization details do not say who has a console password: add the output of `aws iam get-credential-report`"
	case "iam-access-keys":
		return "authorization details do not contain access keys: add the output of `aws iam list-access-keys` for each user, or the credential report"
	case "iam-access-key-uses":
		return "when access keys were last used: add the output of `aws iam get-access-key-last-used` for each key, or the credential report"
	case "iam-oidc-providers", "iam-saml-providers":
		return "OIDC and SAML providers themselves; the trusts in them are in the roles"
	case "s3-buckets", "s3-policies":
		return "S3 buckets and their policies"
	case "identity-center":
		return "permission sets of IAM Identity Center and their assignments"
	case "region/ec2-instances":
		return "EC2 instances and the instance profiles that they run with"
	case "region/lambda-functions", "region/lambda-policies":
		return "Lambda functions, their roles and resource policies"
	case "region/secrets", "region/secret-policies":
		return "Secrets Manager's secrets, their rotation and policies"
	case "region/kms-keys", "region/kms-policies":
		return "KMS keys and their policies"
	case "region/sqs-queues", "region/sns-topics":
		return "SQS queues and SNS topics with their policies"
	case "region/ecs":
		return "ECS task definitions and services with their roles"
	case "region/eks":
		return "EKS clusters, pod identities and access entries"
	case "region/rolesanywhere":
		return "IAM Roles Anywhere"
	}
	return ""
}

// live reads accounts through the API.
type live struct {
	settings settings
	env      connector.Env
}

// Close implements connector.Connector.
func (*live) Close() error { return nil }

// Discover implements connector.Connector.
func (l *live) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if req.DryRun {
		l.wouldRead(sink)
		return nil
	}
	src, err := l.settings.connect(ctx, l.env)
	if err != nil {
		return err
	}
	defer src.close()
	r := &reading{settings: l.settings, env: l.env, sink: sink, vendors: newVendorTable()}
	self := r.account(src.account, src.partition, src)
	if r.org, err = self.readOrganization(ctx, l.settings.organization); err != nil {
		return ended(ctx, err)
	}
	self.known.organization = r.members()
	if err := r.read(ctx, self); err != nil {
		return ended(ctx, err)
	}
	if r.org == nil {
		return ended(ctx, nil)
	}
	if !l.settings.organization {
		l.offer(sink, r.org)
		return ended(ctx, nil)
	}
	noteSuspended(sink, r.org)
	for _, a := range r.org.accounts {
		if a.Id == src.account || a.suspended() {
			continue
		}
		if err := l.readMember(ctx, r, src, a); err != nil {
			return ended(ctx, err)
		}
	}
	return ended(ctx, nil)
}

// offer says that the account's organisation can be scanned as well.
func (l *live) offer(sink connector.Sink, o *organization) {
	target := "env"
	if l.settings.profile != "" {
		target = "profile:" + l.settings.profile
	}
	if n := len(o.accounts); n > 1 {
		sink.Note(connector.Note{Kind: connector.NoteOffer, Scope: retinue.NewScope(realmOf(o.id)), Count: n, Command: "aws=org:" + target,
			Text: fmt.Sprintf("the organisation of the account has %d accounts", n)})
	}
}

// readMember reads another account of the organisation through the role in it.
// An account that cannot be entered is a problem of its own scope; the others
// are read all the same.
func (l *live) readMember(ctx context.Context, r *reading, src *liveSource, a orgAccount) error {
	member, err := src.assume(ctx, a.Id)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		what := "account"
		if a.Id == r.org.management {
			what = "management account"
		}
		r.sink.Problem(retinue.NewScope(realmOf(a.Id)), fmt.Errorf("enter %s %s (%s): %w", what, retinue.CleanName(a.Name), a.Id, err))
		return nil
	}
	return r.read(ctx, r.account(a.Id, src.partition, member))
}

func (l *live) wouldRead(sink connector.Sink) {
	actions := actionsOf(func(o operation) bool { return l.settings.wants(o.service()) })
	sink.Note(connector.Note{Kind: connector.NoteWouldRead, Count: len(actions),
		Text: "the AWS account of " + l.settings.describe() + " with read-only calls: " + strings.Join(actions, ", ")})
	if l.settings.organization {
		sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: "every active account of its organisation, through the role " + l.settings.role})
	}
}

// wants reports whether a service of the CLI is among those to read.
func (s settings) wants(service string) bool {
	if len(s.services) == 0 {
		return true
	}
	alias := map[string]string{"s3api": "s3", "sso-admin": "sso"}
	if v := alias[service]; v != "" {
		service = v
	}
	return service == "sts" || slices.Contains(s.services, service)
}

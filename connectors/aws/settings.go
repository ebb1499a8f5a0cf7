package aws

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// settings is a configuration, read.
type settings struct {
	path    string // a file or folder; empty for a live account
	profile string // a profile; empty for the default chain

	organization         bool
	organizationAccounts []string
	role, externalID     string
	regions, services    []string
	endpoint             string
	perSecond            float64
	maxRequests          int64
	account              string // of files that do not say
	state                string // name of a Terraform state
	trailBuckets         []string
}

// The defaults of the limits. AWS throttles IAM per account at about 20 calls a
// second in bursts; half of that leaves room for others.
const (
	defaultPerSecond = 10
	defaultRole      = "RetinueReadOnly"
)

// services that can be chosen with services=.
func serviceNames() []string {
	return []string{"iam", "organizations", "sso", "s3", "ec2", "lambda", "secretsmanager", "kms", "sqs", "sns", "ecs", "eks", "rolesanywhere"}
}

func parseSettings(cfg connector.Config) (settings, error) {
	s := settings{role: cfg.Option("role", ""), externalID: cfg.Option("external-id", ""), endpoint: cfg.Option("endpoint", ""),
		regions: cfg.List("regions"), services: cfg.List("services"), organizationAccounts: cfg.List("organization-accounts"), trailBuckets: cfg.List("trail-buckets"),
		account: cfg.Option("account", ""), state: cfg.Option("terraform-state", "default"), organization: cfg.Option("organization", "no") == "yes"}
	target := cfg.Target
	if rest, ok := strings.CutPrefix(target, "org:"); ok {
		s.organization, target = true, rest
	}
	switch name, ok := strings.CutPrefix(target, "profile:"); {
	case ok && name == "":
		return s, fmt.Errorf("%w: source aws: profile: has no name: want aws=profile:NAME", retinue.ErrInvalid)
	case ok:
		s.profile = name
	case target == "env", target == "" && s.organization:
	case target == "":
		return s, fmt.Errorf("%w: source aws: want a file, a folder, profile:NAME or env", retinue.ErrInvalid)
	default:
		s.path = target
	}
	if s.organization && s.role == "" {
		s.role = defaultRole
	}
	for _, v := range s.services {
		if !slices.Contains(serviceNames(), v) {
			return s, fmt.Errorf("%w: source aws: services=%q: want %s", retinue.ErrInvalid, v, strings.Join(serviceNames(), ";"))
		}
	}
	for _, v := range append([]string{s.account}, s.organizationAccounts...) {
		if v != "" && !isAccountID(v) {
			return s, fmt.Errorf("%w: source aws: account %q: want twelve digits", retinue.ErrInvalid, v)
		}
	}
	if strings.ContainsAny(s.state, "/\x00") {
		return s, fmt.Errorf("%w: source aws: terraform-state=%q: want a name without slashes", retinue.ErrInvalid, s.state)
	}
	for _, v := range s.trailBuckets {
		if bucket, _, _ := strings.Cut(v, "/"); bucket == "" || strings.Contains(bucket, ":") {
			return s, fmt.Errorf("%w: source aws: trail-buckets=%q: want BUCKET or BUCKET/PREFIX", retinue.ErrInvalid, v)
		}
	}
	var err error
	if s.perSecond, err = strconv.ParseFloat(cfg.Option("requests-per-second", strconv.Itoa(defaultPerSecond)), 64); err != nil || s.perSecond <= 0 || s.perSecond > 1000 {
		return s, fmt.Errorf("%w: source aws: requests-per-second=%q: want a number above 0, up to 1000", retinue.ErrInvalid, cfg.Option("requests-per-second", ""))
	}
	if s.maxRequests, err = strconv.ParseInt(cfg.Option("max-requests", "0"), 10, 64); err != nil || s.maxRequests < 0 {
		return s, fmt.Errorf("%w: source aws: max-requests=%q: want a count, 0 for no limit", retinue.ErrInvalid, cfg.Option("max-requests", ""))
	}
	return s, nil
}

// describe says in words which credentials are used.
func (s settings) describe() string {
	if s.profile != "" {
		return "profile " + s.profile
	}
	return "the environment's credentials"
}

package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Check implements connector.Connector: it recognises the files and says what
// they never contain.
func (f *files) Check(ctx context.Context) (connector.Access, error) {
	root, only, err := f.openRoot()
	if err != nil {
		return connector.Access{}, err
	}
	defer root.Close()
	s, err := f.scan(ctx, root, only)
	if err != nil {
		return connector.Access{}, err
	}
	lost := f.place(s)
	accounts := accountsOf(s)
	if len(accounts) == 0 {
		return connector.Access{}, f.nothing(s, lost)
	}
	return connector.Access{Realm: realmOf(accounts[0]), Name: accountNames(accounts), NotCovered: notCovered(s, accounts)}, nil
}

func accountNames(ids []string) string {
	if len(ids) == 1 {
		return "AWS account " + ids[0]
	}
	return fmt.Sprintf("%d AWS accounts: %s", len(ids), strings.Join(ids, ", "))
}

// notCovered says for each account which operations no file answers.
func notCovered(s *scanned, accounts []string) []string {
	var out []string
	paths := []struct{ op, path string }{{opAuthz, scopeUsers}, {opReport, "iam-credential-report"}, {opAccessKeys, "iam-access-keys"},
		{opOIDCList, "iam-oidc-providers"}, {opBuckets, "s3-buckets"}, {opSSOInstances, "identity-center"}, {opInstances, "region/x/ec2-instances"},
		{opFunctions, "region/x/lambda-functions"}, {opSecrets, "region/x/secrets"}, {opKeys, "region/x/kms-keys"}, {opQueues, "region/x/sqs-queues"},
		{opTaskFamilies, "region/x/ecs"}, {opEKSClusters, "region/x/eks"}, {opAnchors, "region/x/rolesanywhere"}}
	for _, id := range accounts {
		have := map[string]bool{}
		for _, e := range s.files {
			if e.account == id {
				have[e.op] = true
			}
		}
		for _, p := range paths {
			if !have[p.op] {
				out = append(out, "account "+id+": "+notCoveredText(p.path))
			}
		}
	}
	return out
}

// probes are the operations that Check tries, one page each, with the scope
// that stays unseen without them.
func probes() []struct{ op, path, consequence string } {
	return []struct{ op, path, consequence string }{
		{opAuthz, "iam", "users, roles, groups and policies are not seen"},
		{opUsers, "iam-access-keys", "access keys are not seen"},
		{opOIDCList, "iam-oidc-providers", "OIDC providers are not seen"},
		{opSAML, "iam-saml-providers", "SAML providers are not seen"},
		{opProfiles, "iam-instance-profiles", "instance profiles without a role are not seen"},
		{opRegions, "region", "nothing of any region is read unless regions= names them"},
		{opBuckets, "s3-buckets", "buckets and their policies are not seen"},
		{opInstances, "region", "which instances run as which role is not known"},
		{opFunctions, "region", "functions, their roles and policies are not seen"},
		{opSecrets, "region", "secrets, their rotation and policies are not seen"},
		{opKeys, "region", "keys and their policies are not seen"},
		{opQueues, "region", "queues and their policies are not seen"},
		{opTopics, "region", "topics and their policies are not seen"},
		{opTaskFamilies, "region", "which containers run as which role is not known"},
		{opEKSClusters, "region", "clusters, pod identities and access entries are not seen"},
		{opAnchors, "region", "who may become a role by a certificate is not known"},
	}
}

// errEnough ends the paging of a probe after its first page.
var errEnough = errors.New("one page is enough")

// Check implements connector.Connector: it asks who the credentials are, tries
// each service once, and estimates the scan.
func (l *live) Check(ctx context.Context) (connector.Access, error) {
	src, err := l.settings.connect(ctx, l.env)
	if err != nil {
		return connector.Access{}, err
	}
	defer src.close()
	a := connector.Access{Realm: realmOf(src.account), Name: "AWS account " + src.account, Principal: src.principal, CouldRead: couldRead()}
	list := probes()
	if l.settings.organization {
		list = append(list, struct{ op, path, consequence string }{opOrgAccounts, "organization", "the organisation's other accounts are not read"})
	}
	for _, p := range list {
		o := operationNamed(p.op)
		if !l.settings.wants(o.service()) {
			continue
		}
		_, err := src.pages(ctx, call{op: p.op}, func(io.Reader) error { return errEnough })
		switch {
		case ctx.Err() != nil:
			return a, ctx.Err()
		case err == nil, errors.Is(err, errEnough), errors.Is(err, errAbsent):
		default:
			a.Missing = append(a.Missing, connector.Missing{Permission: strings.Join(o.actions, ", "),
				Scope: retinue.NewScope(a.Realm, p.path), Consequence: p.consequence + " (" + retinue.CleanName(err.Error()) + ")"})
		}
	}
	a.Calls = l.estimate(ctx, src)
	a.Duration = time.Duration(float64(a.Calls)/l.settings.perSecond) * time.Second
	return a, nil
}

func operationNamed(name string) operation {
	ops := operations()
	if i := slices.IndexFunc(ops, func(o operation) bool { return o.name == name }); i >= 0 {
		return ops[i]
	}
	return operation{name: name}
}

// The figures of the estimate: calls of a region without anything in it, and
// entries in a page of the authorization details.
const (
	callsPerRegion = 13
	callsPerGlobal = 12
	authzPage      = 100
)

// estimate says how many calls a scan takes: those that IAM's own counts tell,
// and the least of what each region takes. What a region holds adds to it.
func (l *live) estimate(ctx context.Context, src *liveSource) int {
	calls := callsPerGlobal
	if out, err := src.in("").iam.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{}); err == nil {
		n := func(name string) int { return int(out.SummaryMap[name]) }
		calls += 2*n("Users") + (n("Users")+n("Roles")+n("Groups")+n("Policies"))/authzPage + 1 + n("Providers")
	}
	regions, _, err := src.regions(ctx, src.account)
	if err == nil {
		calls += callsPerRegion * len(regions)
	}
	if !l.settings.organization {
		return calls
	}
	accounts := 0
	_, err = src.pages(ctx, call{op: opOrgAccounts}, func(r io.Reader) error {
		return listOf(r, "Accounts", func(a orgAccount) error {
			if !a.suspended() {
				accounts++
			}
			return nil
		})
	})
	if err != nil || accounts == 0 {
		return calls
	}
	return calls * accounts
}

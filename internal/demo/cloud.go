package demo

import (
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// account is one AWS account of the company; the numbers are those that AWS
// uses in its own examples.
type account struct {
	*estate
	id, name string
	env      retinue.Environment
	ref      retinue.Ref
	// share is how many of a hundred applications run there.
	share int
}

func (c *Company) clouds() {
	c.cloud("111122223333", "tidewater-production", retinue.EnvironmentProduction, 100)
	c.cloud("444455556666", "tidewater-staging", retinue.EnvironmentStaging, 62)
	c.cloud("777788889999", "tidewater-development", retinue.EnvironmentDevelopment, 40)
	c.cloud("123456789012", "tidewater-data", retinue.EnvironmentProduction, 25)
}

func (c *Company) cloud(id, name string, env retinue.Environment, share int) {
	short := strings.TrimPrefix(name, "tidewater-")
	e := c.estate("aws", "aws-"+short, "profile:"+short, retinue.NewRealm("aws", id), name)
	e.principal = "arn:aws:iam::" + id + ":role/retinue-reader"
	e.access.CouldRead = nil
	a := &account{estate: e, id: id, name: name, env: env, ref: e.ref("account", id), share: share}
	e.always("account", retinue.Container{Ref: a.ref, Name: name, Kind: retinue.ContainerAccount, State: retinue.StateActive,
		Environment: env, Labels: map[string]string{"environment": string(env)}})
	for _, p := range managedPolicies() {
		e.always("iam", retinue.Policy{Ref: a.policy(p.name), Name: p.name, Language: retinue.LanguageAWSIAM,
			Document: p.document, Container: a.ref, Managed: p.managed})
	}
	c.root(a)
	c.linkedRoles(a)
	for _, x := range c.apps {
		if !c.chance(a.share) {
			continue
		}
		c.workloadRoles(a, x)
		if c.chance(35) {
			c.serviceUser(a, x)
		}
	}
	c.deployRoles(a)
	c.vendors(a)
	if env == retinue.EnvironmentProduction {
		c.instances(a)
	}
}

func (a *account) arn(rest string) string { return "arn:aws:iam::" + a.id + ":" + rest }

func (a *account) role(name string) retinue.Ref { return a.estate.ref("role", a.arn("role/"+name)) }

func (a *account) policy(name string) retinue.Ref {
	return a.estate.ref("policy", "arn:aws:iam::aws:policy/"+name)
}

// root is the account's root user; in one account somebody made a key for it.
func (c *Company) root(a *account) {
	ref := a.estate.ref("root", a.arn("root"))
	a.always("iam", retinue.Identity{Ref: ref, Name: "root", Kind: retinue.IdentityUser, Subtype: "account_root",
		Class: retinue.ClassUnclear, ClassReason: "the root user of an account may be used by a person or by software",
		State: retinue.StateActive, Container: a.ref, Managed: retinue.ManagedByProvider})
	if a.env == retinue.EnvironmentDevelopment {
		c.key(a, "root", ref, c.ago(900), span{}, retinue.CredentialActive, rhythm{never: true})
	}
}

// linkedRoles are the roles that AWS services made for themselves.
func (c *Company) linkedRoles(a *account) {
	for _, s := range []string{"AutoScaling", "ECS", "ElasticLoadBalancing", "RDS", "Organizations", "Support", "TrustedAdvisor", "SSO"} {
		ref := a.role("aws-service-role/AWSServiceRoleFor" + s)
		a.always("iam", retinue.Identity{Ref: ref, Name: "AWSServiceRoleFor" + s, Kind: retinue.IdentityRole, Subtype: "iam_role",
			Class: retinue.ClassNonHuman, ClassReason: "a role is assumed by services, workloads or other principals",
			State: retinue.StateActive, Container: a.ref, Managed: retinue.ManagedByProvider, CreatedAt: c.ago(1400)},
			retinue.Trust{Subject: ref, Kind: retinue.TrusteeService, Name: strings.ToLower(s) + ".amazonaws.com", OrganizationKnown: true})
	}
}

// workloadRoles are the roles that an application's functions and tasks run
// as, with what runs as them.
func (c *Company) workloadRoles(a *account, x app) {
	kinds := []struct{ suffix, service, resource string }{
		{"task", "ecs-tasks.amazonaws.com", "ecs_task_definition"}, {"api", "lambda.amazonaws.com", "lambda_function"},
		{"worker", "lambda.amazonaws.com", "lambda_function"}, {"nightly", "events.amazonaws.com", "eventbridge_rule"},
	}
	for i, k := range kinds[:1+c.rng.IntN(len(kinds))] {
		name := x.id + "-" + k.suffix
		ref := a.role(name)
		born := c.born()
		life := c.life(born)
		id := retinue.Identity{Ref: ref, Name: name, Kind: retinue.IdentityRole, Subtype: "iam_role", Class: retinue.ClassNonHuman,
			ClassReason: "a role is assumed by services, workloads or other principals", State: retinue.StateActive,
			Container: a.ref, CreatedAt: born, Environment: a.env, Labels: map[string]string{"application": x.id}}
		a.during("iam", life.from, life.to, id, retinue.Trust{Subject: ref, Kind: retinue.TrusteeService, Name: k.service, OrganizationKnown: true})
		c.owned(a.estate, "iam", life, ref, x, "tag")
		c.attach(a, ref, life, x)
		a.used("usage", life, ref, c.use(born, "last_used_in_400_days", i))
		run := retinue.Resource{Ref: a.estate.ref(k.resource, "arn:aws:"+k.resource+":eu-west-1:"+a.id+":"+name), Name: name, Kind: k.resource,
			Container: a.ref, Region: "eu-west-1", RunsAs: []retinue.Ref{ref}, CreatedAt: born}
		if !c.chance(12) {
			a.during("compute", life.from, life.to, run)
		}
	}
}

// attach gives a role its policies: some too wide, some widened lately.
func (c *Company) attach(a *account, ref retinue.Ref, life span, x app) {
	own := retinue.Policy{Ref: a.estate.ref("policy", ref.Key+"#inline/"+x.id), Name: x.id + "-access", Language: retinue.LanguageAWSIAM,
		Document: narrowPolicy(x.id, a.id), Container: a.ref}
	if c.chance(14) {
		own.Document = widePolicy(pick(c, []string{"s3", "dynamodb", "sqs", "ec2", "rds"}))
	}
	a.during("iam", life.from, life.to, own, retinue.Attachment{Policy: own.Ref, Target: ref, Role: retinue.AttachIdentity})
	switch n := c.rng.IntN(100); {
	case n < 4:
		a.during("iam", life.from, life.to, retinue.Attachment{Policy: a.policy("AdministratorAccess"), Target: ref, Role: retinue.AttachIdentity})
	case n < 7:
		a.during("iam", c.ago(5+c.rng.IntN(80)), life.to, retinue.Attachment{Policy: a.policy("AdministratorAccess"), Target: ref, Role: retinue.AttachIdentity})
	case n < 12:
		a.during("iam", life.from, life.to, retinue.Attachment{Policy: a.policy("IAMFullAccess"), Target: ref, Role: retinue.AttachIdentity})
	case n < 30:
		a.during("iam", life.from, life.to, retinue.Attachment{Policy: a.policy("ReadOnlyAccess"), Target: ref, Role: retinue.AttachIdentity})
	}
}

// use draws a rhythm: most things are used often, some fell silent, some were
// never used.
func (c *Company) use(born time.Time, meaning string, salt int) rhythm {
	r := rhythm{meaning: meaning, start: born.Add(time.Hour), every: pick(c, []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour})}
	switch n := (c.rng.IntN(100) + salt) % 100; {
	case n < 6:
		r.never = true
	case n < 17:
		r.stop = c.ago(95 + c.rng.IntN(300))
	case n < 25:
		r.stop = c.ago(5 + c.rng.IntN(110))
	}
	return r
}

// serviceUser is an IAM user with access keys for software outside AWS.
func (c *Company) serviceUser(a *account, x app) {
	name := pick(c, []string{"svc-", "ci-", "integration-", "backup-"}) + x.id
	ref := a.estate.ref("user", a.arn("user/"+name))
	born := c.born()
	life := c.life(born)
	a.during("iam", life.from, life.to, retinue.Identity{Ref: ref, Name: name, Kind: retinue.IdentityUser, Subtype: "iam_user",
		Class: retinue.ClassNonHuman, ClassReason: "it has access keys and no password", State: retinue.StateActive,
		Container: a.ref, CreatedAt: born, Environment: a.env})
	c.owned(a.estate, "iam", life, ref, x, "tag")
	c.attach(a, ref, life, x)
	use := c.use(born, "last_used", 0)
	if c.chance(30) { // rotated within the history
		turn := c.ago(10 + c.rng.IntN(100))
		old := c.key(a, name, ref, born, span{from: life.from, to: turn.AddDate(0, 0, 9)}, retinue.CredentialActive, use)
		next := c.key(a, name, ref, turn, span{from: turn, to: life.to}, retinue.CredentialActive, rhythm{meaning: "last_used", start: turn, every: 6 * time.Hour})
		c.leak(a, x, old, span{from: life.from, to: turn.AddDate(0, 0, 9)})
		c.leak(a, x, next, span{from: turn, to: life.to})
		return
	}
	k := c.key(a, name, ref, born, life, retinue.CredentialActive, use)
	c.leak(a, x, k, life)
	if c.chance(20) {
		c.key(a, name, ref, born.AddDate(0, 0, -200), life, retinue.CredentialInactive, rhythm{meaning: "last_used", start: born.AddDate(0, 0, -200), every: time.Hour, stop: born})
	}
}

// key states an access key by its owner and date, as the credential report
// names it.
func (c *Company) key(a *account, name string, holder retinue.Ref, made time.Time, life span, state retinue.CredentialState, use rhythm) retinue.Ref {
	key := holder.Key + "@" + made.UTC().Format(time.RFC3339)
	ref := a.estate.ref("access_key", key)
	a.during("keys", life.from, life.to, retinue.Credential{Ref: ref, Name: "access key of " + name, Kind: retinue.CredentialAccessKey,
		Subtype: "iam_access_key", Identity: holder, State: state, NeverExpires: true, CreatedAt: made,
		Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + key}}})
	use.meaning = "last_used"
	a.used("usage", life, ref, use)
	c.keys = append(c.keys, madeKey{account: a.id, user: name, at: made, life: life})
	return ref
}

// leak puts a key where keys are found: a pipeline's variables, a function's
// configuration, a repository.
func (c *Company) leak(a *account, x app, key retinue.Ref, life span) {
	p := retinue.Placement{Credential: key, Confidence: retinue.ConfidenceCertain, Detector: "sample",
		Place: retinue.Place{Kind: retinue.PlaceCloudConfig, Realm: a.realm, Container: a.ref}}
	if n := c.rng.IntN(100); n < 18 {
		p.Place.Path = "arn:aws:lambda:eu-west-1:" + a.id + ":function:" + x.id + "-api"
		p.Place.Field, p.Exposure = "Environment.Variables/AWS_ACCESS_KEY_ID", retinue.ExposureGroup
		a.during("compute", life.from, life.to, p)
	} else if n < 45 {
		p.Place.Kind, p.Place.Path = retinue.PlaceVault, "secretsmanager/"+x.id+"/aws"
		a.during("compute", life.from, life.to, p)
	}
}

// deployRoles are what the pipelines of the forge may become.
func (c *Company) deployRoles(a *account) {
	for i, x := range c.apps {
		if i%3 != 0 || !c.chance(a.share) {
			continue
		}
		name := "deploy-" + x.id
		ref := a.role(name)
		born := c.born()
		fed := &retinue.Federation{Issuer: forgeIssuer, Audience: "sts.amazonaws.com", Subject: "repo:" + org + "/" + x.id + ":ref:refs/heads/main"}
		if c.chance(25) {
			fed.Subject = "repo:" + org + "/*"
		}
		a.during("iam", born, time.Time{}, retinue.Identity{Ref: ref, Name: name, Kind: retinue.IdentityRole, Subtype: "iam_role",
			Class: retinue.ClassNonHuman, ClassReason: "a role is assumed by services, workloads or other principals",
			State: retinue.StateActive, Container: a.ref, CreatedAt: born, Environment: a.env},
			retinue.Trust{Subject: ref, Kind: retinue.TrusteeFederated, Name: forgeIssuer, Federation: fed, OrganizationKnown: true,
				Attrs: retinue.Attrs{"sharedIssuer": true}})
		c.owned(a.estate, "iam", span{from: born}, ref, x, "tag")
		c.attach(a, ref, span{from: born}, x)
		a.used("usage", span{from: born}, ref, rhythm{meaning: "last_used_in_400_days", start: born, every: 20 * time.Hour})
	}
}

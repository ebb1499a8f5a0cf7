package aws

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// iam states resources of IAM that code declares. Nil means that the type holds
// nothing of interest.
func (t *terraform) iam(r tfResource, v tfAttrs) []retinue.Fact {
	a := t.a
	account := accountRef(a.account)
	switch r.Type {
	case "aws_iam_user":
		ref := refTo("user", a.named("user", first(v.str("arn"), v.str("name"))), a.account)
		f := retinue.Identity{Ref: ref, Name: retinue.CleanName(v.str("name")), Kind: retinue.IdentityUser, Subtype: "iam_user",
			Class: retinue.ClassUnclear, ClassReason: undecided, Container: account, Labels: v.tags().labels(), Declared: t.declared(r)}
		return append([]retinue.Fact{f}, t.boundary(ref, v)...)
	case "aws_iam_role":
		return t.role(r, v)
	case "aws_iam_group":
		ref := refTo("group", a.named("group", first(v.str("arn"), v.str("name"))), a.account)
		return []retinue.Fact{retinue.Group{Ref: ref, Name: retinue.CleanName(v.str("name")), Container: account}}
	case "aws_iam_policy":
		arnText := first(v.str("arn"), r.ARN)
		if arnText == "" {
			arnText = iamARN(a.partition, a.account, "policy/"+v.str("name"))
		}
		p := policyFact(policyRef(arnText, a.account), v.str("name"), document(v["policy"]), account)
		p.Labels = v.tags().labels()
		return []retinue.Fact{p}
	case "aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_group_policy":
		kind := strings.TrimSuffix(strings.TrimPrefix(r.Type, "aws_iam_"), "_policy")
		ref, role := t.principal(kind, v.str(kind))
		return attached(ref, a.account, role, []inlinePolicy{{PolicyName: v.str("name"), PolicyDocument: v["policy"]}}, nil, nil)
	case "aws_iam_role_policy_attachment", "aws_iam_user_policy_attachment", "aws_iam_group_policy_attachment":
		kind := strings.TrimSuffix(strings.TrimPrefix(r.Type, "aws_iam_"), "_policy_attachment")
		ref, role := t.principal(kind, v.str(kind))
		return attached(ref, a.account, role, nil, []attachedPolicy{{PolicyArn: v.str("policy_arn")}}, nil)
	case "aws_iam_policy_attachment":
		return t.policyAttachment(v)
	case "aws_iam_instance_profile":
		return t.instanceProfile(r, v)
	case "aws_iam_group_membership", "aws_iam_user_group_membership":
		return t.memberships(v)
	case "aws_iam_access_key":
		return t.accessKey(r, v)
	case "aws_iam_openid_connect_provider":
		f := resource("oidc_provider", t.arn(r, v), a.account, "", strings.TrimPrefix(v.str("url"), "https://"))
		f.Attrs = attrs("issuer", "https://"+strings.TrimPrefix(v.str("url"), "https://"), "audiences", v.list("client_id_list"))
		f.Declared = t.declared(r)
		return []retinue.Fact{f}
	}
	return nil
}

// policyAttachment attaches one policy to lists of users, roles and groups.
func (t *terraform) policyAttachment(v tfAttrs) []retinue.Fact {
	var out []retinue.Fact
	for _, kind := range []string{"user", "role", "group"} {
		for _, name := range v.list(kind + "s") {
			ref, role := t.principal(kind, name)
			out = append(out, attached(ref, t.a.account, role, nil, []attachedPolicy{{PolicyArn: v.str("policy_arn")}}, nil)...)
		}
	}
	return out
}

func (t *terraform) instanceProfile(r tfResource, v tfAttrs) []retinue.Fact {
	name := v.str("name", "id")
	f := instanceProfileFact(instanceProfile{InstanceProfileName: name, Arn: t.a.named("instance-profile", first(v.str("arn"), name))}, t.a.account, "")
	if role := v.str("role"); role != "" {
		f.RunsAs = roleRefs(t.a.account, t.a.named("role", role))
	}
	f.Declared = t.declared(r)
	return []retinue.Fact{f}
}

// memberships reads both ways of writing them: the users of a group, and the
// groups of a user.
func (t *terraform) memberships(v tfAttrs) []retinue.Fact {
	var out []retinue.Fact
	for _, u := range v.list("users") {
		out = append(out, t.membership(v.str("group"), u))
	}
	for _, g := range v.list("groups") {
		out = append(out, t.membership(g, v.str("user")))
	}
	return out
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func (t *terraform) principal(kind, name string) (retinue.Ref, retinue.AttachmentRole) {
	role := retinue.AttachIdentity
	if kind == "group" {
		role = retinue.AttachGroup
	}
	return refTo(kind, t.a.named(kind, name), t.a.account), role
}

func (t *terraform) membership(group, user string) retinue.Membership {
	return retinue.Membership{Group: refTo("group", t.a.named("group", group), t.a.account), Member: refTo("user", t.a.named("user", user), t.a.account)}
}

func (t *terraform) boundary(ref retinue.Ref, v tfAttrs) []retinue.Fact {
	b := v.str("permissions_boundary")
	return attached(ref, t.a.account, retinue.AttachIdentity, nil, nil, &boundary{PermissionsBoundaryArn: b})
}

func (t *terraform) role(r tfResource, v tfAttrs) []retinue.Fact {
	a := t.a
	ref := refTo("role", a.named("role", first(v.str("arn"), v.str("name"))), a.account)
	f := retinue.Identity{Ref: ref, Name: retinue.CleanName(v.str("name")), Kind: retinue.IdentityRole, Subtype: "iam_role",
		Class: retinue.ClassNonHuman, ClassReason: "a role has no credentials of its own and is assumed by services, workloads or other principals",
		Container: accountRef(a.account), Labels: v.tags().labels(), Declared: t.declared(r)}
	facts := append([]retinue.Fact{f}, t.boundary(ref, v)...)
	if doc := document(v["assume_role_policy"]); doc != "" {
		trust := inlineRef(ref, "trust")
		facts = append(facts, policyFact(trust, v.str("name")+" (trust policy)", doc, accountRef(a.account)),
			retinue.Attachment{Policy: trust, Target: ref, Role: retinue.AttachTrust})
		trusts, err := trustFacts(ref, trust, doc, a.known)
		if err != nil {
			t.w.fail(fmt.Errorf("read trust policy of %s: %w", retinue.CleanName(r.place()), err))
		}
		facts = append(facts, trusts...)
	}
	for _, m := range v.list("managed_policy_arns") {
		facts = append(facts, attached(ref, a.account, retinue.AttachIdentity, nil, []attachedPolicy{{PolicyArn: m}}, nil)...)
	}
	return facts
}

// accessKey states a key that code creates. A state file holds its secret in
// the clear, which is a placement of its own.
func (t *terraform) accessKey(r tfResource, v tfAttrs) []retinue.Fact {
	a := t.a
	user := a.named("user", v.str("user"))
	c := retinue.Credential{Kind: retinue.CredentialAccessKey, Subtype: "iam_access_key", Identity: refTo("user", user, a.account),
		State: retinue.CredentialUnknown, CreatedAt: parseMoment(v.str("create_date")), NeverExpires: true}
	switch strings.ToLower(v.str("status")) {
	case "active":
		c.State = retinue.CredentialActive
	case "inactive":
		c.State = retinue.CredentialInactive
	}
	if id := v.str("id"); isAccessKeyID(id) {
		c.Ref, c.Name = retinue.NewRef(a.realm(), "access_key", id), id
		c.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + id}}
	} else {
		c.Ref, c.Name = retinue.NewRef(a.realm(), "access_key", key(user+"#"+r.place())), retinue.CleanName("access key "+r.place())
	}
	placed := t.secretInState(&c, r, "secret", v.str("secret"))
	return append([]retinue.Fact{c}, placed...)
}

// secretInState fingerprints a secret that stands in the state and states where
// it stands. The credential fact that it adds replaces the first.
func (t *terraform) secretInState(c *retinue.Credential, r tfResource, field, value string) []retinue.Fact {
	if value == "" {
		return nil
	}
	c.Fingerprints = t.a.env.Fingerprint(c.Kind, retinue.NewSecret(value))
	return []retinue.Fact{retinue.Placement{Credential: c.Ref, Confidence: retinue.ConfidenceCertain, Detector: "terraform-state",
		Place: retinue.Place{Kind: retinue.PlaceCloudConfig, Realm: t.a.realm(), Container: accountRef(t.a.account),
			Path: "terraform/" + retinue.CleanName(r.place()), Field: field}}}
}

// service states resources that act as a role, hold data, or carry a policy.
func (t *terraform) service(r tfResource, v tfAttrs) []retinue.Fact {
	a := t.a
	arnText := t.arn(r, v)
	switch r.Type {
	case "aws_lambda_function":
		f := function{FunctionName: v.str("function_name"), FunctionArn: arnText, Runtime: v.str("runtime"), Role: v.str("role"), Tags: v.tags()}
		_ = json.Unmarshal(v.block("environment")["variables"], &f.Environment.Variables) // absent is empty
		return t.mark(r, a.functionFacts(f))
	case "aws_ecs_task_definition":
		d := taskDefinition{TaskDefinitionArn: arnText, Family: v.str("family"), TaskRoleArn: v.str("task_role_arn"),
			ExecutionRoleArn: v.str("execution_role_arn"), NetworkMode: v.str("network_mode")}
		_ = json.Unmarshal([]byte(document(v["container_definitions"])), &d.ContainerDefinitions) // containers add detail only
		return t.mark(r, a.taskFacts(d))
	case "aws_instance", "aws_launch_template":
		return t.instance(r, v, arnText)
	case "aws_secretsmanager_secret":
		s := secret{ARN: arnText, Name: v.str("name"), Description: v.str("description"), KmsKeyId: v.str("kms_key_id"), Tags: v.tags()}
		facts := t.mark(r, a.secretFacts(s))
		return append(facts, resourcePolicy(refTo("secret", arnText, a.account), a.account, document(v["policy"]))...)
	case "aws_secretsmanager_secret_version":
		return t.secretVersion(r, v)
	case "aws_lambda_permission":
		return t.permission(v)
	}
	if target, kind := t.policyTarget(r, v); target != "" {
		return resourcePolicy(refTo(kind, target, a.account), a.account, document(v["policy"]))
	}
	return t.other(r, v, arnText)
}

// secretVersion states that a state file holds the value of a secret.
func (t *terraform) secretVersion(r tfResource, v tfAttrs) []retinue.Fact {
	id := v.str("secret_id")
	if !strings.HasPrefix(id, "arn:") || v.str("secret_string") == "" {
		return nil
	}
	c := retinue.Credential{Ref: refTo("secret", id, t.a.account), Kind: retinue.CredentialGenericSecret}
	return t.secretInState(&c, r, "secret_string", v.str("secret_string"))
}

// mark adds where the resource is declared to the first fact.
func (t *terraform) mark(r tfResource, facts []retinue.Fact) []retinue.Fact {
	if len(facts) > 0 {
		if f, ok := facts[0].(retinue.Resource); ok {
			f.Declared = t.declared(r)
			facts[0] = f
		}
	}
	return facts
}

func (t *terraform) instance(r tfResource, v tfAttrs, arnText string) []retinue.Fact {
	kind := "ec2_instance"
	if r.Type == "aws_launch_template" {
		kind = "ec2_launch_template"
	}
	f := resource(kind, arnText, t.a.account, "", first(v.tags()["Name"], v.str("name")))
	f.Labels, f.Declared = v.tags().labels(), t.declared(r)
	profile := v.str("iam_instance_profile")
	if b := v.block("iam_instance_profile"); b != nil {
		profile = b.str("arn", "name")
	}
	if profile != "" {
		profile = t.a.named("instance-profile", profile)
		f.RunsAs = []retinue.Ref{refTo("instance_profile", profile, t.a.account)}
	}
	f.Attrs = attrs("instanceProfile", profile, "httpTokens", v.block("metadata_options").str("http_tokens"))
	return []retinue.Fact{f}
}

// policyTarget returns the resource that a policy resource is about.
func (t *terraform) policyTarget(r tfResource, v tfAttrs) (target, kind string) {
	bucket := func() string {
		b := v.str("bucket")
		if strings.HasPrefix(b, "arn:") || b == "" {
			return b
		}
		return t.a.bucketARN(b)
	}
	switch r.Type {
	case "aws_s3_bucket_policy":
		return bucket(), "s3_bucket"
	case "aws_sns_topic_policy":
		return first(v.str("arn"), r.ARN), "sns_topic"
	case "aws_sqs_queue_policy":
		return sqsARN(t.a.partition, v.str("queue_url")), "sqs_queue"
	case "aws_kms_key_policy":
		if id := v.str("key_id"); strings.HasPrefix(id, "arn:") {
			return id, "kms_key"
		}
	case "aws_secretsmanager_secret_policy":
		return v.str("secret_arn"), "secret"
	}
	return "", ""
}

// sqsARN is the ARN of a queue by its URL.
func sqsARN(partition, url string) string {
	host, rest, ok := strings.Cut(strings.TrimPrefix(url, "https://sqs."), "/")
	account, name, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 || !isAccountID(account) {
		return ""
	}
	region, _, _ := strings.Cut(host, ".")
	return fmt.Sprintf("arn:%s:sqs:%s:%s:%s", partition, region, account, name)
}

// permission states the statement that code adds to a function's policy as a
// policy of its own, since the whole policy is not in the file.
func (t *terraform) permission(v tfAttrs) []retinue.Fact {
	name := v.str("function_name")
	if !strings.HasPrefix(name, "arn:") {
		return nil // without the region the function cannot be named
	}
	principal := map[string]any{"Service": v.str("principal")}
	if p := v.str("principal"); isAccountID(p) || p == "*" || strings.HasPrefix(p, "arn:") {
		principal = map[string]any{"AWS": p}
	}
	s := map[string]any{"Effect": "Allow", "Action": v.str("action"), "Resource": name, "Principal": principal}
	if src := v.str("source_arn"); src != "" {
		s["Condition"] = map[string]any{"ArnLike": map[string]string{"AWS:SourceArn": src}}
	}
	doc, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{s}})
	if err != nil {
		return nil
	}
	target := refTo("lambda_function", name, t.a.account)
	ref := inlineRef(target, "permission/"+v.str("statement_id"))
	return []retinue.Fact{policyFact(ref, v.str("statement_id"), string(doc), accountRef(t.a.account)),
		retinue.Attachment{Policy: ref, Target: target, Role: retinue.AttachResource}}
}

// dataTypes are the types that hold data or secrets and have no role.
func dataTypes() map[string]string {
	return map[string]string{"aws_s3_bucket": "s3_bucket", "aws_sqs_queue": "sqs_queue", "aws_sns_topic": "sns_topic", "aws_kms_key": "kms_key",
		"aws_dynamodb_table": "dynamodb_table", "aws_db_instance": "db_instance", "aws_ssm_parameter": "ssm_parameter",
		"aws_ecr_repository": "ecr_repository", "aws_efs_file_system": "efs_file_system", "aws_ecs_cluster": "ecs_cluster",
		"aws_ecs_service": "ecs_service", "aws_eks_cluster": "eks_cluster", "aws_rds_cluster": "rds_cluster"}
}

// other states any further resource that names a role or is of a type that
// holds data, with its policy where it has one inside.
func (t *terraform) other(r tfResource, v tfAttrs, arnText string) []retinue.Fact {
	if r.Type == "aws_s3_bucket" && arnText == "" {
		arnText = t.a.bucketARN(v.str("bucket"))
	}
	kind := dataTypes()[r.Type]
	roles := t.runsAs(v)
	if arnText == "" || (kind == "" && len(roles) == 0) {
		return nil
	}
	if kind == "" {
		kind = strings.TrimPrefix(r.Type, "aws_")
	}
	f := resource(kind, arnText, t.a.account, "", v.str("name", "bucket", "function_name", "identifier"))
	f.RunsAs, f.Labels, f.Declared = roles, v.tags().labels(), t.declared(r)
	f.Attrs = attrs("taskDefinition", v.str("task_definition"))
	facts := []retinue.Fact{f}
	if doc := document(v["policy"]); strings.HasPrefix(doc, "{") {
		facts = append(facts, resourcePolicy(f.Ref, t.a.account, doc)...)
	}
	vars := map[string]string{}
	var list []struct{ Name, Value string }
	env := v.block("environment")
	for _, n := range []string{"environment_variable", "__b_environment_variable"} {
		if json.Unmarshal(env[n], &list) == nil {
			for _, e := range list {
				vars[e.Name] = e.Value
			}
		}
	}
	return append(facts, t.a.variableFacts(f, "environment", vars)...)
}

package aws

import (
	"bytes"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// resourceOf names what a call acted on: what the record lists, and else what
// its parameters name.
func (d *trailDecoder) resourceOf(r *trailRecord, c *callInfo, ev *retinue.Event) retinue.Ref {
	account := ev.Realm.ID()
	var best, owner string
	for v := range list(r.resources).Elements() {
		arnText, of := "", ""
		f := v.Fields()
		for f.Next() {
			switch string(f.Key) {
			case "ARN", "arn":
				arnText = f.Value.Text()
			case "accountId", "accountid":
				of = f.Value.Word()
			}
		}
		if strings.HasPrefix(arnText, "arn:") && better(c, arnText, best) {
			best, owner = arnText, of
		}
	}
	if best == "" {
		best = d.fromParameters(r, c, ev.Region, account)
	}
	if best == "" {
		return retinue.Ref{}
	}
	n, ok := parseARN(best)
	if !ok {
		return retinue.Ref{}
	}
	if !isAccountID(owner) {
		owner = account
	}
	if isAccountID(n.account) {
		owner = n.account
	}
	return retinue.NewRef(d.realm(owner), d.kind(n), key(best))
}

// realm is the realm of an account, made once.
func (d *trailDecoder) realm(account string) retinue.Realm {
	r, ok := d.realms[account]
	if !ok {
		if len(d.realms) >= maxCached {
			clear(d.realms)
		}
		r = realmOf(account)
		d.realms[account] = r
	}
	return r
}

// kind is the kind of what an ARN names; of most services it is made once.
func (d *trailDecoder) kind(n arn) string {
	if n.service == "s3" {
		return arnKind(n)
	}
	end := strings.IndexAny(n.resource, "/:")
	if end < 0 {
		return arnKind(n)
	}
	d.callID = append(append(append(d.callID[:0], n.service...), 0), n.resource[:end]...)
	if k, ok := d.texts[string(d.callID)]; ok {
		return k
	}
	k := arnKind(n)
	if len(d.texts) < maxCached {
		d.texts[string(d.callID)] = k
	}
	return k
}

// better prefers the thing that the call's own service holds, and of two the
// one inside the other: the object rather than its bucket.
func better(c *callInfo, arnText, than string) bool {
	if than == "" {
		return true
	}
	own := func(s string) bool {
		n, _ := parseARN(s)
		return n.service == c.prefix
	}
	if own(arnText) != own(than) {
		return own(arnText)
	}
	return strings.HasPrefix(arnText, than) && len(arnText) > len(than)
}

// arnKind is the kind of what an ARN names, as the account's listings have it.
func arnKind(a arn) string {
	kind, _, found := strings.Cut(a.resource, "/")
	if i := strings.IndexByte(kind, ':'); i >= 0 {
		kind, found = kind[:i], true
	}
	switch a.service {
	case "s3":
		if found || strings.Contains(a.resource, "/") {
			if kind == "accesspoint" {
				return "s3_accesspoint"
			}
			return "s3_object"
		}
		return "s3_bucket"
	case "sns", "sqs":
		return map[string]string{"sns": "sns_topic", "sqs": "sqs_queue"}[a.service]
	case "secretsmanager":
		return "secret"
	case "iam":
		if kind == "root" {
			return "account"
		}
		return snake(kind)
	case "sts":
		return snake(kind)
	}
	if !found {
		return snake(a.service)
	}
	return snake(a.service + "_" + kind)
}

// snake makes a word of a vendor's name that may be the kind of a Ref.
func snake(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s) && len(out) < 64; i++ {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '-' || c == '.':
			c = '_'
		}
		if c >= 'a' && c <= 'z' || len(out) > 0 && (c == '_' || c >= '0' && c <= '9') {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return "resource"
	}
	return string(out)
}

// parameterARN says how the ARN of what a call acts on is made of a parameter.
// In the form, {r}, {a} and {p} are region, account and partition, {v} the value
// and {w} that of a second parameter.
type parameterARN struct {
	name, second string
	form         string
}

// resourceParameters are, by prefix, the parameters that name what a call acts
// on, the most telling first.
func resourceParameters() map[string][]parameterARN {
	const table = `
s3 bucketName,key arn:{p}:s3:::{v}/{w}
s3 bucketName arn:{p}:s3:::{v}
iam userName arn:{p}:iam::{a}:user/{v}
iam roleName arn:{p}:iam::{a}:role/{v}
iam groupName arn:{p}:iam::{a}:group/{v}
iam policyArn {v}
iam instanceProfileName arn:{p}:iam::{a}:instance-profile/{v}
iam openIDConnectProviderArn {v}
iam sAMLProviderArn {v}
sts roleArn {v}
secretsmanager secretId arn:{p}:secretsmanager:{r}:{a}:secret:{v}
ssm name arn:{p}:ssm:{r}:{a}:parameter/{v}
ssm instanceId arn:{p}:ec2:{r}:{a}:instance/{v}
ssm target arn:{p}:ec2:{r}:{a}:instance/{v}
ssm documentName arn:{p}:ssm:{r}:{a}:document/{v}
kms keyId arn:{p}:kms:{r}:{a}:key/{v}
lambda functionName arn:{p}:lambda:{r}:{a}:function:{v}
lambda layerName arn:{p}:lambda:{r}:{a}:layer:{v}
dynamodb tableName arn:{p}:dynamodb:{r}:{a}:table/{v}
sqs queueUrl {v}
sns topicArn {v}
sns targetArn {v}
ec2 instanceId arn:{p}:ec2:{r}:{a}:instance/{v}
ec2 groupId arn:{p}:ec2:{r}:{a}:security-group/{v}
ec2 snapshotId arn:{p}:ec2:{r}::snapshot/{v}
ec2 imageId arn:{p}:ec2:{r}::image/{v}
ec2 volumeId arn:{p}:ec2:{r}:{a}:volume/{v}
ec2 vpcId arn:{p}:ec2:{r}:{a}:vpc/{v}
ec2 keyName arn:{p}:ec2:{r}:{a}:key-pair/{v}
ec2-instance-connect instanceId arn:{p}:ec2:{r}:{a}:instance/{v}
rds dBInstanceIdentifier arn:{p}:rds:{r}:{a}:db:{v}
rds dBClusterIdentifier arn:{p}:rds:{r}:{a}:cluster:{v}
rds dBSnapshotIdentifier arn:{p}:rds:{r}:{a}:snapshot:{v}
cloudtrail name arn:{p}:cloudtrail:{r}:{a}:trail/{v}
cloudtrail trailName arn:{p}:cloudtrail:{r}:{a}:trail/{v}
cloudtrail trailNameList arn:{p}:cloudtrail:{r}:{a}:trail/{v}
guardduty detectorId arn:{p}:guardduty:{r}:{a}:detector/{v}
logs logGroupName arn:{p}:logs:{r}:{a}:log-group:{v}
cloudformation stackName arn:{p}:cloudformation:{r}:{a}:stack/{v}
ecs cluster,service arn:{p}:ecs:{r}:{a}:service/{v}/{w}
ecs cluster,serviceName arn:{p}:ecs:{r}:{a}:service/{v}/{w}
ecs cluster,task arn:{p}:ecs:{r}:{a}:task/{v}/{w}
ecs taskDefinition arn:{p}:ecs:{r}:{a}:task-definition/{v}
ecs cluster arn:{p}:ecs:{r}:{a}:cluster/{v}
eks name arn:{p}:eks:{r}:{a}:cluster/{v}
eks clusterName arn:{p}:eks:{r}:{a}:cluster/{v}
ecr repositoryName arn:{p}:ecr:{r}:{a}:repository/{v}
kinesis streamName arn:{p}:kinesis:{r}:{a}:stream/{v}
firehose deliveryStreamName arn:{p}:firehose:{r}:{a}:deliverystream/{v}
states stateMachineArn {v}
events name arn:{p}:events:{r}:{a}:rule/{v}
cloudwatch alarmName arn:{p}:cloudwatch:{r}:{a}:alarm:{v}
codebuild projectName arn:{p}:codebuild:{r}:{a}:project/{v}
glue jobName arn:{p}:glue:{r}:{a}:job/{v}
glue databaseName,name arn:{p}:glue:{r}:{a}:table/{v}/{w}
athena workGroup arn:{p}:athena:{r}:{a}:workgroup/{v}
bedrock modelId arn:{p}:bedrock:{r}::foundation-model/{v}
organizations accountId arn:{p}:organizations::{a}:account/{v}
sso permissionSetArn {v}
`
	out := map[string][]parameterARN{}
	for line := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		w := strings.Fields(line)
		name, second, _ := strings.Cut(w[1], ",")
		out[w[0]] = append(out[w[0]], parameterARN{name: name, second: second, form: w[2]})
	}
	return out
}

// fromParameters makes an ARN of what the parameters name.
func (d *trailDecoder) fromParameters(r *trailRecord, c *callInfo, region, account string) string {
	p := object(r.parameters)
	if len(p) <= 2 || len(c.parameters) == 0 {
		return ""
	}
	for _, form := range c.parameters {
		v := nameOf(p.Get(form.name))
		if v == "" {
			continue
		}
		second := ""
		if form.second != "" {
			if second = nameOf(p.Get(form.second)); second == "" {
				continue
			}
		}
		switch {
		case strings.HasPrefix(second, "arn:"):
			return second
		case strings.HasPrefix(v, "arn:") && second == "":
			return v
		case strings.HasPrefix(v, "arn:") && c.prefix == "ecs":
			v = v[strings.LastIndexByte(v, '/')+1:] // the name of the cluster
		case strings.HasPrefix(v, "arn:"):
			continue
		}
		return d.form(form.form, c.prefix, v, second, region, account)
	}
	return ""
}

// nameOf is a name that stands by itself or first in a list.
func nameOf(v logs.Value) string {
	if len(v) > 0 && v[0] == '[' {
		for e := range v.Elements() {
			return nameOf(e)
		}
	}
	return v.Word()
}

func (d *trailDecoder) form(form, prefix, v, second, region, account string) string {
	switch {
	case form == "{v}" && prefix == "sqs": // https://sqs.eu-west-1.amazonaws.com/111111111111/name
		parts := strings.Split(v, "/")
		if n := len(parts); n >= 2 && isAccountID(parts[n-2]) {
			return "arn:" + partitionOf(region) + ":sqs:" + region + ":" + parts[n-2] + ":" + parts[n-1]
		}
		return ""
	case form == "{v}":
		return ""
	case prefix == "kms" && strings.HasPrefix(v, "alias/"):
		form = "arn:{p}:kms:{r}:{a}:{v}"
	case prefix == "lambda" && strings.Contains(v, ":function:"): // account:function:name
		_, v, _ = strings.Cut(v, ":function:")
	case prefix == "ssm":
		v = strings.TrimPrefix(v, "/")
	}
	d.arn = d.arn[:0]
	for i := 0; i < len(form); i++ {
		if form[i] != '{' || i+2 >= len(form) {
			d.arn = append(d.arn, form[i])
			continue
		}
		i++
		switch form[i] {
		case 'p':
			d.arn = append(d.arn, partitionOf(region)...)
		case 'r':
			d.arn = append(d.arn, region...)
		case 'a':
			d.arn = append(d.arn, account...)
		case 'v':
			d.arn = append(d.arn, v...)
		case 'w':
			d.arn = append(d.arn, second...)
		}
		i++
	}
	return string(d.arn)
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// passesRole finds the role that a call hands to a service: a parameter that is
// named after roles and holds the ARN of one.
func passesRole(v logs.Value, depth int) string {
	if depth == 0 || !bytes.Contains(v, []byte(":role/")) {
		return ""
	}
	f := object(v).Fields()
	for f.Next() {
		if text, _ := f.Value.Raw(); text != nil {
			name := strings.ToLower(string(f.Key))
			if strings.Contains(name, "role") && bytes.HasPrefix(text, []byte("arn:")) && bytes.Contains(text, []byte(":iam::")) {
				return f.Value.Text()
			}
			continue
		}
		if role := passesRole(f.Value, depth-1); role != "" {
			return role
		}
	}
	for e := range v.Elements() {
		if role := passesRole(e, depth-1); role != "" {
			return role
		}
	}
	return ""
}

package aws

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

// record makes the text of a record of an account from what differs.
func record(fields string) string {
	base := map[string]string{"eventVersion": `"1.11"`, "eventTime": `"2026-01-02T03:04:05Z"`, "eventSource": `"s3.amazonaws.com"`, "eventName": `"GetObject"`,
		"awsRegion": `"eu-west-1"`, "sourceIPAddress": `"192.0.2.7"`, "userAgent": `"aws-cli/2.17"`, "eventID": `"11111111-2222-3333-4444-555555555555"`,
		"recipientAccountId": `"111111111111"`, "eventType": `"AwsApiCall"`}
	var b strings.Builder
	b.WriteString("{" + fields)
	for k, v := range base {
		if !strings.Contains(fields, `"`+k+`"`) {
			b.WriteString(`,"` + k + `":` + v)
		}
	}
	return b.String() + "}"
}

func aRef(account, kind, key string) retinue.Ref {
	return retinue.NewRef(retinue.Realm("aws:"+account), kind, key)
}

// TestWhoActed has every form of userIdentity.
func TestWhoActed(t *testing.T) {
	const home, other = "111111111111", "222222222222"
	deploy := aRef(home, "role", "arn:aws:iam::111111111111:role/app/deploy")
	const roleSession = `"type":"AssumedRole","principalId":"AROAEXAMPLEEXAMPLEAAA:i-0123456789abcdef0","arn":"arn:aws:sts::111111111111:assumed-role/deploy/i-0123456789abcdef0","accountId":"111111111111","accessKeyId":"ASIAEXAMPLEEXAMPLEAA"`
	const issuer = `"sessionIssuer":{"type":"Role","principalId":"AROAEXAMPLEEXAMPLEAAA","arn":"arn:aws:iam::111111111111:role/app/deploy","accountId":"111111111111","userName":"deploy"}`
	for name, c := range map[string]struct {
		identity string
		want     retinue.Ref
		key      string // of the credential
		via      []retinue.Ref
		person   bool
		workload retinue.Ref
		behalf   retinue.Ref
	}{
		"user": {identity: `"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111111111111:user/ci/build","accountId":"111111111111","accessKeyId":"AKIAEXAMPLEEXAMPLEAA","userName":"build"`,
			want: aRef(home, "user", "arn:aws:iam::111111111111:user/ci/build"), key: "AKIAEXAMPLEEXAMPLEAA"},
		"user with a session": {identity: `"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/ann","accountId":"111111111111","accessKeyId":"ASIAEXAMPLEEXAMPLEAA","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}`,
			want: aRef(home, "user", "arn:aws:iam::111111111111:user/ann")},
		"root": {identity: `"type":"Root","principalId":"111111111111","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111"`,
			want: aRef(home, "root", "arn:aws:iam::111111111111:root"), person: true},
		"root with a key": {identity: `"type":"Root","arn":"arn:aws:iam::111111111111:root","accountId":"111111111111","accessKeyId":"AKIAEXAMPLEEXAMPLEAA"`,
			want: aRef(home, "root", "arn:aws:iam::111111111111:root"), key: "AKIAEXAMPLEEXAMPLEAA"},
		"role": {identity: roleSession + `,"sessionContext":{` + issuer + `,"attributes":{"mfaAuthenticated":"false"},"ec2RoleDelivery":"2.0"}`,
			want: deploy, workload: aRef(home, "ec2_instance", "arn:aws:ec2:eu-west-1:111111111111:instance/i-0123456789abcdef0")},
		"role without issuer": {identity: roleSession, want: aRef(home, "role", "arn:aws:iam::111111111111:role/deploy")},
		"source identity": {identity: roleSession + `,"sessionContext":{` + issuer + `,"sourceIdentity":"ann@example.com"}`,
			want: deploy, via: []retinue.Ref{aRef(home, "source_identity", "ann@example.com")}},
		"web identity's role": {identity: roleSession + `,"sessionContext":{` + issuer + `,"webIdFederationData":{"federatedProvider":"arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com","attributes":{"token.actions.githubusercontent.com:sub":"repo:acme/shop:ref:refs/heads/main"}}}`,
			want: deploy, via: []retinue.Ref{aRef(home, "pipeline", "repo:acme/shop:ref:refs/heads/main")}},
		"function": {identity: roleSession + `,"sessionContext":{` + issuer + `},"inScopeOf":{"sourceArn":"arn:aws:lambda:eu-west-1:111111111111:function:work","sourceAccount":"111111111111","issuerType":"AWS::Lambda::Function","credentialsIssuedTo":"x"}`,
			want: deploy, workload: aRef(home, "lambda_function", "arn:aws:lambda:eu-west-1:111111111111:function:work")},
		"single sign-on": {identity: `"type":"AssumedRole","principalId":"AROAEXAMPLE:ann@example.com","arn":"arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann@example.com","accountId":"111111111111","sessionContext":{"sessionIssuer":{"type":"Role","arn":"arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef","accountId":"111111111111"}}`,
			want:   aRef(home, "role", "arn:aws:iam::111111111111:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"),
			person: true, via: []retinue.Ref{aRef(home, "sso_user", "ann@example.com")}},
		"trusted identity": {identity: roleSession + `,"sessionContext":{` + issuer + `},"onBehalfOf":{"userId":"u-1","identityStoreArn":"arn:aws:identitystore::222222222222:identitystore/d-9067"}`,
			want: deploy, behalf: aRef(home, "identity_center_user", "d-9067/u-1")},
		"identity center": {identity: `"type":"IdentityCenterUser","accountId":"111111111111","onBehalfOf":{"userId":"u-1","identityStoreArn":"arn:aws:identitystore::222222222222:identitystore/d-9067"},"credentialId":"x"`,
			want: aRef(home, "identity_center_user", "u-1"), person: true, behalf: aRef(home, "identity_center_user", "d-9067/u-1")},
		"federated": {identity: `"type":"FederatedUser","principalId":"111111111111:bob","arn":"arn:aws:sts::111111111111:federated-user/bob","accountId":"111111111111","sessionContext":{"sessionIssuer":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/broker","accountId":"111111111111"}}`,
			want: aRef(home, "user", "arn:aws:iam::111111111111:user/broker")},
		"SAML": {identity: `"type":"SAMLUser","principalId":"x","userName":"ann@example.com","identityProvider":"arn:aws:iam::111111111111:saml-provider/corp"`,
			want: aRef(home, "saml_user", "ann@example.com"), person: true},
		"token of a pipeline": {identity: `"type":"WebIdentityUser","principalId":"arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:repo:acme/shop:environment:prod","userName":"repo:acme/shop:environment:prod","identityProvider":"arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"`,
			want: aRef(home, "pipeline", "repo:acme/shop:environment:prod")},
		"token of a pod": {identity: `"type":"WebIdentityUser","userName":"system:serviceaccount:pay:db","identityProvider":"arn:aws:iam::111111111111:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE"`,
			want: aRef(home, "oidc_subject", "oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE#system:serviceaccount:pay:db")},
		"service":         {identity: `"type":"AWSService","invokedBy":"lambda.amazonaws.com"`, want: retinue.NewRef("aws:aws", "service", "lambda.amazonaws.com")},
		"other account":   {identity: `"type":"AWSAccount","principalId":"AROAEXAMPLE:x","accountId":"222222222222"`, want: aRef(other, "account", other)},
		"other's role":    {identity: `"type":"AssumedRole","arn":"arn:aws:sts::222222222222:assumed-role/audit/x","accountId":"222222222222"`, want: aRef(other, "role", "arn:aws:iam::222222222222:role/audit")},
		"anonymous":       {identity: `"type":"AWSAccount","principalId":"","accountId":"ANONYMOUS_PRINCIPAL"`},
		"service's event": {identity: `"accountId":"111111111111","invokedBy":"AWS Internal"`},
	} {
		t.Run(name, func(t *testing.T) {
			e := decodeOne(t, record(`"userIdentity":{`+c.identity+`}`))[0]
			checkEvent(t, &e)
			if e.Identity != c.want || e.Person != c.person || e.Origin.Workload != c.workload || e.OnBehalfOf != c.behalf {
				t.Errorf("identity %v, person %v, workload %v, for %v", e.Identity, e.Person, e.Origin.Workload, e.OnBehalfOf)
			}
			if e.Credential.Key != c.key || (c.key != "") != (len(e.Joins) == 1) || c.key != "" && e.Joins[0].Value != "aws:"+c.key {
				t.Errorf("credential %v, joins %v", e.Credential, e.Joins)
			}
			if len(e.Via) != len(c.via) || len(c.via) > 0 && e.Via[0] != c.via[0] {
				t.Errorf("via %v, want %v", e.Via, c.via)
			}
			if e.Realm != "aws:111111111111" {
				t.Errorf("realm %s", e.Realm)
			}
		})
	}
}

const buildUser = `"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/build","accountId":"111111111111","accessKeyId":"AKIAEXAMPLEEXAMPLEAA","userName":"build"}`

// TestCalls has calls whose permission, resource, outcome or touches are not
// what the record says in one word.
func TestCalls(t *testing.T) {
	for name, c := range map[string]struct {
		fields                             string
		action, operation, resource, more  string
		outcome                            retinue.Outcome
		class                              retinue.EventClass
		touch, target, context, kindOfThat string
	}{
		"object": {fields: `"eventCategory":"Data","resources":[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::data/in/x"},{"type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::data","accountId":"222222222222"}]`,
			action: "s3:GetObject", resource: "aws:111111111111/s3_object/arn:aws:s3:::data/in/x", class: retinue.EventData},
		"bucket of another account": {fields: `"eventName":"GetBucketAcl","resources":[{"type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::data","accountId":"222222222222"}]`,
			action: "s3:GetBucketAcl", resource: "aws:222222222222/s3_bucket/arn:aws:s3:::data"},
		"copy":    {fields: `"eventName":"CopyObject","requestParameters":{"bucketName":"data","key":"y"}`, action: "s3:PutObject", operation: "CopyObject", more: "s3:GetObject", resource: "aws:111111111111/s3_object/arn:aws:s3:::data/y", class: retinue.EventData},
		"buckets": {fields: `"eventName":"ListBuckets"`, action: "s3:ListAllMyBuckets", operation: "ListBuckets"},
		"function": {fields: `"eventSource":"lambda.amazonaws.com","eventName":"CreateFunction20150331","readOnly":false,"requestParameters":{"functionName":"work","role":"arn:aws:iam::111111111111:role/app/deploy"},"responseElements":{"functionArn":"x"}`,
			action: "lambda:CreateFunction", operation: "CreateFunction20150331", more: "iam:PassRole", resource: "aws:111111111111/lambda_function/arn:aws:lambda:eu-west-1:111111111111:function:work",
			touch: "run", target: "aws:111111111111/role/arn:aws:iam::111111111111:role/app/deploy"},
		"service of a cluster": {fields: `"eventSource":"ecs.amazonaws.com","eventName":"UpdateService","readOnly":false,"requestParameters":{"cluster":"main","service":"web","taskDefinition":"web:4"}`,
			action: "ecs:UpdateService", touch: "run", resource: "aws:111111111111/ecs_service/arn:aws:ecs:eu-west-1:111111111111:service/main/web"},
		"service of a cluster by its ARN": {fields: `"eventSource":"ecs.amazonaws.com","eventName":"UpdateService","readOnly":false,"requestParameters":{"cluster":"arn:aws:ecs:eu-west-1:111111111111:cluster/main","service":"web"}`,
			action: "ecs:UpdateService", touch: "run", resource: "aws:111111111111/ecs_service/arn:aws:ecs:eu-west-1:111111111111:service/main/web"},
		"service by its ARN": {fields: `"eventSource":"ecs.amazonaws.com","eventName":"DeleteService","readOnly":false,"requestParameters":{"cluster":"main","service":"arn:aws:ecs:eu-west-1:111111111111:service/main/web"}`,
			action: "ecs:DeleteService", resource: "aws:111111111111/ecs_service/arn:aws:ecs:eu-west-1:111111111111:service/main/web"},
		"instance": {fields: `"eventSource":"ec2.amazonaws.com","eventName":"RunInstances","requestParameters":{"iamInstanceProfile":{"name":"web"},"instancesSet":{"items":[]}}`,
			action: "ec2:RunInstances", more: "iam:PassRole", touch: "run"},
		"denied":        {fields: `"errorCode":"AccessDenied","errorMessage":"User: arn is not authorized"`, action: "s3:GetObject", outcome: retinue.OutcomeDenied},
		"denied by ec2": {fields: `"eventSource":"ec2.amazonaws.com","eventName":"DescribeInstances","errorCode":"Client.UnauthorizedOperation"`, action: "ec2:DescribeInstances", outcome: retinue.OutcomeDenied},
		"not found":     {fields: `"errorCode":"NoSuchKey"`, action: "s3:GetObject", outcome: retinue.OutcomeError},
		"throttled":     {fields: `"errorCode":"ThrottlingException"`, action: "s3:GetObject", outcome: retinue.OutcomeError},
		"new key": {fields: `"eventSource":"iam.amazonaws.com","eventName":"CreateAccessKey","requestParameters":{"userName":"ann"},"responseElements":{"accessKey":{"userName":"ann","accessKeyId":"AKIAIOSFODNNBEXAMPLE","status":"Active"}}`,
			action: "iam:CreateAccessKey", resource: "aws:111111111111/user/arn:aws:iam::111111111111:user/ann", touch: "issue", target: "aws:111111111111/access_key/AKIAIOSFODNNBEXAMPLE"},
		"key off": {fields: `"eventSource":"iam.amazonaws.com","eventName":"UpdateAccessKey","requestParameters":{"userName":"ann","accessKeyId":"AKIAIOSFODNNBEXAMPLE","status":"Inactive"}`,
			action: "iam:UpdateAccessKey", resource: "aws:111111111111/user/arn:aws:iam::111111111111:user/ann", touch: "disable", target: "aws:111111111111/access_key/AKIAIOSFODNNBEXAMPLE"},
		"key on": {fields: `"eventSource":"iam.amazonaws.com","eventName":"UpdateAccessKey","requestParameters":{"userName":"ann","accessKeyId":"AKIAIOSFODNNBEXAMPLE","status":"Active"}`,
			action: "iam:UpdateAccessKey", resource: "aws:111111111111/user/arn:aws:iam::111111111111:user/ann", touch: "enable", target: "aws:111111111111/access_key/AKIAIOSFODNNBEXAMPLE"},
		"refused change touches nothing": {fields: `"eventSource":"iam.amazonaws.com","eventName":"CreateUser","errorCode":"AccessDenied","requestParameters":{"userName":"eve"}`,
			action: "iam:CreateUser", resource: "aws:111111111111/user/arn:aws:iam::111111111111:user/eve", outcome: retinue.OutcomeDenied},
		"read with decryption": {fields: `"eventSource":"ssm.amazonaws.com","eventName":"GetParameter","requestParameters":{"name":"/prod/db","withDecryption":true}`,
			action: "ssm:GetParameter", resource: "aws:111111111111/ssm_parameter/arn:aws:ssm:eu-west-1:111111111111:parameter/prod/db", touch: "read", target: "aws:111111111111/ssm_parameter/arn:aws:ssm:eu-west-1:111111111111:parameter/prod/db"},
		"read as it is": {fields: `"eventSource":"ssm.amazonaws.com","eventName":"GetParameter","requestParameters":{"name":"/prod/db"}`,
			action: "ssm:GetParameter", resource: "aws:111111111111/ssm_parameter/arn:aws:ssm:eu-west-1:111111111111:parameter/prod/db"},
		"queue": {fields: `"eventSource":"sqs.amazonaws.com","eventName":"SendMessageBatch","requestParameters":{"queueUrl":"https://sqs.eu-west-1.amazonaws.com/222222222222/jobs"}`,
			action: "sqs:SendMessage", operation: "SendMessageBatch", resource: "aws:222222222222/sqs_queue/arn:aws:sqs:eu-west-1:222222222222:jobs"},
		"endpoint":   {fields: `"vpcEndpointId":"vpce-0123","eventCategory":"NetworkActivity","eventType":"AwsVpceEvent"`, action: "s3:GetObject", class: retinue.EventData, context: "aws:SourceVpce=vpce-0123"},
		"unmapped":   {fields: `"eventSource":"new.amazonaws.com","eventName":"DoNewThing"`, operation: "new.amazonaws.com DoNewThing"},
		"data event": {fields: `"managementEvent":false,"eventSource":"lambda.amazonaws.com","eventName":"Invoke"`, action: "lambda:InvokeFunction", operation: "Invoke", class: retinue.EventData},
	} {
		t.Run(name, func(t *testing.T) {
			e := decodeOne(t, record(buildUser+","+c.fields))[0]
			checkEvent(t, &e)
			if c.outcome == "" {
				c.outcome = retinue.OutcomeSuccess
			}
			if c.class == "" && c.action != "s3:GetObject" {
				c.class = retinue.EventManagement
			}
			if e.Action != c.action || e.Operation != c.operation || strings.Join(e.More, " ") != c.more || e.Resource.String() != c.resource || e.Outcome != c.outcome {
				t.Errorf("action %q operation %q more %q resource %q outcome %q", e.Action, e.Operation, e.More, e.Resource, e.Outcome)
			}
			if c.class != "" && e.Class != c.class {
				t.Errorf("class %s, want %s", e.Class, c.class)
			}
			found := c.touch == "" && len(e.Touches) == 0
			for _, x := range e.Touches {
				found = found || string(x.Kind) == c.touch && (c.target == "" || x.Target.String() == c.target)
			}
			if !found {
				t.Errorf("touches %+v, want %s %s", e.Touches, c.touch, c.target)
			}
			if k, v, ok := strings.Cut(c.context, "="); ok && (len(e.Context) != 1 || e.Context[0] != retinue.ContextValue{Key: k, Value: v}) {
				t.Errorf("context %v, want %s", e.Context, c.context)
			}
		})
	}
}

// TestSessions ties a role's session to whoever opened it.
func TestSessions(t *testing.T) {
	events := decodeOne(t, record(`"eventSource":"sts.amazonaws.com","eventName":"AssumeRoleWithWebIdentity","userIdentity":{"type":"WebIdentityUser","userName":"repo:acme/shop:ref:refs/heads/main","identityProvider":"arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com"},
		"requestParameters":{"roleArn":"arn:aws:iam::111111111111:role/deploy","roleSessionName":"ci"},"resources":[{"type":"AWS::IAM::Role","ARN":"arn:aws:iam::111111111111:role/deploy","accountId":"111111111111"}]`))
	pipeline, role := aRef("111111111111", "pipeline", "repo:acme/shop:ref:refs/heads/main"), aRef("111111111111", "role", "arn:aws:iam::111111111111:role/deploy")
	if len(events) != 2 {
		t.Fatalf("%d events", len(events))
	}
	call, session := events[0], events[1]
	checkEvent(t, &call)
	checkEvent(t, &session)
	if call.Identity != pipeline || call.Resource != role || call.Class != retinue.EventSignIn || call.Action != "sts:AssumeRoleWithWebIdentity" {
		t.Errorf("the call: %+v", call)
	}
	if session.Identity != role || len(session.Via) != 1 || session.Via[0] != pipeline || session.Origin.Workload != pipeline || session.Action != "" || session.ID == call.ID {
		t.Errorf("the session: %+v", session)
	}
	if n := len(decodeOne(t, record(buildUser+`,"eventSource":"sts.amazonaws.com","eventName":"AssumeRole","errorCode":"AccessDenied","requestParameters":{"roleArn":"arn:aws:iam::111111111111:role/deploy"}`))); n != 1 {
		t.Errorf("a refused session: %d events", n)
	}
}

// TestConsole has a person at the console.
func TestConsole(t *testing.T) {
	e := decodeOne(t, record(`"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/ann","accountId":"111111111111"},"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","eventType":"AwsConsoleSignIn","userAgent":"Mozilla/5.0","responseElements":{"ConsoleLogin":"Failure"},"errorMessage":"Failed authentication"`))[0]
	if !e.Person || !e.Origin.Interactive || e.Class != retinue.EventSignIn || e.Outcome != retinue.OutcomeDenied || e.Credential != aRef("111111111111", "password", "arn:aws:iam::111111111111:user/ann") {
		t.Errorf("%+v", e)
	}
}

// TestInsight: an insight is about calls and is none.
func TestInsight(t *testing.T) {
	e := decodeOne(t, `{"eventVersion":"1.08","eventTime":"2026-01-02T03:04:00Z","awsRegion":"eu-west-1","eventID":"aaaaaaaa-0000-0000-0000-000000000001","eventType":"AwsCloudTrailInsight","recipientAccountId":"111111111111","sharedEventID":"x","insightDetails":{"state":"Start","eventSource":"ec2.amazonaws.com","eventName":"RunInstances","insightType":"ApiCallRateInsight"},"eventCategory":"Insight"}`)[0]
	if e.Class != retinue.EventInsight || !e.Identity.IsZero() || e.Action != "ec2:RunInstances" || e.Operation != "ApiCallRateInsight start" {
		t.Errorf("%+v", e)
	}
}

// TestWrapped: a record is the same event however it comes.
func TestWrapped(t *testing.T) {
	plain := record(buildUser)
	quoted := strings.ReplaceAll(plain, `"`, `\"`)
	want := decodeOne(t, plain)[0]
	for name, text := range map[string]string{
		"EventBridge":     `{"version":"0","detail-type":"AWS API Call via CloudTrail","source":"aws.s3","detail":` + plain + `}`,
		"LookupEvents":    `{"EventId":"x","EventName":"GetObject","CloudTrailEvent":"` + quoted + `"}`,
		"Lake":            `{"eventJson":"` + quoted + `"}`,
		"CloudWatch Logs": `{"messageType":"DATA_MESSAGE","owner":"111111111111","logGroup":"trail","logEvents":[{"id":"1","timestamp":1,"message":"` + quoted + `"}]}`,
		"file":            `{"Records":[` + plain + `]}`,
		"table": strings.NewReplacer(`"eventVersion"`, `"eventversion"`, `"eventTime"`, `"eventtime"`, `"eventSource"`, `"eventsource"`, `"eventName"`, `"eventname"`, `"awsRegion"`, `"awsregion"`, `"userIdentity"`, `"useridentity"`,
			`"accessKeyId"`, `"accesskeyid"`, `"recipientAccountId"`, `"recipientaccountid"`, `"eventID"`, `"eventid"`, `"sourceIPAddress"`, `"sourceipaddress"`, `"userAgent"`, `"useragent"`, "T03:04:05Z", " 03:04:05.000").Replace(plain),
	} {
		got := decodeOne(t, text)
		if len(got) != 1 || got[0].ID != want.ID || got[0].Identity != want.Identity || got[0].Action != want.Action || !got[0].At.Equal(want.At) || got[0].Credential != want.Credential || got[0].Realm != want.Realm {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestUnknown: what is not understood is kept, what is no record is refused.
func TestUnknown(t *testing.T) {
	for name, text := range map[string]string{
		"later version": record(`"eventVersion":"2.0",` + buildUser),
		"no time":       strings.ReplaceAll(record(buildUser), `"2026-01-02T03:04:05Z"`, `"yesterday"`),
		"no name":       strings.ReplaceAll(record(buildUser), `"GetObject"`, `null`),
	} {
		e := decodeOne(t, text)[0]
		checkEvent(t, &e)
		if e.Class != retinue.EventUnknown || string(e.Raw) != text || e.Realm != "aws:111111111111" {
			t.Errorf("%s: %+v", name, e)
		}
	}
	for _, text := range []string{`{}`, `[]`, `{"a":1}`, `null`, ``, `{"detail":{"detail":{"detail":{"detail":{"detail":{"detail":{}}}}}}}`, `{"eventName":`} {
		if events, err := testActivity().Decode([]byte(text)); err == nil {
			t.Errorf("%s: %+v", text, events)
		}
	}
}

// TestWrappedBeside: a record that cannot be read keeps none of those that were
// delivered with it from being read.
func TestWrappedBeside(t *testing.T) {
	good := record(buildUser)
	events := decodeOne(t, `{"logEvents":[`+strings.Join([]string{good, `{"message":"not a record"}`, strings.Replace(good, `"GetObject"`, `"PutObject"`, 1)}, ",")+`]}`)
	if len(events) != 3 || events[0].Action != "s3:GetObject" || events[2].Action != "s3:PutObject" || events[1].Class != retinue.EventUnknown || !events[1].At.IsZero() {
		t.Errorf("%+v", events)
	}
}

// TestHostile: names and agents are made safe and short.
func TestHostile(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	e := decodeOne(t, record(`"userIdentity":{"type":"SAMLUser","userName":"`+long+`"},"userAgent":"\u001b[31m\u202e`+long+`","errorCode":"`+long+`","eventName":"`+long+`","eventSource":"`+long+`","awsRegion":"`+long+`","vpcEndpointId":"`+long+`","requestParameters":{"bucketName":"\u0000","key":"`+long+`"}`))[0]
	checkEvent(t, &e)
}

func FuzzTrailDecode(f *testing.F) {
	f.Add([]byte(record(buildUser)))
	f.Add([]byte(`{"Records":[` + record(buildUser+`,"requestParameters":{"role":"arn:aws:iam::1:role/x"}`) + `]}`))
	f.Add([]byte(record(`"userIdentity":{"type":"Root"},"recipientAccountId":"","insightDetails":{}`)))
	f.Add([]byte(`{"eventJson":"{\"eventName\":\"x\",\"eventSource\":\"y\",\"eventID\":\"z\"}"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := testActivity().Decode(data)
		if err != nil {
			return
		}
		for i := range events {
			checkEvent(t, &events[i])
		}
		again, err := testActivity().Decode(data)
		if err != nil || len(again) != len(events) || len(events) > 0 && (again[0].ID != events[0].ID || again[0].Digest != events[0].Digest) {
			t.Error("decoded otherwise the second time")
		}
	})
}

package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// region is where the company's accounts are.
const region = "us-east-1"

// trailRecord is an entry of CloudTrail (AWS CloudTrail User Guide, "CloudTrail
// record contents"). Members stand in the vendor's order.
type trailRecord struct {
	EventVersion       string          `json:"eventVersion"`
	UserIdentity       trailIdentity   `json:"userIdentity"`
	EventTime          string          `json:"eventTime"`
	EventSource        string          `json:"eventSource"`
	EventName          string          `json:"eventName"`
	AWSRegion          string          `json:"awsRegion"`
	SourceIPAddress    string          `json:"sourceIPAddress"`
	UserAgent          string          `json:"userAgent"`
	ErrorCode          string          `json:"errorCode,omitempty"`
	ErrorMessage       string          `json:"errorMessage,omitempty"`
	RequestParameters  map[string]any  `json:"requestParameters"`
	ResponseElements   map[string]any  `json:"responseElements"`
	RequestID          string          `json:"requestID"`
	EventID            string          `json:"eventID"`
	ReadOnly           bool            `json:"readOnly"`
	Resources          []trailResource `json:"resources,omitempty"`
	EventType          string          `json:"eventType"`
	ManagementEvent    bool            `json:"managementEvent"`
	RecipientAccountID string          `json:"recipientAccountId"`
	EventCategory      string          `json:"eventCategory"`
	TLSDetails         map[string]any  `json:"tlsDetails,omitempty"`
}

type trailIdentity struct {
	Type           string        `json:"type"`
	PrincipalID    string        `json:"principalId"`
	ARN            string        `json:"arn"`
	AccountID      string        `json:"accountId"`
	AccessKeyID    string        `json:"accessKeyId"`
	UserName       string        `json:"userName,omitempty"`
	SessionContext *trailSession `json:"sessionContext,omitempty"`
}

type trailSession struct {
	SessionIssuer   trailIssuer       `json:"sessionIssuer"`
	Attributes      map[string]string `json:"attributes"`
	EC2RoleDelivery string            `json:"ec2RoleDelivery,omitempty"`
}

type trailIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

type trailResource struct {
	AccountID string `json:"accountId,omitempty"`
	Type      string `json:"type"`
	ARN       string `json:"ARN"`
}

// cloudTrail writes a deed as CloudTrail does, and returns the event's id.
func cloudTrail(d *deed) (record []byte, id string, err error) {
	a, account := d.action(), d.by.id.sys.id
	resource := d.resource()
	id = uuid(d.draw(1), d.draw(2))
	r := trailRecord{
		EventVersion: "1.11", UserIdentity: trailWho(d), EventTime: d.at.Format(time.RFC3339), EventSource: a.service + ".amazonaws.com",
		EventName: a.operation, AWSRegion: region, SourceIPAddress: d.address(), UserAgent: d.by.host(d.at).agent,
		RequestParameters: trailParameters(a, resource), RequestID: uuid(d.draw(3), d.draw(4)), EventID: id, ReadOnly: !a.write,
		Resources: trailResources(a, resource, account), EventType: "AwsApiCall", ManagementEvent: !a.data, RecipientAccountID: account,
		EventCategory: "Management",
		TLSDetails: map[string]any{"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256",
			"clientProvidedHostHeader": a.service + "." + region + ".amazonaws.com"},
	}
	if a.data {
		r.EventCategory = "Data"
	}
	switch d.outcome {
	case retinue.OutcomeDenied:
		r.ErrorCode, r.ErrorMessage = deniedCode(a.service), "User: "+r.UserIdentity.ARN+" is not authorized to perform: "+a.permission
	case retinue.OutcomeError:
		r.ErrorCode, r.ErrorMessage = "ThrottlingException", "Rate exceeded"
	case retinue.OutcomeSuccess:
		r.ResponseElements = trailResponse(d, a, resource)
	}
	record, err = json.Marshal(&r)
	return record, id, err
}

// deniedCode is what services call a refusal.
func deniedCode(service string) string {
	switch service {
	case "ec2":
		return "Client.UnauthorizedOperation"
	case "s3", "iam", "sts", "cloudformation":
		return "AccessDenied"
	}
	return "AccessDeniedException"
}

// trailWho is the caller: a user with its key, or a session of a role.
func trailWho(d *deed) trailIdentity {
	id := d.by.id
	account := id.sys.id
	principal := newDice(id.live[0].words, 0xa1d).word(base32, 17)
	if id.user {
		return trailIdentity{Type: "IAMUser", PrincipalID: "AIDA" + principal, ARN: id.Ref.Key, AccountID: account,
			AccessKeyID: id.Credentials[0].ID, UserName: id.Name}
	}
	session := d.by.Workload
	if session == "" {
		session = "botocore-session-" + itoa(int(d.at.Unix()/3600))
	}
	// A session lasts an hour; its key is one of the temporary kind.
	began := d.at.Truncate(time.Hour)
	w := trailIdentity{Type: "AssumedRole", PrincipalID: "AROA" + principal + ":" + session,
		ARN: "arn:aws:sts::" + account + ":assumed-role/" + id.Name + "/" + session, AccountID: account,
		AccessKeyID: "ASIA" + newDice(d.by.words, uint64(began.Unix())).word(base32, 16)}
	w.SessionContext = &trailSession{
		SessionIssuer: trailIssuer{Type: "Role", PrincipalID: "AROA" + principal, ARN: id.Ref.Key, AccountID: account, UserName: id.Name},
		Attributes:    map[string]string{"creationDate": began.Format(time.RFC3339), "mfaAuthenticated": "false"},
	}
	if strings.HasPrefix(session, "i-") {
		w.SessionContext.EC2RoleDelivery = "2.0"
	}
	return w
}

// trailParameters are the names in a request; values of secrets never stand in
// CloudTrail, and none here.
func trailParameters(a *action, resource string) map[string]any {
	name := resource[strings.LastIndexAny(resource, ":/")+1:]
	switch a.permission {
	case "s3:GetObject", "s3:PutObject":
		bucket, key, _ := strings.Cut(strings.TrimPrefix(resource, "arn:aws:s3:::"), "/")
		return map[string]any{"bucketName": bucket, "key": key, "Host": bucket + ".s3." + region + ".amazonaws.com"}
	case "s3:ListBucket":
		return map[string]any{"bucketName": name, "Host": name + ".s3." + region + ".amazonaws.com"}
	case "dynamodb:GetItem", "dynamodb:PutItem":
		return map[string]any{"tableName": name}
	case "lambda:InvokeFunction":
		return map[string]any{"functionName": resource}
	case "secretsmanager:GetSecretValue":
		return map[string]any{"secretId": resource}
	case "kms:Decrypt":
		return map[string]any{"encryptionAlgorithm": "SYMMETRIC_DEFAULT"}
	case "ecs:UpdateService":
		return map[string]any{"cluster": "main", "service": name}
	case "ssm:GetParameter":
		return map[string]any{"name": strings.TrimPrefix(resource[strings.Index(resource, ":parameter"):], ":parameter"), "withDecryption": true}
	case "iam:AttachRolePolicy":
		return map[string]any{"roleName": name, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
	case "iam:UpdateAssumeRolePolicy":
		return map[string]any{"roleName": name, "policyDocument": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:AssumeRole"}]}`}
	case "iam:CreateAccessKey":
		return map[string]any{"userName": name}
	case "cloudtrail:StopLogging":
		return map[string]any{"name": resource}
	case "cloudtrail:PutEventSelectors":
		return map[string]any{"trailName": resource, "eventSelectors": []any{map[string]any{"readWriteType": "WriteOnly", "includeManagementEvents": true, "dataResources": []any{}}}}
	}
	return nil
}

func trailResources(a *action, resource, account string) []trailResource {
	switch a.permission {
	case "s3:GetObject", "s3:PutObject":
		bucket, _, _ := strings.Cut(strings.TrimPrefix(resource, "arn:aws:s3:::"), "/")
		return []trailResource{{Type: "AWS::S3::Object", ARN: resource}, {AccountID: account, Type: "AWS::S3::Bucket", ARN: "arn:aws:s3:::" + bucket}}
	case "s3:ListBucket":
		return []trailResource{{AccountID: account, Type: "AWS::S3::Bucket", ARN: resource}}
	case "dynamodb:GetItem", "dynamodb:PutItem":
		return []trailResource{{AccountID: account, Type: "AWS::DynamoDB::Table", ARN: resource}}
	case "lambda:InvokeFunction":
		return []trailResource{{AccountID: account, Type: "AWS::Lambda::Function", ARN: resource}}
	case "kms:Decrypt":
		return []trailResource{{AccountID: account, Type: "AWS::KMS::Key", ARN: resource}}
	}
	return nil
}

// trailResponse is what answers show of what was made.
func trailResponse(d *deed, a *action, resource string) map[string]any {
	if a.permission != "iam:CreateAccessKey" {
		return nil
	}
	user := resource[strings.LastIndexByte(resource, '/')+1:]
	return map[string]any{"accessKey": map[string]any{"userName": user, "status": "Active", "createDate": d.at.Format("Jan 2, 2006 3:04:05 PM"),
		"accessKeyId": fmt.Sprint("AKIA", newDice(d.word, 9).word(base32, 16))}}
}

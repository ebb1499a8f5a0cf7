package bench

import (
	"bytes"
	"encoding/csv"
	"path"
	"strings"
	"time"
)

// The parts of get-account-authorization-details (AWS CLI reference) that are
// written.
type (
	awsDetails struct {
		UserDetailList  []awsUser  //nolint:tagliatelle // the vendor's spelling
		GroupDetailList []struct{} //nolint:tagliatelle // the vendor's spelling
		RoleDetailList  []awsRole  //nolint:tagliatelle // the vendor's spelling
		Policies        []struct{} //nolint:tagliatelle // the vendor's spelling
		IsTruncated     bool       //nolint:tagliatelle // the vendor's spelling
	}
	awsPrincipal struct {
		Path                    string
		Arn                     string
		CreateDate              string
		AttachedManagedPolicies []map[string]string
		Tags                    []awsTag `json:",omitempty"`
	}
	awsUser struct {
		awsPrincipal
		UserName, UserId string //nolint:revive // the vendor's spelling
		GroupList        []string
		UserPolicyList   []awsInline
	}
	awsRole struct {
		awsPrincipal
		RoleName, RoleId         string //nolint:revive // the vendor's spelling
		AssumeRolePolicyDocument awsDocument
		InstanceProfileList      []struct{}
		RolePolicyList           []awsInline
		RoleLastUsed             map[string]string
	}
	awsTag    struct{ Key, Value string }
	awsInline struct {
		PolicyName     string
		PolicyDocument awsDocument
	}
	awsDocument struct {
		Version   string
		Statement []map[string]any
	}
)

func statements(s ...map[string]any) awsDocument {
	return awsDocument{Version: "2012-10-17", Statement: s}
}

// aws writes an account: authorization details, credential report, access keys
// and the trail's settings.
func (x *exporter) aws() error {
	d := awsDetails{UserDetailList: []awsUser{}, GroupDetailList: []struct{}{}, RoleDetailList: []awsRole{}, Policies: []struct{}{}}
	report := [][]string{reportColumns()}
	for _, id := range x.listed() {
		if !id.user {
			d.RoleDetailList = append(d.RoleDetailList, x.role(id))
			continue
		}
		d.UserDetailList = append(d.UserDetailList, x.user(id))
		report = append(report, x.reportRow(id))
		if err := x.accessKeys(id); err != nil {
			return err
		}
	}
	if err := x.json("authorization-details.json", &d); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(report); err != nil {
		return err
	}
	if err := x.e.writeText(path.Join(x.dir, "credential-report.csv"), b.String()); err != nil {
		return err
	}
	x.scan(map[string]string{"account": x.s.id})
	return x.trail()
}

func (x *exporter) principal(id *identity) awsPrincipal {
	p := awsPrincipal{Path: "/", Arn: id.Ref.Key, CreateDate: id.CreatedAt.Format(time.RFC3339), AttachedManagedPolicies: []map[string]string{},
		Tags: []awsTag{{"application", id.app.id}}}
	if owner := id.signal(); owner != "" {
		p.Tags = append(p.Tags, awsTag{"Owner", owner})
	}
	return p
}

// policies are what an identity is given; one that was retired is denied
// everything, so that attempts still show in the log.
func (x *exporter) policies(id *identity) []awsInline {
	if !id.retired.IsZero() {
		return []awsInline{{"retired", statements(map[string]any{"Sid": "Retired", "Effect": "Deny", "Action": "*", "Resource": "*"})}}
	}
	var list []map[string]any
	for _, a := range id.granted() {
		resource := a.on(id.app.id, x.s.id)
		if resource == "" {
			resource = "*"
		}
		list = append(list, map[string]any{"Effect": "Allow", "Action": a.permission, "Resource": resource})
	}
	return []awsInline{{"access", statements(list...)}}
}

func (x *exporter) user(id *identity) awsUser {
	return awsUser{awsPrincipal: x.principal(id), UserName: id.Name, UserId: "AIDA" + newDice(id.live[0].words, 0xa1d).word(base32, 17),
		GroupList: []string{}, UserPolicyList: x.policies(id)}
}

func (x *exporter) role(id *identity) awsRole {
	r := awsRole{awsPrincipal: x.principal(id), RoleName: id.Name, RoleId: "AROA" + newDice(id.live[0].words, 0xa1d).word(base32, 17),
		AssumeRolePolicyDocument: x.trust(id), InstanceProfileList: []struct{}{}, RolePolicyList: x.policies(id), RoleLastUsed: map[string]string{}}
	if at := id.lastSaid(); !at.IsZero() {
		r.RoleLastUsed = map[string]string{"LastUsedDate": at.Format(time.RFC3339), "Region": region}
	}
	return r
}

// trust is who may assume a role: what its consumers are.
func (x *exporter) trust(id *identity) awsDocument {
	var list []map[string]any
	said := map[string]bool{}
	for _, c := range id.live {
		if said[c.Kind] {
			continue
		}
		said[c.Kind] = true
		s := map[string]any{"Effect": "Allow", "Action": "sts:AssumeRole"}
		switch c.Kind {
		case consumerInstance:
			s["Principal"] = map[string]string{"Service": "ec2.amazonaws.com"}
		case consumerFunction:
			s["Principal"] = map[string]string{"Service": "lambda.amazonaws.com"}
		case consumerPipeline:
			const provider = "token.actions.githubusercontent.com"
			s["Action"] = "sts:AssumeRoleWithWebIdentity"
			s["Principal"] = map[string]string{"Federated": "arn:aws:iam::" + x.s.id + ":oidc-provider/" + provider}
			s["Condition"] = map[string]any{"StringEquals": map[string]string{provider + ":aud": "sts.amazonaws.com",
				provider + ":sub": "repo:" + domainOrg + "/" + id.app.id + ":ref:refs/heads/main"}}
		case consumerVendor:
			s["Principal"] = map[string]string{"AWS": "arn:aws:iam::999988887777:root"}
			s["Condition"] = map[string]any{"StringEquals": map[string]string{"sts:ExternalId": "northwind-" + itoa(id.n)}}
		default:
			continue
		}
		list = append(list, s)
	}
	return statements(list...)
}

// lastSaid is what the account itself says of the last use: it counts refused
// calls too, and remembers those before the stretch.
func (id *identity) lastSaid() time.Time { return latest(latest(id.LastUse, id.prior), id.attempt) }

func reportColumns() []string {
	return strings.Split("user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,"+
		"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"+
		"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,"+
		"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated", ",")
}

func (x *exporter) reportRow(id *identity) []string {
	const none = "N/A"
	at, where, service := none, none, none
	if last := id.lastSaid(); !last.IsZero() {
		at, where, service = last.Format(time.RFC3339), region, id.acts[0].service
	}
	born := id.CreatedAt.Format(time.RFC3339)
	return []string{id.Name, id.Ref.Key, born, "false", none, none, none, "false", "true", born, at, where, service,
		"false", none, none, none, none, "false", none, "false", none}
}

// accessKeys writes list-access-keys of one user.
func (x *exporter) accessKeys(id *identity) error {
	return x.json(path.Join("access-keys", id.Name+".json"), map[string]any{"AccessKeyMetadata": []map[string]string{{
		"UserName": id.Name, "AccessKeyId": id.Credentials[0].ID, "Status": "Active", "CreateDate": id.CreatedAt.Format(time.RFC3339)}}})
}

// trail writes the settings of the trail beside its files: describe-trails and
// get-event-selectors.
func (x *exporter) trail() error {
	arn := "arn:aws:cloudtrail:" + region + ":" + x.s.id + ":trail/main"
	data := []map[string]any{}
	if x.s.quiet == nil {
		data = []map[string]any{{"Type": "AWS::S3::Object", "Values": []string{"arn:aws:s3"}}, {"Type": "AWS::Lambda::Function", "Values": []string{"arn:aws:lambda"}},
			{"Type": "AWS::DynamoDB::Table", "Values": []string{"arn:aws:dynamodb"}}}
	}
	folder := path.Join("logs", x.s.folder, "AWSLogs", x.s.id)
	err := x.e.writeJSON(path.Join(folder, "describe-trails.json"), map[string]any{"trailList": []map[string]any{{"Name": "main", "S3BucketName": trailBucket,
		"IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": true, "HomeRegion": region, "TrailARN": arn, "LogFileValidationEnabled": true,
		"HasCustomEventSelectors": true, "HasInsightSelectors": false, "IsOrganizationTrail": false}}})
	if err != nil {
		return err
	}
	x.activity(folder, nil)
	if err := x.e.writeJSON(path.Join(folder, "public-keys.json"), x.e.signer.publicKeys(x.e.from, x.e.to)); err != nil {
		return err
	}
	return x.e.writeJSON(path.Join(folder, "get-event-selectors.json"), map[string]any{"TrailARN": arn, "EventSelectors": []map[string]any{{
		"ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": data, "ExcludeManagementEventSources": []string{}}}})
}

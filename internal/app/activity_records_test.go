package app_test

import (
	"fmt"
	"time"
)

// logKind is a kind of log, and records of it. Of eight records, some are by
// others, of other things, or were refused.
type logKind struct {
	kind    string
	options map[string]string
	record  func(n int) string
}

// hostileAgent is what a client may call itself: it would clear a terminal, write
// its title, turn the text that follows, and begin a script, as JSON has it.
const hostileAgent = `\u001b[2J\u001b]0;x\u0007\u202e\u2066agent<script>/1\r\n`

// recordTime is when record n happened: some are of one hour.
func recordTime(n int) time.Time {
	return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * 17 * time.Minute)
}

func at(n int) string { return recordTime(n).Format(time.RFC3339) }

// logKinds has every kind that reads logs.
func logKinds() []logKind {
	return append(cloudLogs(), append(serviceLogs(), machineLogs()...)...)
}

func cloudLogs() []logKind {
	return []logKind{
		{"aws", nil, func(n int) string {
			return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/u%d","accountId":"111111111111"},"eventTime":%q,"eventSource":"s3.amazonaws.com",`+
				`"eventName":"GetObject","awsRegion":"eu-west-1","sourceIPAddress":"198.51.100.7","userAgent":"%s","requestParameters":{"bucketName":"b","key":"k%d"},"eventID":"e-%d","recipientAccountId":"111111111111"}`,
				n%3, at(n), hostileAgent, n, n)
		}},
		{"gcp", nil, func(n int) string {
			return fmt.Sprintf(`{"insertId":"i%d","logName":"projects/pay/logs/cloudaudit.googleapis.com%%2Factivity","timestamp":%q,"resource":{"type":"gcs_bucket","labels":{"project_id":"pay"}},`+
				`"protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog","serviceName":"storage.googleapis.com","methodName":"storage.buckets.update","resourceName":"projects/_/buckets/b%d",`+
				`"authenticationInfo":{"principalEmail":"job%d@pay.iam.gserviceaccount.com"},"authorizationInfo":[{"permission":"storage.buckets.update","granted":true}],"requestMetadata":{"callerIp":"192.0.2.1","callerSuppliedUserAgent":"%s"},"status":{}}}`,
				n, at(n), n%2, n%3, hostileAgent)
		}},
		{"azure", nil, func(n int) string {
			return fmt.Sprintf(`{"time":%q,"resourceId":"/subscriptions/s/resourceGroups/g%d","operationName":"Microsoft.Resources/deployments/write","category":"Administrative","resultType":"Success","callerIpAddress":"192.0.2.1",`+
				`"correlationId":"c%d","identity":{"claims":{"oid":"22222222-2222-2222-2222-00000000000%d","idtyp":"app"}},"tenantId":"11111111-1111-1111-1111-111111111111"}`, at(n), n%2, n, n%3)
		}},
		{"kubernetes", map[string]string{"cluster-uid": "6b1c2f0e"}, func(n int) string {
			return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a-%d","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/pay/secrets/db","verb":"get",`+
				`"requestReceivedTimestamp":%[2]q,"stageTimestamp":%[2]q,"user":{"username":"system:serviceaccount:pay:api%[3]d","groups":["system:serviceaccounts"]},"sourceIPs":["192.0.2.9"],"userAgent":"%[4]s",`+
				`"responseStatus":{"code":200},"objectRef":{"resource":"secrets","namespace":"pay","name":"db","apiVersion":"v1"},"annotations":{"authorization.k8s.io/decision":"allow"}}`, n, at(n), n%3, hostileAgent)
		}},
	}
}

func serviceLogs() []logKind {
	return []logKind{
		{"okta", map[string]string{"org": "acme.okta.com"}, func(n int) string {
			return fmt.Sprintf(`{"uuid":"u-%d","published":%q,"eventType":"user.session.start","actor":{"id":"00u%d","type":"User"},"outcome":{"result":"SUCCESS"},"client":{"ipAddress":"192.0.2.1","userAgent":{"rawUserAgent":"%s"}}}`,
				n, at(n), n%3, hostileAgent)
		}},
		{"googleworkspace", map[string]string{"domain": "example.com"}, func(n int) string {
			return fmt.Sprintf(`{"kind":"admin#reports#activity","id":{"time":%q,"uniqueQualifier":"%d","applicationName":"login","customerId":"C1"},"actor":{"callerType":"USER","email":"user%d@example.com"},"ipAddress":"192.0.2.1",`+
				`"events":[{"type":"login","name":"login_success"}]}`, at(n), n, n%3)
		}},
		{"github", nil, func(n int) string {
			return fmt.Sprintf(`{"@timestamp":%d,"_document_id":"d-%d","org":"Example","actor":"octo%d","actor_ip":"192.0.2.7","user_agent":"%s","action":"git.clone","repo":"Example/app","transport_protocol_name":"http"}`,
				recordTime(n).UnixMilli(), n, n%3, hostileAgent)
		}},
		{"gitlab", nil, func(n int) string {
			return fmt.Sprintf(`{"id":%d,"author_id":%d,"entity_id":3,"entity_type":"Project","entity_path":"example/app","event_type":"deploy_token_created","created_at":%q,"ip_address":"192.0.2.3","target_id":4,"target_type":"DeployToken","details":{}}`,
				n+1, 7+n%3, at(n))
		}},
		{"slack", map[string]string{"enterprise": "E1"}, func(n int) string {
			return fmt.Sprintf(`{"id":"s-%d","date_create":%d,"actor":{"type":"user","user":{"id":"W%d"}},"entity":{"type":"app","app":{"id":"A1"}},"context":{"location":{"type":"workspace","id":"T1"},"ua":"%s","ip_address":"192.0.2.1"},"action":"app_installed"}`,
				n, recordTime(n).Unix(), n%3, hostileAgent)
		}},
		{"openai", map[string]string{"organization": "org-example"}, func(n int) string {
			return fmt.Sprintf(`{"object":"organization.audit_log","id":"l-%d","effective_at":%d,"type":"api_key.created","api_key.created":{"id":"key_1"},"actor":{"type":"session","session":{"user":{"id":"user-%d"},"ip_address":"192.0.2.1","user_agent":"%s"}}}`,
				n, recordTime(n).Unix(), n%3, hostileAgent)
		}},
		{"anthropic", nil, func(n int) string {
			return fmt.Sprintf(`{"id":"activity_%d","created_at":%q,"organization_id":"org_1","type":"service_key_created","service_key_id":"skey_1","actor":{"type":"user_actor","user_id":"user_%d","ip_address":"192.0.2.1","user_agent":"%s"}}`,
				n, at(n), n%3, hostileAgent)
		}},
		{"ocsf", nil, func(n int) string {
			return fmt.Sprintf(`{"time":%d,"class_uid":6003,"status_id":1,"activity_id":1,"metadata":{"uid":"o-%d","version":"1.3.0","product":{"name":"Widgets","vendor_name":"Example"}},"actor":{"user":{"uid":"u%d","type_id":4}},`+
				`"api":{"operation":"CreateWidget","service":{"name":"widgets"}},"src_endpoint":{"ip":"192.0.2.1"},"http_request":{"user_agent":"%s"}}`, recordTime(n).UnixMilli(), n, n%3, hostileAgent)
		}},
	}
}

func machineLogs() []logKind {
	return []logKind{
		{"ndjson", nil, func(n int) string { // without an id: known by its bytes
			return fmt.Sprintf(`{"log":"shop.access","at":%q,"realm":"shop:eu","class":"data","identity":"shop:eu/client/c%d","operation":"GET /orders","outcome":"success","origin":{"address":"192.0.2.1","agent":"%s"}}`, at(n), n%3, hostileAgent)
		}},
		{"vault", map[string]string{"cluster": "4d3e1f0c"}, func(n int) string {
			return fmt.Sprintf(`{"time":%q,"type":"response","auth":{"accessor":"hmac-sha256:a%[2]d","display_name":"approle","entity_id":"e-%[2]d","policies":["ci"],"policy_results":{"allowed":true}},`+
				`"request":{"id":"r-%[3]d","operation":"read","path":"secret/data/db","mount_point":"secret/","mount_type":"kv","remote_address":"10.0.0.9","namespace":{"id":"root"}},"response":{}}`, at(n), n%3, n)
		}},
		{"postgres", map[string]string{"system-identifier": "7300000000000000001"}, func(n int) string {
			return fmt.Sprintf(`{"timestamp":%q,"user":"app%[2]d","dbname":"shop","pid":90,"remote_host":"10.0.0.9","remote_port":40,"session_id":"65a.%[3]x","line_num":1,"ps":"authentication","error_severity":"LOG","state_code":"00000",`+
				`"message":"connection authorized: user=app%[2]d database=shop application_name=web","application_name":"web","backend_type":"client backend"}`, recordTime(n).Format("2006-01-02 15:04:05.000 MST"), n%3, n+16)
		}},
		{"host", map[string]string{"id": "bastion"}, func(n int) string {
			return fmt.Sprintf("%s bastion sshd[%d]: Accepted publickey for deploy%d from 10.0.0.9 port %d ssh2: ED25519 SHA256:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG", at(n), n+1, n%3, 20000+n)
		}},
	}
}

package aws

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// trailConfigs gathers how trails are set up, from the outputs of
// `aws cloudtrail describe-trails` and `get-event-selectors`.
type trailConfigs struct {
	mu        sync.Mutex
	trails    []trailInfo
	selectors []trailSelectors
}

type trailInfo struct {
	Name                       string
	S3BucketName               string //nolint:revive // the vendor's spelling
	HomeRegion                 string
	TrailARN                   string //nolint:revive // the vendor's spelling
	IncludeGlobalServiceEvents bool
	IsMultiRegionTrail         bool
	IsOrganizationTrail        bool
	LogFileValidationEnabled   bool
}

type trailSelectors struct {
	TrailARN               string //nolint:revive // the vendor's spelling
	EventSelectors         []eventSelector
	AdvancedEventSelectors []advancedSelector
}

type eventSelector struct {
	ReadWriteType                 string
	IncludeManagementEvents       *bool
	ExcludeManagementEventSources []string
	DataResources                 []struct {
		Type   string
		Values []string
	}
}

type advancedSelector struct {
	Name           string
	FieldSelectors []fieldSelector
}

type fieldSelector struct {
	Field                                                               string
	Equals, StartsWith, EndsWith, NotEquals, NotStartsWith, NotEndsWith []string
}

// isTrailConfig tells descriptions of trails from logs by their beginning,
// however they are laid out and ordered.
func isTrailConfig(head string) bool {
	if strings.Contains(head, `"trailList"`) || strings.Contains(head, `"TrailARN"`) && strings.Contains(head, "EventSelectors\"") {
		return true
	}
	name, ok := strings.CutPrefix(strings.TrimSpace(head), "{")
	name = strings.TrimSpace(name)
	return ok && (strings.HasPrefix(name, `"EventSelectors"`) || strings.HasPrefix(name, `"AdvancedEventSelectors"`))
}

// Decode implements logs.Decoder: a description gives no events.
func (t *trailConfigs) Decode(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
	return dst, t.take(rec.Data)
}

// take takes a description of trails.
func (t *trailConfigs) take(data []byte) error {
	var doc struct {
		TrailList []trailInfo `json:"trailList"`
		trailSelectors
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("%w: description of trails: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.trails)+len(doc.TrailList) > 1000 || len(t.selectors) > 1000 {
		return fmt.Errorf("%w: more than 1,000 trails", retinue.ErrInvalid)
	}
	t.trails = append(t.trails, doc.TrailList...)
	if doc.TrailARN != "" {
		t.selectors = append(t.selectors, doc.trailSelectors)
	}
	return nil
}

// dataSource is a kind of resource whose calls are data events.
type dataSource struct {
	resource string // the selector's resources.type
	title    string
	actions  []string
	cost     string
}

// dataSources are the kinds of resource whose use trails leave out unless they
// are told to log it (CloudTrail User Guide, "Logging data events"), of those that
// applications use most. Prices are those of data events, by event.
func dataSources() []dataSource {
	const price = "0.10 USD per 100,000 events delivered, and their storage"
	of := func(resource, title string, actions ...string) dataSource {
		return dataSource{resource, title, actions, price}
	}
	return []dataSource{
		of("AWS::S3::Object", "objects of S3", "s3:GetObject*", "s3:PutObject*", "s3:DeleteObject*", "s3:RestoreObject", "s3:ListBucket",
			"s3:ListBucketVersions", "s3:ListBucketMultipartUploads", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
		of("AWS::Lambda::Function", "invocations of Lambda functions", "lambda:InvokeFunction", "lambda:InvokeFunctionUrl", "lambda:InvokeAsync"),
		of("AWS::DynamoDB::Table", "items of DynamoDB", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query",
			"dynamodb:Scan", "dynamodb:BatchGetItem", "dynamodb:BatchWriteItem", "dynamodb:ConditionCheckItem", "dynamodb:PartiQL*"),
		of("AWS::DynamoDB::Stream", "streams of DynamoDB", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
		of("AWS::SQS::Queue", "messages of SQS", "sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"),
		of("AWS::SNS::Topic", "messages of SNS", "sns:Publish"),
		of("AWS::Kinesis::Stream", "records of Kinesis", "kinesis:PutRecord*", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:SubscribeToShard"),
		of("AWS::S3Express::Object", "objects of S3 directory buckets", "s3express:CreateSession"),
		of("AWS::S3ObjectLambda::AccessPoint", "S3 Object Lambda", "s3-object-lambda:GetObject*", "s3-object-lambda:PutObject*", "s3-object-lambda:WriteGetObjectResponse"),
		of("AWS::EC2::Snapshot", "EBS snapshots read block by block", "ebs:GetSnapshotBlock", "ebs:ListSnapshotBlocks", "ebs:ListChangedBlocks", "ebs:PutSnapshotBlock"),
		of("AWS::RDS::DBCluster", "the RDS Data API", "rds-data:*"),
		of("AWS::SageMaker::Endpoint", "SageMaker endpoints", "sagemaker:InvokeEndpoint*"),
		of("AWS::Bedrock::AgentAlias", "Bedrock agents", "bedrock:InvokeAgent"),
		of("AWS::Bedrock::KnowledgeBase", "Bedrock knowledge bases", "bedrock:Retrieve*"),
		of("AWS::Cognito::IdentityPool", "Cognito identity pools", "cognito-identity:GetId", "cognito-identity:GetCredentialsForIdentity", "cognito-identity:GetOpenIdToken*"),
		of("AWS::CloudWatch::Metric", "metrics of CloudWatch", "cloudwatch:PutMetricData", "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics"),
		of("AWS::StepFunctions::Activity", "activities of Step Functions", "states:GetActivityTask", "states:SendTask*"),
		of("AWS::XRay::Trace", "traces of X-Ray", "xray:PutTraceSegments", "xray:GetSamplingTargets"),
	}
}

// The codes of what CloudTrail cannot show.
const (
	blindDataOff      = "aws.data_events_off"
	blindDataPart     = "aws.data_events_in_part"
	blindReadOff      = "aws.read_events_off"
	blindManagement   = "aws.management_events_off"
	blindExcluded     = "aws.event_sources_excluded"
	blindRegions      = "aws.regions_not_logged"
	blindGlobal       = "aws.global_events_off"
	blindNotLogged    = "aws.not_logged"
	blindTrailUnknown = "aws.trail_unknown"
	blindLookup       = "aws.lookup_events_only"
	blindDeadKeys     = "aws.dead_keys_not_logged"
)

// trailBlindSpots are what a trail as AWS sets it up cannot show.
func trailBlindSpots() []retinue.BlindSpot {
	out := []retinue.BlindSpot{neverLogged(), {
		Code: blindDeadKeys, Text: "Calls with a key that was deleted or never existed reach no trail of the account.",
		Raise: "disable keys before deleting them, and keep the user with a policy that denies everything for the watch", Cost: "none",
	}}
	for _, s := range dataSources() {
		out = append(out, s.off())
	}
	return out
}

func (s dataSource) off() retinue.BlindSpot {
	return retinue.BlindSpot{Code: blindDataOff, Text: "Data events are off: use of " + s.title + " does not show.", Actions: s.actions,
		Raise: "log data events of " + s.resource + " in the trail", Cost: s.cost}
}

// neverLogged are calls of which no trail has events, whatever is set.
func neverLogged() retinue.BlindSpot {
	return retinue.BlindSpot{Code: blindNotLogged, Text: "CloudTrail has no events of these calls.",
		Actions: []string{"logs:PutLogEvents", "firehose:PutRecord*", "execute-api:*", "es:ESHttp*", "aoss:APIAccessAll", "elasticfilesystem:Client*",
			"rds-db:connect", "iot:Connect", "iot:Publish", "iot:Subscribe", "iot:Receive", "ses:SendRawEmail", "ses:SendEmail", "iam:PassRole"}}
}

// blindSpots are what the trails of an account cannot show together; of what
// one logs, the other's silence says nothing. seen are the services of which data
// events were read.
func (t *trailConfigs) blindSpots(account string, regions int) []retinue.BlindSpot {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []retinue.BlindSpot{neverLogged()}
	var mine []trailInfo
	for _, tr := range t.trails {
		if n, ok := parseARN(tr.TrailARN); tr.IsOrganizationTrail || ok && n.account == account {
			mine = append(mine, tr)
		}
	}
	var selectors []trailSelectors
	for _, s := range t.selectors {
		if n, ok := parseARN(s.TrailARN); ok && (n.account == account || organizational(mine, s.TrailARN)) {
			selectors = append(selectors, s)
		}
	}
	if len(selectors) == 0 {
		for _, s := range dataSources() {
			spot := s.off()
			spot.Text = "Whether data events are logged is not known: use of " + s.title + " may not show."
			out = append(out, spot)
		}
		out = append(out, retinue.BlindSpot{Code: blindTrailUnknown, Text: "How the trail is set up was not read: it may leave out regions, reads, or services.",
			Raise: "put the output of `aws cloudtrail describe-trails` and of `get-event-selectors` beside the logs", Cost: "none"})
	} else {
		out = append(out, selectorSpots(selectors)...)
	}
	if len(mine) == 0 {
		return out
	}
	multi, global := false, false
	for _, tr := range mine {
		multi = multi || tr.IsMultiRegionTrail
		global = global || tr.IncludeGlobalServiceEvents
	}
	if !multi {
		out = append(out, retinue.BlindSpot{Code: blindRegions, Text: fmt.Sprintf("The trails log single regions: %d were seen, and calls in others do not show.", regions),
			Raise: "make the trail a multi-region trail", Cost: "none for the first copy of management events"})
	}
	if !global {
		out = append(out, retinue.BlindSpot{Code: blindGlobal, Text: "Events of global services are off: calls to IAM, STS and CloudFront do not show.",
			Actions: []string{"iam:*", "sts:*", "cloudfront:*"}, Raise: "include global service events in the trail", Cost: "none"})
	}
	return out
}

func organizational(trails []trailInfo, arnText string) bool {
	for _, t := range trails {
		if t.IsOrganizationTrail && t.TrailARN == arnText {
			return true
		}
	}
	return false
}

// selected is what selectors log of a kind of resource.
type selected int

const (
	selectedNot selected = iota
	selectedPart
	selectedAll
)

// selectorSpots are what selectors leave out.
func selectorSpots(selectors []trailSelectors) []retinue.BlindSpot {
	var out []retinue.BlindSpot
	reads, writes := selectedNot, selectedNot
	excluded := map[string]bool{}
	data := map[string]selected{}
	for _, s := range selectors {
		for _, e := range s.EventSelectors {
			e.add(&reads, &writes, excluded, data)
		}
		for _, a := range s.AdvancedEventSelectors {
			a.add(&reads, &writes, excluded, data)
		}
	}
	switch {
	case reads == selectedNot && writes == selectedNot:
		out = append(out, retinue.BlindSpot{Code: blindManagement, Text: "Management events are off: calls that read or change configuration do not show.",
			Raise: "log management events in the trail", Cost: "none for the first copy"})
	case reads == selectedNot:
		out = append(out, retinue.BlindSpot{Code: blindReadOff, Text: "Only writes are logged: calls that read configuration do not show.",
			Actions: []string{"*:Get*", "*:List*", "*:Describe*", "*:Head*", "*:Lookup*", "*:Search*", "*:Batch*Get*", "kms:Decrypt"},
			Raise:   "log read events in the trail", Cost: "none for the first copy"})
	}
	for source := range excluded {
		prefix := strings.TrimSuffix(source, ".amazonaws.com")
		if prefix == "rdsdata" {
			prefix = "rds-data"
		}
		out = append(out, retinue.BlindSpot{Code: blindExcluded, Text: "Events of " + retinue.CleanName(source) + " are excluded from the trail.",
			Actions: []string{retinue.CleanName(prefix) + ":*"}, Raise: "log events of " + retinue.CleanName(source), Cost: "none for the first copy"})
	}
	for _, s := range dataSources() {
		switch data[s.resource] {
		case selectedNot:
			out = append(out, s.off())
		case selectedPart:
			spot := s.off()
			spot.Code, spot.Text = blindDataPart, "Data events are logged of some of them: not all use of "+s.title+" shows."
			out = append(out, spot)
		}
	}
	return out
}

func (e eventSelector) add(reads, writes *selected, excluded map[string]bool, data map[string]selected) {
	kind := first(e.ReadWriteType, "All")
	if e.IncludeManagementEvents == nil || *e.IncludeManagementEvents {
		if kind != "WriteOnly" {
			*reads = selectedAll
		}
		if kind != "ReadOnly" {
			*writes = selectedAll
		}
		for _, s := range e.ExcludeManagementEventSources {
			excluded[s] = true
		}
	}
	for _, d := range e.DataResources {
		how := selectedPart
		for _, v := range d.Values {
			// "arn:aws:s3", "arn:aws:s3:::", "arn:aws:lambda", "arn:aws:dynamodb": all there are.
			if strings.Count(strings.TrimRight(v, ":"), ":") <= 2 && kind == "All" {
				how = selectedAll
			}
		}
		data[d.Type] = max(data[d.Type], how)
	}
}

func (a advancedSelector) add(reads, writes *selected, excluded map[string]bool, data map[string]selected) {
	category, resource, readOnly, limited := "", "", "", false
	var not []string
	for _, f := range a.FieldSelectors {
		switch f.Field {
		case "eventCategory":
			category = first(f.Equals...)
		case "resources.type":
			resource = first(f.Equals...)
		case "readOnly":
			readOnly = first(f.Equals...)
		case "eventSource":
			not = append(not, f.NotEquals...)
			limited = limited || len(f.Equals) > 0
		default:
			limited = true
		}
	}
	switch category {
	case "Management":
		if limited {
			return // single calls or services: as good as none
		}
		if readOnly != "false" {
			*reads = selectedAll
		}
		if readOnly != "true" {
			*writes = selectedAll
		}
		for _, s := range not {
			excluded[s] = true
		}
	case "Data":
		how := selectedAll
		if limited || readOnly != "" || len(not) > 0 {
			how = selectedPart
		}
		data[resource] = max(data[resource], how)
	}
}

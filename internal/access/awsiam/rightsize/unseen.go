package rightsize

import (
	"strings"

	"github.com/retinue-id/retinue/internal/access/glob"
)

// dataEvents are the actions, by service, that AWS CloudTrail records as data
// events, which trails do not hold unless told to, or not at all ("AWS
// CloudTrail User Guide", Logging data events; for services that are reached
// by their own protocols, their own guides). Names are patterns in lower case.
var dataEvents = map[string][]string{
	"s3": {"getobject*", "putobject*", "deleteobject*", "restoreobject", "abortmultipartupload", "listmultipartuploadparts",
		"listbucket", "listbucketversions", "listbucketmultipartuploads", "bypassgovernanceretention", "replicate*", "initiatereplication"},
	"s3express":        {"createsession"},
	"s3-object-lambda": {"getobject*", "putobject*", "deleteobject*", "listbucket*", "writegetobjectresponse"},
	"s3-outposts":      {"getobject*", "putobject*", "deleteobject*", "listbucket*", "abortmultipartupload"},
	"lambda":           {"invoke*"},
	"dynamodb": {"getitem", "putitem", "updateitem", "deleteitem", "batchgetitem", "batchwriteitem", "query", "scan",
		"conditioncheckitem", "partiql*", "getrecords", "getsharditerator"},
	"dax":                 {"*item", "query", "scan"},
	"cassandra":           {"select*", "modify*"},
	"timestream":          {"select*", "writerecords", "cancelquery"},
	"neptune-db":          {"*"},
	"rds-data":            {"*"},
	"rds-db":              {"connect"},
	"elasticache":         {"connect"},
	"memorydb":            {"connect"},
	"es":                  {"eshttp*"},
	"aoss":                {"*accessall"},
	"sns":                 {"publish*"},
	"sqs":                 {"sendmessage*", "receivemessage", "deletemessage*", "changemessagevisibility*"},
	"kinesis":             {"getrecords", "getsharditerator", "putrecord*", "subscribetoshard"},
	"kinesisvideo":        {"getmedia*", "putmedia", "getimages", "getclip", "gethls*", "getdash*", "connectas*"},
	"firehose":            {"putrecord*"},
	"kafka-cluster":       {"*"},
	"ebs":                 {"*snapshotblock*", "listchangedblocks"},
	"elasticfilesystem":   {"client*"},
	"cloudwatch":          {"putmetricdata", "getmetricdata", "getmetricwidgetimage"},
	"logs":                {"putlogevents", "filterlogevents", "getlogevents", "getlogrecord", "getlogobject", "startlivetail"},
	"xray":                {"put*", "getsampling*", "getgroups"},
	"iot":                 {"publish", "subscribe", "receive", "connect", "*thingshadow*", "retainpublish"},
	"cognito-identity":    {"getid", "getcredentialsforidentity", "getopenidtoken*", "unlinkidentity"},
	"execute-api":         {"*"},
	"appsync":             {"graphql", "eventpublish", "eventsubscribe", "eventconnect"},
	"appconfig":           {"getlatestconfiguration", "startconfigurationsession"},
	"bedrock":             {"invoke*", "retrieve*", "converse*", "applyguardrail"},
	"sagemaker":           {"invokeendpoint*", "getrecord", "putrecord", "deleterecord", "batchgetrecord", "batchputmetrics"},
	"states":              {"invokehttpendpoint", "sendtask*", "getactivitytask"},
	"swf":                 {"pollfor*", "respond*", "record*", "signal*", "start*", "requestcancel*"},
	"ssmmessages":         {"*"},
	"ec2messages":         {"*"},
	"servicediscovery":    {"discoverinstances*"},
	"verifiedpermissions": {"isauthorized*", "batchisauthorized*"},
	"ses":                 {"send*"},
	"mediastore":          {"getobject", "putobject", "deleteobject", "describeobject", "listitems"},
	"polly":               {"synthesizespeech"},
	"codeguru-profiler":   {"postagentprofile", "configureagent"},
}

// isDataEvent reports whether a log may not hold the action, by its name in
// lower case.
func isDataEvent(action string) bool {
	service, name, _ := strings.Cut(action, ":")
	return matchesAny(dataEvents[service], name)
}

// companion is an action that is checked along with another call and has no
// event of its own.
type companion struct {
	action string   // a pattern
	with   []string // patterns of the calls; %s is the action's service
	why    string
}

// companions are the actions that no log ever shows, with the calls that they
// are checked for (IAM User Guide, "Grant a user permissions to pass a role to
// an AWS service": "PassRole is not an API call"; "Pass session tags in AWS
// STS"; the services' guides on tags at creation).
var companions = []companion{
	{"iam:passrole", roleTakers, "it is checked when a role is given to a service, and CloudTrail does not record it"},
	{"sts:tagsession", []string{"sts:assumerole*"}, "it is checked when a role is assumed with tags, and has no event"},
	{"sts:setsourceidentity", []string{"sts:assumerole*"}, "it is checked when a role is assumed with a source identity, and has no event"},
	{"sts:setcontext", []string{"sts:assumerole"}, "it is checked when a role is assumed with a context, and has no event"},
	{"*:createtags", []string{"%s:create*", "%s:run*", "%s:allocate*", "%s:import*", "%s:copy*"}, "it is checked when something is made with tags, without an event of its own"},
	{"*:tagresource", []string{"%s:create*", "%s:run*", "%s:register*"}, "it is checked when something is made with tags, without an event of its own"},
	{"*:addtags*", []string{"%s:create*", "%s:copy*", "%s:restore*"}, "it is checked when something is made with tags, without an event of its own"},
	{"iam:tag*", []string{"iam:create*"}, "it is checked when something is made with tags, without an event of its own"},
}

// roleTakers are the calls that give a role to a service. AWS publishes no
// list; these are the actions of its API references that take the ARN of a role
// and pass it on.
var roleTakers = []string{
	"accessanalyzer:startpolicygeneration", "airflow:create*", "airflow:update*", "amplify:create*", "amplify:update*", "appflow:create*",
	"application-autoscaling:registerscalabletarget", "apprunner:create*", "apprunner:update*", "appstream:create*", "appstream:update*", "appsync:create*", "appsync:update*",
	"autoscaling:create*", "autoscaling:put*", "autoscaling:update*", "backup:create*", "backup:start*", "batch:create*", "batch:register*", "batch:submit*", "batch:update*",
	"bedrock:create*", "bedrock:update*", "bedrock-agentcore:create*", "bedrock-agentcore:update*", "chatbot:create*", "cloud9:create*",
	"cloudformation:create*", "cloudformation:update*", "cloudformation:delete*", "cloudformation:execute*", "cloudformation:continue*", "cloudformation:setstackpolicy",
	"cloudtrail:create*", "cloudtrail:update*", "codebuild:create*", "codebuild:update*", "codebuild:start*", "codedeploy:create*", "codedeploy:update*", "codepipeline:create*", "codepipeline:update*",
	"cognito-identity:set*", "cognito-idp:create*", "cognito-idp:update*", "cognito-idp:set*", "config:put*", "databrew:create*", "databrew:update*", "datapipeline:*", "datasync:create*",
	"dax:create*", "dlm:create*", "dlm:update*", "dms:create*", "dms:modify*", "dynamodb:create*", "dynamodb:import*",
	"ec2:runinstances", "ec2:requestspot*", "ec2:associateiaminstanceprofile", "ec2:replaceiaminstanceprofile*", "ec2:createfleet", "ec2:createflowlogs", "ec2:createlaunchtemplate*",
	"ec2:modifylaunchtemplate", "ec2:modifyspotfleetrequest", "ec2:import*", "ec2:export*",
	"ecs:create*", "ecs:register*", "ecs:run*", "ecs:start*", "ecs:update*", "eks:create*", "eks:update*", "eks:associate*", "elasticbeanstalk:create*", "elasticbeanstalk:update*",
	"elasticmapreduce:runjobflow", "elasticmapreduce:create*", "emr-containers:start*", "emr-serverless:start*", "elastictranscoder:create*", "elastictranscoder:update*", "es:create*", "es:update*",
	"events:put*", "firehose:create*", "firehose:update*", "fis:create*", "fis:update*", "forecast:create*", "gamelift:create*", "glue:create*", "glue:update*", "glue:start*", "greengrass:associate*",
	"guardduty:create*", "iam:addroletoinstanceprofile", "imagebuilder:create*", "imagebuilder:update*", "iot:create*", "iot:update*", "iot:set*", "iot:register*", "iotanalytics:create*", "kendra:create*", "kendra:update*",
	"kinesisanalytics:create*", "kinesisanalytics:add*", "kinesisanalytics:update*", "lambda:createfunction", "lambda:updatefunctionconfiguration", "lex:create*", "lex:update*", "logs:putsubscriptionfilter", "logs:putdestination",
	"machinelearning:create*", "mediaconvert:create*", "mediaconvert:update*", "mgn:*", "mq:create*", "network-firewall:create*", "opsworks:*", "osis:create*", "personalize:create*", "pinpoint:*", "pipes:create*", "pipes:update*",
	"quicksight:*", "rds:create*", "rds:modify*", "rds:add*", "rds:restore*", "rds:start*", "redshift:create*", "redshift:modify*", "redshift:restore*", "redshift-serverless:create*", "redshift-serverless:update*",
	"rekognition:create*", "rekognition:start*", "robomaker:create*", "s3:putreplicationconfiguration", "s3:putbucketreplication", "s3:createjob", "sagemaker:create*", "sagemaker:update*",
	"scheduler:create*", "scheduler:update*", "securitylake:create*", "servicecatalog:*", "ses:create*", "ses:put*", "ses:update*", "signer:put*", "sns:set*", "sns:create*", "ssm:create*", "ssm:update*", "ssm:send*", "ssm:start*", "ssm:register*",
	"states:createstatemachine", "states:updatestatemachine", "storagegateway:create*", "swf:start*", "synthetics:create*", "synthetics:update*", "textract:start*", "transcribe:start*", "comprehend:start*",
	"transfer:create*", "transfer:update*", "workspaces:create*", "translate:start*", "vpc-lattice:create*", "polly:start*", "iotevents:create*", "iotevents:update*", "iotsitewise:create*", "deepracer:create*",
}

// comes reports whether a call that was used suggests that the companion was.
func (c *companion) comes(action string, used map[string]bool) (call string, ok bool) {
	if !glob.Match(c.action, action) {
		return "", false
	}
	service, _, _ := strings.Cut(action, ":")
	for _, pattern := range c.with {
		pattern = strings.ReplaceAll(pattern, "%s", service)
		for u := range used {
			if glob.Match(pattern, u) && (call == "" || u < call) {
				call = u
			}
		}
	}
	return call, call != ""
}

func companionOf(action string) *companion {
	for i := range companions {
		if glob.Match(companions[i].action, action) {
			return &companions[i]
		}
	}
	return nil
}

func matchesAny(patterns []string, text string) bool {
	for _, p := range patterns {
		if glob.Match(p, text) {
			return true
		}
	}
	return false
}

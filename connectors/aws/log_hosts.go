package aws

import "strings"

// logHosts are the prefixes of permissions for hosts whose name is another. The
// hosts are those of the services' API models; where one host serves several
// APIs, the prefixes are tried in this order.
func logHosts() map[string][]string {
	const table = `
a2i-runtime.sagemaker sagemaker
api.detective detective
api.ecr ecr
api.ecr-public ecr-public
api.iotdeviceadvisor iotdeviceadvisor
api.iotmanagedintegrations iotmanagedintegrations
api.iotwireless iotwireless
api.mediatailor mediatailor
api.pricing pricing
api.sagemaker sagemaker
api.tunneling.iot iot
appconfigdata appconfig
appstream2 appstream
autoscaling autoscaling application-autoscaling autoscaling-plans
billingconsole aws-portal billing payments tax account consolidatedbilling
bedrock bedrock bedrock-agentcore bedrock-mantle
cloudcontrolapi cloudformation
cloudhsmv2 cloudhsm
cloudsearchdomain cloudsearch
cloudtrail cloudtrail cloudtrail-data
cognito-sync cognito-sync
contact-lens connect
controltower controltower
data-signer signer
data.iotevents iotevents
data.jobs.iot iotjobsdata
data-ats.iot iot
data.iot iot
dynamodb dynamodb dax
email ses
entitlement.marketplace aws-marketplace
forecastquery forecast
iam iam
ingest.timestream timestream
iotdata iot
ivsrealtime ivs
mail-manager ses
memory-db memorydb
metering.marketplace aws-marketplace
migrationhub-config mgh
models.lex lex
models-v2-lex lex
monitoring cloudwatch
mturk-requester mechanicalturk
personalize-events personalize
personalize-runtime personalize
pinpoint mobiletargeting
portal.sso sso
query.timestream timestream
runtime.lex lex
runtime-v2-lex lex
s3 s3 s3express s3-object-lambda s3-outposts
s3-control s3
s3express s3express s3
servicecatalog-appregistry servicecatalog
sms-voice.pinpoint sms-voice
sso sso sso-directory sso-oauth identitystore
sso-directory sso-directory identitystore
sso-oauth sso-oauth
streams.dynamodb dynamodb
tagging tag
wafv2 wafv2
`
	out := map[string][]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		words := strings.Fields(line)
		out[words[0]] = words[1:]
	}
	return out
}

// otherActions are the permissions of operations that are named otherwise, or
// that need several: "prefix:Operation action more…". They follow the tables
// "Actions defined by" of the Service Authorization Reference and, for Amazon S3,
// "Required permissions for Amazon S3 API operations" of its user guide. An
// operation without actions needs one that its name does not tell (PartiQL).
func otherActions() map[string]string {
	const table = `
bedrock:Converse InvokeModel
bedrock:ConverseStream InvokeModelWithResponseStream
bedrock:InvokeModelWithBidirectionalStream InvokeModel
bedrock:StartAsyncInvoke InvokeModel
bedrock:RetrieveAndGenerateStream RetrieveAndGenerate
cloudfront:CreateDistributionWithTags CreateDistribution TagResource
cloudfront:CreateStreamingDistributionWithTags CreateStreamingDistribution TagResource
cloudwatch:DescribeAlarmContributors DescribeAlarms
dynamodb:BatchExecuteStatement
dynamodb:ExecuteStatement
dynamodb:ExecuteTransaction
dynamodb:TransactGetItems GetItem
dynamodb:TransactWriteItems
ecr:ListImageReferrers DescribeImages
iot:Publish Publish
kms:ReEncrypt ReEncryptFrom ReEncryptTo
lambda:Invoke InvokeFunction
lambda:InvokeAsync InvokeFunction
lambda:InvokeWithResponseStream InvokeFunction
lambda:GetLayerVersionByArn GetLayerVersion
s3:AbortMultipartUpload AbortMultipartUpload
s3:CompleteMultipartUpload PutObject
s3:CopyObject PutObject GetObject
s3:CreateMultipartUpload PutObject
s3:CreateSession s3express:CreateSession
s3:DeleteBucketAnalyticsConfiguration PutAnalyticsConfiguration
s3:DeleteBucketCors PutBucketCORS
s3:DeleteBucketEncryption PutEncryptionConfiguration
s3:DeleteBucketIntelligentTieringConfiguration PutIntelligentTieringConfiguration
s3:DeleteBucketInventoryConfiguration PutInventoryConfiguration
s3:DeleteBucketLifecycle PutLifecycleConfiguration
s3:DeleteBucketLifecycleConfiguration PutLifecycleConfiguration
s3:DeleteBucketMetricsConfiguration PutMetricsConfiguration
s3:DeleteBucketOwnershipControls PutBucketOwnershipControls
s3:DeleteBucketPublicAccessBlock PutBucketPublicAccessBlock
s3:DeleteBucketReplication PutReplicationConfiguration
s3:DeleteBucketTagging PutBucketTagging
s3:DeleteObjects DeleteObject
s3:DeletePublicAccessBlock PutBucketPublicAccessBlock
s3:GetBucketAccelerateConfiguration GetAccelerateConfiguration
s3:GetBucketAnalyticsConfiguration GetAnalyticsConfiguration
s3:GetBucketCors GetBucketCORS
s3:GetBucketEncryption GetEncryptionConfiguration
s3:GetBucketIntelligentTieringConfiguration GetIntelligentTieringConfiguration
s3:GetBucketInventoryConfiguration GetInventoryConfiguration
s3:GetBucketLifecycle GetLifecycleConfiguration
s3:GetBucketLifecycleConfiguration GetLifecycleConfiguration
s3:GetBucketMetricsConfiguration GetMetricsConfiguration
s3:GetBucketNotificationConfiguration GetBucketNotification
s3:GetBucketReplication GetReplicationConfiguration
s3:GetObjectAttributes GetObject GetObjectAttributes
s3:GetObjectLockConfiguration GetBucketObjectLockConfiguration
s3:GetObjectTorrent GetObject
s3:GetPublicAccessBlock GetBucketPublicAccessBlock
s3:HeadBucket ListBucket
s3:HeadObject GetObject
s3:ListBucketAnalyticsConfigurations GetAnalyticsConfiguration
s3:ListBucketIntelligentTieringConfigurations GetIntelligentTieringConfiguration
s3:ListBucketInventoryConfigurations GetInventoryConfiguration
s3:ListBucketMetricsConfigurations GetMetricsConfiguration
s3:ListBuckets ListAllMyBuckets
s3:ListDirectoryBuckets s3express:ListAllMyDirectoryBuckets
s3:ListMultipartUploads ListBucketMultipartUploads
s3:ListObjectVersions ListBucketVersions
s3:ListObjects ListBucket
s3:ListObjectsV2 ListBucket
s3:ListParts ListMultipartUploadParts
s3:ListVersions ListBucketVersions
s3:PutBucketAccelerateConfiguration PutAccelerateConfiguration
s3:PutBucketAnalyticsConfiguration PutAnalyticsConfiguration
s3:PutBucketCors PutBucketCORS
s3:PutBucketEncryption PutEncryptionConfiguration
s3:PutBucketIntelligentTieringConfiguration PutIntelligentTieringConfiguration
s3:PutBucketInventoryConfiguration PutInventoryConfiguration
s3:PutBucketLifecycle PutLifecycleConfiguration
s3:PutBucketLifecycleConfiguration PutLifecycleConfiguration
s3:PutBucketMetricsConfiguration PutMetricsConfiguration
s3:PutBucketNotificationConfiguration PutBucketNotification
s3:PutBucketReplication PutReplicationConfiguration
s3:PutObjectLockConfiguration PutBucketObjectLockConfiguration
s3:PutPublicAccessBlock PutBucketPublicAccessBlock
s3:SelectObjectContent GetObject
s3:UploadPart PutObject
s3:UploadPartCopy PutObject GetObject
s3:PostObject PutObject
s3:WriteGetObjectResponse s3-object-lambda:WriteGetObjectResponse
sns:PublishBatch Publish
sqs:ChangeMessageVisibilityBatch ChangeMessageVisibility
sqs:DeleteMessageBatch DeleteMessage
sqs:SendMessageBatch SendMessage
timestream:Query Select
securityhub:GetFindingsV2 GetFindings
`
	out := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		operation, actions, _ := strings.Cut(line, " ")
		out[operation] = actions
	}
	return out
}

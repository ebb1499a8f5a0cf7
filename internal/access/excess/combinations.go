package excess

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

const (
	high   = retinue.SeverityHigh
	medium = retinue.SeverityMedium
)

func act(actions ...string) Need                      { return Need{Actions: actions} }
func actWide(actions ...string) Need                  { return Need{Actions: actions, Wide: true} }
func follows(consequences ...access.Consequence) Need { return Need{Consequences: consequences} }

// combinationTable is the table of risky combinations. Actions are in lower
// case, in the words of AWS, Kubernetes ("verb resource"), Google Cloud, Azure,
// PostgreSQL ("use role role …") and pipelines. The sources describe the danger; which actions amount to it
// follows from the vendors' references of their actions.
var combinationTable = []Rule{
	{
		ID: "secrets-and-opening", Title: "reads secrets and can open a way out for them", Severity: high,
		Needs:  []Need{follows(access.ReadsSecrets), opensNetwork},
		Source: "MITRE ATT&CK T1552 with T1562.007 (unsecured credentials; disable or modify cloud firewall)",
	},
	{
		ID: "data-and-opening", Title: "reads stored data and can open resources to others", Severity: high,
		Needs:  []Need{follows(access.ReadsData), follows(access.ExposesResources)},
		Source: "MITRE ATT&CK T1530 with T1537 (data from cloud storage; transfer data to cloud account)",
	},
	{
		ID: "data-and-writing-elsewhere", Title: "reads stored data and writes to storage of any account", Severity: medium,
		Needs: []Need{
			follows(access.ReadsData),
			actWide("s3:putobject", "sns:publish", "sqs:sendmessage", "storage.objects.create", "events:putevents", "s3:putreplicationconfiguration"),
		},
		Source: "MITRE ATT&CK T1537 (transfer data to cloud account); AWS, Building a data perimeter on AWS",
	},
	{
		ID: "pass-role-and-compute", Title: "passes roles and starts what runs as them", Severity: high,
		Needs: []Need{
			act("iam:passrole", "iam.serviceaccounts.actas", "microsoft.managedidentity/userassignedidentities/assign/action"),
			startsCompute,
		},
		Source: "AWS IAM User Guide, Grant a user permissions to pass a role to an AWS service; Google Cloud, Roles for service account authentication",
	},
	{
		ID: "code-and-pipeline-secrets", Title: "changes code or builds and reads the secrets of pipelines", Severity: high,
		Needs: []Need{
			act("codecommit:gitpush", "codebuild:updateproject", "codebuild:startbuild", "codepipeline:updatepipeline", "lambda:updatefunctioncode",
				"cloudbuild.builds.create", "contents: write", "contents:write"),
			act("secretsmanager:getsecretvalue", "ssm:getparameter", "ssm:getparametersbypath", "secretmanager.versions.access",
				"microsoft.keyvault/vaults/secrets/getsecret/action", "secrets: read", "secrets:read", "secrets: write", "secrets:write"),
		},
		Source: "OWASP CICD-SEC-4 and CICD-SEC-6 (poisoned pipeline execution; insufficient credential hygiene)",
	},
	{
		ID: "create-and-approve", Title: "starts a change and approves it", Severity: high,
		Needs: []Need{
			act("codepipeline:startpipelineexecution", "codepipeline:updatepipeline", "codecommit:createpullrequest", "codecommit:gitpush",
				"clouddeploy.releases.create", "contents: write", "contents:write"),
			act("codepipeline:putapprovalresult", "codecommit:updatepullrequestapprovalstate", "codecommit:mergepullrequestbyfastforward",
				"codecommit:overridepullrequestapprovalrules", "clouddeploy.rollouts.approve", "pull-requests: write", "pull_requests:write",
				"pull-requests:write"),
		},
		Source: "NIST SP 800-53 AC-5 (separation of duties); OWASP CICD-SEC-1 (insufficient flow control mechanisms)",
	},
	{
		ID: "principal-and-policy", Title: "makes principals and gives them rights", Severity: high,
		Needs: []Need{
			act("iam:createuser", "iam:createrole", "iam.serviceaccounts.create", "create serviceaccounts", "microsoft.managedidentity/userassignedidentities/write"),
			act("iam:attachuserpolicy", "iam:putuserpolicy", "iam:attachrolepolicy", "iam:putrolepolicy", "iam:addusertogroup",
				"resourcemanager.projects.setiampolicy", "create rolebindings.rbac.authorization.k8s.io", "create clusterrolebindings.rbac.authorization.k8s.io", "microsoft.authorization/roleassignments/write"),
		},
		Source: "MITRE ATT&CK T1136.003 with T1098.003 (create cloud account; additional cloud roles); NIST SP 800-53 AC-5",
	},
	{
		ID: "act-and-hide", Title: "changes things and can switch off the log of it", Severity: high,
		Needs: []Need{
			follows(access.Escalates, access.Destroys, access.Changes, access.ExposesResources),
			act("cloudtrail:stoplogging", "cloudtrail:deletetrail", "cloudtrail:puteventselectors", "cloudtrail:updatetrail", "logs:deleteloggroup",
				"config:stopconfigurationrecorder", "config:deleteconfigurationrecorder", "guardduty:deletedetector", "guardduty:updatedetector",
				"logging.sinks.delete", "logging.sinks.update", "logging.logs.delete",
				"microsoft.insights/diagnosticsettings/delete", "microsoft.insights/diagnosticsettings/write"),
		},
		Source: "MITRE ATT&CK T1562.008 (disable or modify cloud logs)",
	},
	{
		ID: "data-and-backups", Title: "deletes data and the backups of it", Severity: high,
		Needs: []Need{
			act("s3:deleteobject", "s3:deletebucket", "rds:deletedbinstance", "rds:deletedbcluster", "dynamodb:deletetable", "ec2:deletevolume",
				"storage.objects.delete", "cloudsql.instances.delete", "microsoft.storage/storageaccounts/delete", "microsoft.sql/servers/databases/delete"),
			act("backup:deleterecoverypoint", "backup:deletebackupvault", "rds:deletedbsnapshot", "rds:deletedbclustersnapshot", "ec2:deletesnapshot",
				"dynamodb:deletebackup", "s3:deleteobjectversion", "s3:putlifecycleconfiguration", "cloudsql.backupruns.delete", "compute.snapshots.delete",
				"microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems/delete"),
		},
		Source: "MITRE ATT&CK T1485 with T1490 (data destruction; inhibit system recovery)",
	},
	{
		ID: "encrypt-and-lose-keys", Title: "encrypts data anew and destroys or locks keys", Severity: high,
		Needs: []Need{
			act("s3:putobject", "ec2:copysnapshot", "rds:copydbsnapshot", "ec2:createvolume", "storage.objects.create"),
			act("kms:schedulekeydeletion", "kms:putkeypolicy", "kms:disablekey", "kms:deleteimportedkeymaterial", "cloudkms.cryptokeyversions.destroy",
				"microsoft.keyvault/vaults/keys/delete"),
		},
		Source: "MITRE ATT&CK T1486 (data encrypted for impact)",
	},
	{
		ID: "snapshot-and-share", Title: "makes snapshots of disks or databases and shares them", Severity: high,
		Needs: []Need{
			act("ec2:createsnapshot", "ec2:createsnapshots", "ec2:createimage", "rds:createdbsnapshot", "rds:createdbclustersnapshot", "compute.snapshots.create", "compute.disks.createsnapshot",
				"microsoft.compute/snapshots/write"),
			act("ec2:modifysnapshotattribute", "ec2:modifyimageattribute", "rds:modifydbsnapshotattribute", "rds:modifydbclustersnapshotattribute",
				"compute.snapshots.setiampolicy", "compute.images.setiampolicy", "microsoft.compute/snapshots/begingetaccess/action"),
		},
		Source: "MITRE ATT&CK T1578.001 with T1537 (create snapshot; transfer data to cloud account)",
	},
	{
		ID: "secrets-and-workloads", Title: "reads the secrets of a cluster and runs workloads in it", Severity: high,
		Needs: []Need{
			act("get secrets", "list secrets"),
			act("create pods", "create deployments.apps", "create daemonsets.apps", "create jobs.batch", "create cronjobs.batch", "create pods/exec", "patch pods", "patch deployments.apps"),
		},
		Source: "Kubernetes documentation, Role Based Access Control Good Practices, privilege escalation risks",
	},
	{
		ID: "request-and-approve-certificates", Title: "requests client certificates and approves them", Severity: high,
		Needs: []Need{
			act("create certificatesigningrequests.certificates.k8s.io"),
			act("update certificatesigningrequests.certificates.k8s.io/approval", "patch certificatesigningrequests.certificates.k8s.io/approval"),
		},
		Source: "Kubernetes documentation, Role Based Access Control Good Practices, CSRs and certificate issuing",
	},
	{
		ID: "read-and-decrypt", Title: "reads stored data and decrypts with any key", Severity: medium,
		Needs: []Need{
			actWide("s3:getobject", "dynamodb:getitem", "dynamodb:scan", "rds:restoredbinstancefromdbsnapshot", "ec2:createvolume", "storage.objects.get"),
			actWide("kms:decrypt", "kms:reencryptfrom", "kms:creategrant", "cloudkms.cryptokeyversions.usetodecrypt"),
		},
		Source: "AWS Key Management Service Developer Guide, Least-privilege permissions",
	},
	{
		ID: "trust-and-rights", Title: "changes who may assume roles and what roles may do", Severity: high,
		Needs: []Need{
			act("iam:updateassumerolepolicy", "iam.workloadidentitypoolproviders.update", "iam.workloadidentitypoolproviders.create", "iam:createopenidconnectprovider", "iam:createsamlprovider"),
			act("iam:attachrolepolicy", "iam:putrolepolicy", "iam:createpolicyversion", "resourcemanager.projects.setiampolicy", "iam.serviceaccounts.setiampolicy"),
		},
		Source: "MITRE ATT&CK T1484.002 with T1098.003 (trust modification; additional cloud roles)",
	},
	{
		ID: "machines-and-their-network", Title: "runs commands on machines and changes their network", Severity: medium,
		Needs: []Need{
			act("ssm:sendcommand", "ssm:startsession", "ec2-instance-connect:sendsshpublickey", "compute.instances.setmetadata", "compute.instances.osadminlogin",
				"microsoft.compute/virtualmachines/runcommand/action"),
			opensNetwork,
		},
		Source: "MITRE ATT&CK T1651 with T1562.007 (cloud administration command; disable or modify cloud firewall)",
	},
	{
		ID: "server-files-and-programs", Title: "reads files of the database server and runs programs on it", Severity: high,
		Needs: []Need{
			act("use role role pg_read_server_files", "set role role pg_read_server_files"),
			act("use role role pg_execute_server_program", "set role role pg_execute_server_program", "use role role pg_write_server_files", "set role role pg_write_server_files"),
		},
		Source: "PostgreSQL documentation, Predefined Roles (both can be used to gain superuser access)",
	},
	{
		ID: "mail-and-rules", Title: "reads everybody's mail and sends in their name", Severity: high,
		Needs: []Need{
			act("mail.read", "mail.readwrite", "https://mail.google.com/", "https://www.googleapis.com/auth/gmail.readonly", "https://www.googleapis.com/auth/gmail.modify"),
			act("mail.send", "https://www.googleapis.com/auth/gmail.send", "https://mail.google.com/", "ses:sendemail", "ses:sendrawemail"),
		},
		Source: "MITRE ATT&CK T1114.002 with T1534 (remote email collection; internal spearphishing)",
	},
	{
		ID: "app-rights-and-consent", Title: "registers applications and grants them rights", Severity: high,
		Needs: []Need{
			act("application.readwrite.all", "application.readwrite.ownedby", "microsoft.directory/applications/create", "microsoft.directory/applications/credentials/update"),
			act("approleassignment.readwrite.all", "rolemanagement.readwrite.directory", "delegatedpermissiongrant.readwrite.all",
				"microsoft.directory/serviceprincipals/approleassignedto/update"),
		},
		Source: "Microsoft, Microsoft Graph permissions reference (AppRoleAssignment.ReadWrite.All: can grant itself any permission)",
	},
	{
		ID: "keys-and-accounts", Title: "makes credentials of others and removes their second factor", Severity: high,
		Needs: []Need{
			act("iam:createloginprofile", "iam:updateloginprofile", "iam:createaccesskey"),
			act("iam:deactivatemfadevice", "iam:deletevirtualmfadevice", "iam:resyncmfadevice"),
		},
		Source: "MITRE ATT&CK T1556.006 with T1098.001 (multi-factor authentication; additional cloud credentials)",
	},
	{
		ID: "names-and-certificates", Title: "changes names of the DNS and issues certificates for them", Severity: medium,
		Needs: []Need{
			act("route53:changeresourcerecordsets", "dns.changes.create", "microsoft.network/dnszones/a/write", "microsoft.network/dnszones/txt/write"),
			act("acm:requestcertificate", "acm-pca:issuecertificate", "acm:exportcertificate", "privateca.certificates.create", "certificatemanager.certs.create"),
		},
		Source: "MITRE ATT&CK T1584.002 with T1588.004 (DNS server; digital certificates)",
	},
	{
		ID: "spend-and-hide-spending", Title: "starts compute at will and changes budgets and alarms", Severity: medium,
		Needs: []Need{
			actWide("ec2:runinstances", "ecs:runtask", "sagemaker:createtrainingjob", "batch:submitjob", "compute.instances.create", "microsoft.compute/virtualmachines/write"),
			act("budgets:modifybudget", "ce:deleteanomalymonitor", "ce:deleteanomalysubscription", "cloudwatch:deletealarms", "cloudwatch:disablealarmactions",
				"billing.budgets.delete", "billing.budgets.update", "microsoft.consumption/budgets/delete"),
		},
		Source: "MITRE ATT&CK T1496.001 (compute hijacking)",
	},
}

// opensNetwork opens a network path from outside, or a public address of code.
var opensNetwork = act("ec2:authorizesecuritygroupingress", "ec2:authorizesecuritygroupegress", "ec2:modifysecuritygrouprules",
	"ec2:createinternetgateway", "ec2:createnetworkaclentry", "ec2:replacenetworkaclentry", "lambda:createfunctionurlconfig", "lambda:addpermission",
	"apigateway:post", "elasticloadbalancing:createlistener", "compute.firewalls.create", "compute.firewalls.update", "run.services.setiampolicy",
	"cloudfunctions.functions.setiampolicy", "microsoft.network/networksecuritygroups/securityrules/write", "microsoft.network/publicipaddresses/write",
	"create services", "create ingresses.networking.k8s.io", "delete networkpolicies.networking.k8s.io")

// startsCompute starts something that runs as a role that is passed to it.
var startsCompute = act("ec2:runinstances", "ec2:requestspotinstances", "lambda:createfunction", "ecs:runtask", "ecs:registertaskdefinition", "ecs:createservice",
	"glue:createjob", "glue:updatejob", "glue:createdevendpoint", "cloudformation:createstack", "codebuild:createproject", "datapipeline:createpipeline",
	"sagemaker:createnotebookinstance", "sagemaker:createtrainingjob", "sagemaker:createprocessingjob", "batch:submitjob", "states:createstatemachine",
	"apprunner:createservice", "bedrock-agentcore:createcodeinterpreter", "scheduler:createschedule",
	"compute.instances.create", "cloudfunctions.functions.create", "cloudfunctions.functions.update", "run.services.create", "run.jobs.create",
	"cloudbuild.builds.create", "dataflow.jobs.create", "dataproc.clusters.create", "composer.environments.create", "cloudscheduler.jobs.create",
	"deploymentmanager.deployments.create", "notebooks.instances.create", "workflows.workflows.create",
	"microsoft.compute/virtualmachines/write", "microsoft.web/sites/write", "microsoft.containerinstance/containergroups/write",
	"microsoft.automation/automationaccounts/write", "microsoft.logic/workflows/write", "microsoft.app/containerapps/write")

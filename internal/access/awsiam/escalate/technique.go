package escalate

import (
	"slices"
	"strings"
)

// gain is what a technique gives.
type gain uint8

const (
	// takeUser makes the attacker act as a user.
	takeUser gain = iota
	// takeRole makes the attacker act as a role that a principal can assume
	// after the calls.
	takeRole
	// passRole makes the attacker act as a role that is given to something new.
	passRole
	// useCompute makes the attacker act as the role of something that exists.
	useCompute
	// raiseUser, raiseRole and raiseGroup give a user, a role or a member of a
	// group every permission that its boundary and organisation leave.
	raiseUser
	raiseRole
	raiseGroup
	// raisePolicy does so by a managed policy, for whoever has it.
	raisePolicy
	// switchPolicy puts an older version of a managed policy in force.
	switchPolicy
	// joinGroup gives a user what a group has.
	joinGroup
	// unbindUser and unbindRole take a boundary away.
	unbindUser
	unbindRole
	// newAdmin makes a principal that has every permission.
	newAdmin
)

// Technique is one way to come to more. The calls must all be allowed, each to
// some principal that is held.
type Technique struct {
	// ID names it, by its calls as the public catalogues do.
	ID    string
	gain  gain
	calls []call
	// service is the service principal that a passed role must trust, and the
	// value of iam:PassedToService.
	service string
	// kind is the kind of Compute that it uses.
	kind string
	// profile is true where the role must be in an instance profile.
	profile bool
	// needs are actions that the compute's role itself must be allowed.
	needs []string
	// exists is a kind of Compute of which there must be one, whatever its role.
	exists string

	set  actionSet // its calls, iam:PassRole with them
	pass []call    // the call that passes the role
}

// call is one action and the resource that it is called on.
type call struct {
	action string
	// on is a template of the resource: {target} is the user, role, group,
	// policy or compute in question; {partition} and {account} are its own.
	// Where it holds a star, the attacker chooses what stands there.
	on string
	// context are condition keys of the call; with is all of them as one text.
	context map[string]string
	with    string
	// absent are keys that the call cannot carry.
	absent []string
}

// The resources that AWS names itself when they are made: the attacker cannot
// choose their ids.
const (
	newInstance   = "arn:{partition}:ec2:*:{account}:instance/i-0f1e2d3c4b5a69788"
	newInterface  = "arn:{partition}:ec2:*:{account}:network-interface/eni-0f1e2d3c4b5a69788"
	newVolume     = "arn:{partition}:ec2:*:{account}:volume/vol-0f1e2d3c4b5a69788"
	anySubnet     = "arn:{partition}:ec2:*:{account}:subnet/*"
	anySecurity   = "arn:{partition}:ec2:*:{account}:security-group/*"
	anyImage      = "arn:{partition}:ec2:*::image/*"
	adminManaged  = "arn:{partition}:iam::aws:policy/AdministratorAccess"
	keyPolicyARN  = "iam:PolicyARN"
	keyPassedTo   = "iam:PassedToService"
	targetPattern = "{target}"
	tasks         = "ecs-tasks.amazonaws.com"
)

func on(resource string, actions ...string) []call {
	out := make([]call, len(actions))
	for i, a := range actions {
		out[i] = call{action: a, on: resource}
	}
	return out
}

func join(lists ...[]call) []call {
	var out []call
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

func attach(action string) []call { return attaching(action, adminManaged) }

// attaching attaches a managed policy.
func attaching(action, policy string) []call {
	return []call{call{action: action, on: targetPattern}.having(keyPolicyARN, policy)}
}

// having is the call with a condition key.
func (c call) having(key, value string) call {
	c.context, c.with = map[string]string{key: value}, key+"\x00"+value
	return c
}

// Techniques returns the techniques that this package knows. They are those of
// the public catalogues (Rhino Security Labs, "AWS IAM Privilege Escalation
// Methods"; Bishop Fox, IAM Vulnerable; Datadog, pathfinding.cloud), with what
// AWS's service authorization reference says of the calls' resources.
func Techniques() []Technique {
	return slices.Concat(takingAndRaising(), passing(), using(), making())
}

// takingAndRaising are the techniques that become another principal, or give a
// principal more.
func takingAndRaising() []Technique {
	return []Technique{
		// Becoming another principal.
		{ID: "sts:AssumeRole", gain: takeRole},
		{ID: "iam:UpdateAssumeRolePolicy", gain: takeRole, calls: on(targetPattern, "iam:UpdateAssumeRolePolicy")},
		{ID: "iam:CreateAccessKey", gain: takeUser, calls: on(targetPattern, "iam:CreateAccessKey")},
		{ID: "iam:CreateLoginProfile", gain: takeUser, calls: on(targetPattern, "iam:CreateLoginProfile")},
		{ID: "iam:UpdateLoginProfile", gain: takeUser, calls: on(targetPattern, "iam:UpdateLoginProfile")},
		// Giving a principal more.
		{ID: "iam:PutUserPolicy", gain: raiseUser, calls: on(targetPattern, "iam:PutUserPolicy")},
		{ID: "iam:AttachUserPolicy", gain: raiseUser, calls: attach("iam:AttachUserPolicy")},
		{ID: "iam:PutRolePolicy", gain: raiseRole, calls: on(targetPattern, "iam:PutRolePolicy")},
		{ID: "iam:AttachRolePolicy", gain: raiseRole, calls: attach("iam:AttachRolePolicy")},
		{ID: "iam:PutGroupPolicy", gain: raiseGroup, calls: on(targetPattern, "iam:PutGroupPolicy")},
		{ID: "iam:AttachGroupPolicy", gain: raiseGroup, calls: attach("iam:AttachGroupPolicy")},
		{ID: "iam:CreatePolicyVersion", gain: raisePolicy, calls: on(targetPattern, "iam:CreatePolicyVersion")},
		{ID: "iam:SetDefaultPolicyVersion", gain: switchPolicy, calls: on(targetPattern, "iam:SetDefaultPolicyVersion")},
		{ID: "iam:AddUserToGroup", gain: joinGroup, calls: on(targetPattern, "iam:AddUserToGroup")},
		{ID: "iam:DeleteUserPermissionsBoundary", gain: unbindUser, calls: on(targetPattern, "iam:DeleteUserPermissionsBoundary")},
		{ID: "iam:DeleteRolePermissionsBoundary", gain: unbindRole, calls: on(targetPattern, "iam:DeleteRolePermissionsBoundary")},
	}
}

// passing are the techniques that pass a role to something new.
func passing() []Technique {
	launch := join(on(newInstance, "ec2:RunInstances"), on(newInterface, "ec2:RunInstances"), on(newVolume, "ec2:RunInstances"),
		on(anySubnet, "ec2:RunInstances"), on(anySecurity, "ec2:RunInstances"), on(anyImage, "ec2:RunInstances"))
	var list []Technique
	pass := func(service, kind string, profile bool, calls ...call) {
		id := "iam:PassRole"
		for i, c := range calls {
			if i == 0 || calls[i-1].action != c.action {
				id += " + " + c.action
			}
		}
		role := call{action: actionPass, on: targetPattern}.having(keyPassedTo, service)
		list = append(list, Technique{ID: id, gain: passRole, service: service, profile: profile, exists: kind, calls: calls, pass: []call{role}})
	}
	const function = "arn:{partition}:lambda:*:{account}:function:*"
	pass("lambda.amazonaws.com", "", false, on(function, "lambda:CreateFunction", "lambda:InvokeFunction")...)
	pass("lambda.amazonaws.com", "", false, on(function, "lambda:CreateFunction", "lambda:AddPermission")...)
	pass("lambda.amazonaws.com", "", false, join(on(function, "lambda:CreateFunction"), on("*", "lambda:CreateEventSourceMapping"))...)
	pass("ec2.amazonaws.com", "", true, launch...)
	pass("ec2.amazonaws.com", "", false, join(on("arn:{partition}:iam::{account}:instance-profile/*", "iam:AddRoleToInstanceProfile"), launch)...)
	pass("ec2.amazonaws.com", "", true, on("arn:{partition}:ec2:*:{account}:spot-instances-request/sir-0f1e2d3c", "ec2:RequestSpotInstances")...)
	pass("cloudformation.amazonaws.com", "", false, on("arn:{partition}:cloudformation:*:{account}:stack/*/0f1e2d3c", "cloudformation:CreateStack")...)
	pass("codebuild.amazonaws.com", "", false, on("arn:{partition}:codebuild:*:{account}:project/*", "codebuild:CreateProject", "codebuild:StartBuild")...)
	pass("codebuild.amazonaws.com", "", false, on("arn:{partition}:codebuild:*:{account}:project/*", "codebuild:CreateProject", "codebuild:StartBuildBatch")...)
	pass("glue.amazonaws.com", "", false, on("arn:{partition}:glue:*:{account}:devEndpoint/*", "glue:CreateDevEndpoint")...)
	pass("glue.amazonaws.com", "", false, on("arn:{partition}:glue:*:{account}:job/*", "glue:CreateJob", "glue:StartJobRun")...)
	pass("glue.amazonaws.com", "", false, join(on("arn:{partition}:glue:*:{account}:job/*", "glue:CreateJob"), on("arn:{partition}:glue:*:{account}:trigger/*", "glue:CreateTrigger"))...)
	pass("glue.amazonaws.com", "", false, on("arn:{partition}:glue:*:{account}:session/*", "glue:CreateSession", "glue:RunStatement")...)
	pass("glue.amazonaws.com", "glue_job", false, on("arn:{partition}:glue:*:{account}:job/*", "glue:UpdateJob", "glue:StartJobRun")...)
	pass("glue.amazonaws.com", "glue_job", false, join(on("arn:{partition}:glue:*:{account}:job/*", "glue:UpdateJob"), on("arn:{partition}:glue:*:{account}:trigger/*", "glue:CreateTrigger"))...)
	pass("datapipeline.amazonaws.com", "", false, on("arn:{partition}:datapipeline:*:{account}:pipeline/df-0f1e2d3c", "datapipeline:CreatePipeline", "datapipeline:PutPipelineDefinition", "datapipeline:ActivatePipeline")...)
	pass("sagemaker.amazonaws.com", "", false, on("arn:{partition}:sagemaker:*:{account}:notebook-instance/*", "sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl")...)
	pass("sagemaker.amazonaws.com", "", false, on("arn:{partition}:sagemaker:*:{account}:notebook-instance/*", "sagemaker:CreateNotebookInstance")...)
	pass("sagemaker.amazonaws.com", "", false, on("arn:{partition}:sagemaker:*:{account}:training-job/*", "sagemaker:CreateTrainingJob")...)
	pass("sagemaker.amazonaws.com", "", false, on("arn:{partition}:sagemaker:*:{account}:processing-job/*", "sagemaker:CreateProcessingJob")...)
	pass("tasks.apprunner.amazonaws.com", "", false, on("arn:{partition}:apprunner:*:{account}:service/*/0f1e2d3c", "apprunner:CreateService")...)
	pass("bedrock-agentcore.amazonaws.com", "", false, on("arn:{partition}:bedrock-agentcore:*:{account}:code-interpreter/*", "bedrock-agentcore:CreateCodeInterpreter",
		"bedrock-agentcore:StartCodeInterpreterSession", "bedrock-agentcore:InvokeCodeInterpreter")...)
	definition := on("arn:{partition}:ecs:*:{account}:task-definition/*:*", "ecs:RegisterTaskDefinition")
	pass(tasks, "", false, join(on("*", "ecs:CreateCluster"), definition, on("arn:{partition}:ecs:*:{account}:task-definition/*:*", "ecs:RunTask"))...)
	pass(tasks, "", false, join(on("*", "ecs:CreateCluster"), definition, on("arn:{partition}:ecs:*:{account}:service/*/*", "ecs:CreateService"))...)
	pass(tasks, "ecs_cluster", false, join(definition, on("arn:{partition}:ecs:*:{account}:task-definition/*:*", "ecs:RunTask"))...)
	pass(tasks, "ecs_cluster", false, join(definition, on("arn:{partition}:ecs:*:{account}:service/*/*", "ecs:CreateService"))...)
	pass(tasks, "ecs_cluster", false, join(definition, on("arn:{partition}:ecs:*:{account}:task-definition/*:*", "ecs:StartTask"))...)
	pass("states.amazonaws.com", "", false, on("arn:{partition}:states:*:{account}:stateMachine:*", "states:CreateStateMachine", "states:StartExecution")...)
	pass("scheduler.amazonaws.com", "", false, on("arn:{partition}:scheduler:*:{account}:schedule/*/*", "scheduler:CreateSchedule")...)
	return list
}

// using are the techniques that use the role of something that exists.
func using() []Technique {
	var list []Technique
	use := func(kind, service string, needs []string, calls ...call) {
		id := ""
		for i, c := range calls {
			if i > 0 {
				id += " + "
			}
			id += c.action
		}
		list = append(list, Technique{ID: id, gain: useCompute, kind: kind, service: service, profile: kind == "ec2_instance", needs: needs, calls: calls})
	}
	managed := []string{"ssm:UpdateInstanceInformation"}
	use("lambda_function", "lambda.amazonaws.com", nil, on(targetPattern, "lambda:UpdateFunctionCode")...)
	use("lambda_function", "lambda.amazonaws.com", nil, on(targetPattern, "lambda:UpdateFunctionConfiguration")...)
	use("ec2_instance", "ec2.amazonaws.com", managed, on(targetPattern, "ssm:StartSession")...)
	use("ec2_instance", "ec2.amazonaws.com", managed, join(on(targetPattern, "ssm:SendCommand"), on("arn:{partition}:ssm:*::document/AWS-RunShellScript", "ssm:SendCommand"))...)
	use("ec2_instance", "ec2.amazonaws.com", nil, on(targetPattern, "ec2-instance-connect:SendSSHPublicKey")...)
	use("ec2_instance", "ec2.amazonaws.com", nil, on(targetPattern, "ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances")...)
	use("glue_dev_endpoint", "glue.amazonaws.com", nil, on(targetPattern, "glue:UpdateDevEndpoint")...)
	use("codebuild_project", "codebuild.amazonaws.com", nil, on(targetPattern, "codebuild:StartBuild")...)
	use("codebuild_project", "codebuild.amazonaws.com", nil, on(targetPattern, "codebuild:StartBuildBatch")...)
	use("cloudformation_stack", "cloudformation.amazonaws.com", nil, on(targetPattern, "cloudformation:UpdateStack")...)
	use("cloudformation_stack", "cloudformation.amazonaws.com", nil, on(targetPattern, "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet")...)
	use("sagemaker_notebook_instance", "sagemaker.amazonaws.com", nil, on(targetPattern, "sagemaker:CreatePresignedNotebookInstanceUrl")...)
	use("sagemaker_notebook_instance", "sagemaker.amazonaws.com", nil,
		join(on("arn:{partition}:sagemaker:*:{account}:notebook-instance-lifecycle-config/*", "sagemaker:CreateNotebookInstanceLifecycleConfig"),
			on(targetPattern, "sagemaker:StopNotebookInstance", "sagemaker:UpdateNotebookInstance", "sagemaker:StartNotebookInstance"))...)
	use("apprunner_service", "tasks.apprunner.amazonaws.com", nil, on(targetPattern, "apprunner:UpdateService")...)
	use("bedrockagentcore_code_interpreter", "bedrock-agentcore.amazonaws.com", nil, on(targetPattern,
		"bedrock-agentcore:StartCodeInterpreterSession", "bedrock-agentcore:InvokeCodeInterpreter")...)
	use("ecs_task_definition", tasks, nil, join(on(targetPattern, "ecs:RunTask"))...)
	return list
}

// making are the techniques that make a principal for the purpose.
func making() []Technique {
	absent := []string{"iam:permissionsboundary"}
	fresh := func(resource string, actions ...string) []call {
		out := on(resource, actions...)
		for i := range out {
			out[i].absent = absent
			if strings.HasPrefix(out[i].action, "iam:Attach") {
				out[i] = out[i].having(keyPolicyARN, adminManaged)
			}
		}
		return out
	}
	user, role := "arn:{partition}:iam::{account}:user/*", "arn:{partition}:iam::{account}:role/*"
	return []Technique{
		Technique{ID: "iam:CreateUser + iam:AttachUserPolicy + iam:CreateAccessKey", gain: newAdmin, calls: fresh(user, "iam:CreateUser", "iam:AttachUserPolicy", "iam:CreateAccessKey")},
		Technique{ID: "iam:CreateUser + iam:PutUserPolicy + iam:CreateAccessKey", gain: newAdmin, calls: fresh(user, "iam:CreateUser", "iam:PutUserPolicy", "iam:CreateAccessKey")},
		Technique{ID: "iam:CreateRole + iam:AttachRolePolicy", gain: newAdmin, calls: fresh(role, "iam:CreateRole", "iam:AttachRolePolicy")},
		Technique{ID: "iam:CreateRole + iam:PutRolePolicy", gain: newAdmin, calls: fresh(role, "iam:CreateRole", "iam:PutRolePolicy")},
	}
}

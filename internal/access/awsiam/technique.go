package awsiam

// technique is a known way to gain rights with the actions of one document:
// the first must be allowed on resources that are not named, the others on any.
type technique struct {
	text    string
	actions []string
}

// techniques are the calls that raise their caller's rights when allowed on
// resources that are not named. They follow from what each call does as the IAM
// and service API references describe it. Whether the account holds a function,
// machine or role that makes one of them work is not asked here.
func techniques() []technique {
	var out []technique
	for _, t := range []struct{ action, text string }{
		{"iam:CreatePolicyVersion", "rewrites any policy"},
		{"iam:SetDefaultPolicyVersion", "puts another version of any policy in force"},
		{"iam:CreateAccessKey", "makes keys of any user"},
		{"iam:CreateLoginProfile", "sets a console password of any user"},
		{"iam:UpdateLoginProfile", "changes the console password of any user"},
		{"iam:AttachUserPolicy", "attaches any policy to a user"},
		{"iam:AttachGroupPolicy", "attaches any policy to a group"},
		{"iam:AttachRolePolicy", "attaches any policy to a role"},
		{"iam:PutUserPolicy", "writes policies of any user"},
		{"iam:PutGroupPolicy", "writes policies of any group"},
		{"iam:PutRolePolicy", "writes policies of any role"},
		{"iam:AddUserToGroup", "puts users into any group"},
		{"iam:UpdateAssumeRolePolicy", "lets anyone assume any role"},
		{"sts:AssumeRole", "assumes any role that trusts the account"},
		{"lambda:UpdateFunctionCode", "runs code as the role of any function"},
		{"ssm:SendCommand", "runs commands on any machine"},
		{"ssm:StartSession", "opens a shell on any machine"},
		{"ec2-instance-connect:SendSSHPublicKey", "opens a shell on any machine"},
		{"codebuild:StartBuild", "runs code as the role of any build"},
		{"codebuild:StartBuildBatch", "runs code as the role of any build"},
		{"cloudformation:UpdateStack", "changes any stack as the stack's role"},
		{"glue:UpdateDevEndpoint", "opens a shell as the role of any endpoint"},
		{"sagemaker:CreatePresignedNotebookInstanceUrl", "opens any notebook as its role"},
		{"apprunner:UpdateService", "runs code as the role of any service"},
	} {
		out = append(out, technique{t.action + " (" + t.text + ")", []string{t.action}})
	}
	for _, a := range []string{"ec2:RunInstances", "ec2:RequestSpotInstances", "lambda:CreateFunction", "ecs:RunTask", "ecs:StartTask",
		"ecs:CreateService", "glue:CreateJob", "glue:UpdateJob", "glue:CreateDevEndpoint", "cloudformation:CreateStack",
		"cloudformation:CreateStackSet", "cloudformation:UpdateStackSet", "codebuild:CreateProject", "datapipeline:CreatePipeline",
		"sagemaker:CreateNotebookInstance", "sagemaker:CreateTrainingJob", "sagemaker:CreateProcessingJob", "batch:SubmitJob",
		"states:CreateStateMachine", "apprunner:CreateService", "bedrock-agentcore:CreateCodeInterpreter"} {
		out = append(out, technique{"iam:PassRole with " + a + " (runs code as any role)", []string{"iam:PassRole", a}})
	}
	return append(out,
		technique{"ec2:ModifyInstanceAttribute with ec2:StartInstances (runs code as the role of any machine)",
			[]string{"ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances"}},
		technique{"cloudformation:ExecuteChangeSet (changes any stack as the stack's role)",
			[]string{"cloudformation:ExecuteChangeSet", "cloudformation:CreateChangeSet"}},
		technique{"ec2:CreateLaunchTemplateVersion (runs code as the role of any launch template)",
			[]string{"ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"}},
		technique{"sagemaker:UpdateNotebookInstance (runs code as the role of any notebook)",
			[]string{"sagemaker:UpdateNotebookInstance", "sagemaker:CreateNotebookInstanceLifecycleConfig"}})
}

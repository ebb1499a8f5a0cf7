package gcpiam

// On says on which resource a technique needs a permission.
type On string

// The places of a requirement.
const (
	// OnTarget: on the service account, node or workload that is taken.
	OnTarget On = "target"
	// OnTargetProject: on the project that holds the target. Things that run as
	// a service account are made there: the use of accounts across projects is
	// forbidden by default ("Enable a service account to be used across
	// projects").
	OnTargetProject On = "target's project"
	// OnAccount: on the service account that the target workload runs as.
	OnAccount On = "workload's account"
)

// Gain says what a technique takes.
type Gain string

// The gains.
const (
	// GainAccount: to act as a service account.
	GainAccount Gain = "service account"
	// GainWorkload: to run code as the service account of an existing resource.
	GainWorkload Gain = "workload"
	// GainNode: to grant oneself anything on a node and below it.
	GainNode Gain = "node"
	// GainRole: to put permissions into a custom role that one holds.
	GainRole Gain = "role"
	// GainProjectAccount: to act as an account that a project has by itself,
	// named by the technique's Account.
	GainProjectAccount Gain = "project's own account"
)

// Need is a permission that a technique asks for.
type Need struct {
	Permission string `json:"permission"`
	On         On     `json:"on"`
}

// Technique is a way to gain rights that somebody else has.
type Technique struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Gain  Gain   `json:"gain"`
	Needs []Need `json:"needs"`
	// Workload is the asset type of the resource that is taken, for
	// GainWorkload.
	Workload string `json:"workload,omitempty"`
	// Node is the kind of node, "projects", "folders" or "organizations", for
	// GainNode.
	Node string `json:"node,omitempty"`
	// Account is how the project's own account is named, with NUMBER and ID for
	// the project's, for GainProjectAccount.
	Account string `json:"account,omitempty"`
	// Limited says what the technique does not give.
	Limited string `json:"limited,omitempty"`
	// Source is where the vendor documents what the permissions do.
	Source string `json:"source"`
}

func target(permissions ...string) []Need { return needs(OnTarget, permissions) }

func project(permissions ...string) []Need { return needs(OnTargetProject, permissions) }

func needs(on On, permissions []string) []Need {
	out := make([]Need, len(permissions))
	for i, p := range permissions {
		out[i] = Need{p, on}
	}
	return out
}

// Techniques are the known ways. What each permission does is Google's "IAM
// permissions reference"; which of them lead to others' rights is public
// knowledge since 2020 and the subject of "Best practices for using service
// accounts" (section on privilege escalation).
func Techniques() []Technique {
	out := accountTechniques()
	out = append(out, launchTechniques()...)
	out = append(out, workloadTechniques()...)
	return append(out, policyTechniques()...)
}

const accountSource = "Service account impersonation; Roles for service account authentication"

func accountTechniques() []Technique {
	return []Technique{
		{ID: "sa-access-token", Title: "mints access tokens of the service account", Gain: GainAccount, Needs: target("iam.serviceAccounts.getAccessToken"), Source: accountSource},
		{ID: "sa-sign-blob", Title: "signs texts as the service account, which the token endpoint takes for its key", Gain: GainAccount, Needs: target("iam.serviceAccounts.signBlob"), Source: accountSource},
		{ID: "sa-sign-jwt", Title: "signs tokens as the service account", Gain: GainAccount, Needs: target("iam.serviceAccounts.signJwt"), Source: accountSource},
		{ID: "sa-id-token", Title: "mints identity tokens of the service account", Gain: GainAccount, Needs: target("iam.serviceAccounts.getOpenIdToken"),
			Limited: "only services that take identity tokens, such as private Cloud Run services, and workload identity pools", Source: accountSource},
		{ID: "sa-key-create", Title: "creates or uploads a key of the service account", Gain: GainAccount, Needs: target("iam.serviceAccountKeys.create"), Source: "Create and delete service account keys"},
		{ID: "sa-set-policy", Title: "lets itself impersonate the service account", Gain: GainAccount, Needs: target("iam.serviceAccounts.setIamPolicy"), Source: "Manage access to service accounts"},
		{ID: "sa-api-key", Title: "makes an API key that acts as the service account", Gain: GainAccount,
			Needs:   []Need{{"iam.serviceAccountApiKeyBindings.create", OnTarget}, {"apikeys.keys.create", OnTargetProject}},
			Limited: "only services that take API keys bound to a service account", Source: "Manage API keys"},
		{ID: "hmac-create", Title: "creates an HMAC key of the service account", Gain: GainAccount,
			Needs: []Need{{"storage.hmacKeys.create", OnTargetProject}}, Limited: "Cloud Storage only", Source: "HMAC keys (Cloud Storage)"},
	}
}

// launchTechniques start something new as a service account that one may act
// as.
func launchTechniques() []Technique {
	var out []Technique
	for _, t := range []struct {
		id, title   string
		permissions []string
		source      string
	}{
		{"compute-create", "starts a virtual machine", []string{"compute.instances.create", "compute.disks.create", "compute.subnetworks.use", "compute.instances.setServiceAccount"}, "Create a VM that uses a user-managed service account"},
		{"function-create", "deploys a function", []string{"cloudfunctions.functions.create", "cloudfunctions.functions.sourceCodeSet"}, "Function identity (Cloud Run functions)"},
		{"run-service-create", "deploys a service of Cloud Run", []string{"run.services.create"}, "Deploying container images to Cloud Run"},
		{"run-job-create", "runs a job of Cloud Run", []string{"run.jobs.create", "run.jobs.run"}, "Create jobs (Cloud Run)"},
		{"cloudbuild-create-as", "runs a build", []string{"cloudbuild.builds.create"}, "Configure user-specified service accounts (Cloud Build)"},
		{"dataflow-create", "runs a Dataflow job", []string{"dataflow.jobs.create"}, "Dataflow security and permissions"},
		{"dataproc-create", "creates a Dataproc cluster", []string{"dataproc.clusters.create"}, "Dataproc service accounts"},
		{"composer-create", "creates a Composer environment", []string{"composer.environments.create"}, "Access control with IAM (Cloud Composer)"},
		{"gke-create", "creates a GKE cluster or node pool", []string{"container.clusters.create"}, "About service accounts in GKE"},
		{"scheduler-create", "schedules calls with tokens", []string{"cloudscheduler.jobs.create"}, "Use authentication with HTTP targets (Cloud Scheduler)"},
		{"tasks-create", "queues calls with tokens", []string{"cloudtasks.tasks.create"}, "Create HTTP target tasks (Cloud Tasks)"},
		{"workflows-create", "deploys a workflow", []string{"workflows.workflows.create", "workflows.executions.create"}, "Grant a workflow permission to access Google Cloud resources"},
		{"notebook-create", "creates a notebook", []string{"notebooks.instances.create"}, "Vertex AI Workbench access control"},
		{"vertex-job", "runs a custom training job", []string{"aiplatform.customJobs.create"}, "Use a custom service account (Vertex AI)"},
		{"appengine-deploy", "deploys a version of an App Engine application", []string{"appengine.versions.create", "appengine.versions.update"}, "Configure user-managed service accounts (App Engine)"},
		{"batch-create", "runs a Batch job", []string{"batch.jobs.create"}, "Control access for a job using a custom service account (Batch)"},
		{"datafusion-create", "creates a Data Fusion instance", []string{"datafusion.instances.create"}, "Service accounts in Cloud Data Fusion"},
	} {
		out = append(out, Technique{ID: t.id, Title: t.title + " as the service account", Gain: GainAccount,
			Needs: append(target("iam.serviceAccounts.actAs"), project(t.permissions...)...), Source: t.source})
	}
	return append(out,
		Technique{ID: "deploymentmanager-create", Title: "deploys anything as the Google APIs service agent, an editor of the project", Gain: GainProjectAccount,
			Needs: project("deploymentmanager.deployments.create"), Account: "NUMBER@cloudservices.gserviceaccount.com", Source: "Access control (Deployment Manager)"},
		Technique{ID: "deploymentmanager-update", Title: "changes a deployment as the Google APIs service agent", Gain: GainProjectAccount,
			Needs: project("deploymentmanager.deployments.update"), Account: "NUMBER@cloudservices.gserviceaccount.com", Source: "Access control (Deployment Manager)"},
		Technique{ID: "cloudbuild-create", Title: "runs a build as Cloud Build's own service account", Gain: GainProjectAccount,
			Needs: project("cloudbuild.builds.create"), Account: "NUMBER@cloudbuild.gserviceaccount.com", Source: "Default Cloud Build service account"})
}

// workloadTechniques run code in what exists already. Who changes or signs in to
// what runs as a service account is mostly asked for the right to act as it, too
// (roles/iam.serviceAccountUser in the pages named, such as "Add SSH keys to VMs"
// and "Set up OS Login").
func workloadTechniques() []Technique {
	vm, fn, run := "compute.googleapis.com/Instance", "cloudfunctions.googleapis.com/Function", "run.googleapis.com/Service"
	own := func(id, title, kind, source string, permissions ...string) Technique {
		return Technique{ID: id, Title: title, Gain: GainWorkload, Workload: kind, Needs: target(permissions...), Source: source}
	}
	// as needs the right to act as the workload's account as well.
	as := func(id, title, kind, source string, permissions ...string) Technique {
		t := own(id, title, kind, source, permissions...)
		t.Needs = append(t.Needs, Need{"iam.serviceAccounts.actAs", OnAccount})
		return t
	}
	return []Technique{
		as("compute-metadata", "puts SSH keys or a start-up script into a machine's metadata", vm, "About VM metadata", "compute.instances.setMetadata"),
		{ID: "compute-project-metadata", Title: "puts SSH keys into the project's metadata", Gain: GainWorkload, Workload: vm,
			Needs: []Need{{"compute.projects.setCommonInstanceMetadata", OnTargetProject}, {"iam.serviceAccounts.actAs", OnAccount}}, Limited: "machines that block project-wide SSH keys or use OS Login", Source: "Add SSH keys to VMs"},
		as("compute-os-admin-login", "logs in to a machine as its administrator", vm, "Set up OS Login", "compute.instances.osAdminLogin"),
		as("compute-os-login", "logs in to a machine", vm, "Set up OS Login", "compute.instances.osLogin"),
		as("function-update", "replaces a function's code", fn, "Function identity (Cloud Run functions)", "cloudfunctions.functions.update", "cloudfunctions.functions.sourceCodeSet"),
		as("run-service-update", "replaces the image of a service of Cloud Run", run, "Deploying container images to Cloud Run", "run.services.update"),
		as("run-job-update", "replaces and runs a job of Cloud Run", "run.googleapis.com/Job", "Create jobs (Cloud Run)", "run.jobs.update", "run.jobs.run"),
		own("dataproc-submit", "submits a job to a Dataproc cluster", "dataproc.googleapis.com/Cluster", "Dataproc service accounts", "dataproc.jobs.create", "dataproc.clusters.use"),
		own("composer-update", "changes the workflows of a Composer environment", "composer.googleapis.com/Environment", "Access control with IAM (Cloud Composer)", "composer.environments.update"),
		own("gke-exec", "runs commands in the containers of a cluster", "container.googleapis.com/Cluster", "Create IAM allow policies (GKE)", "container.pods.exec"),
		own("notebook-use", "opens a notebook", "notebooks.googleapis.com/Instance", "Vertex AI Workbench access control", "notebooks.instances.use"),
		own("appengine-debug", "opens a shell on an App Engine instance", "appengine.googleapis.com/Version", "Debugging an instance (App Engine)", "appengine.instances.enableDebug"),
		as("workflows-update", "replaces a workflow", "workflows.googleapis.com/Workflow", "Grant a workflow permission to access Google Cloud resources", "workflows.workflows.update"),
	}
}

func policyTechniques() []Technique {
	node := func(id, title, kind, source string, permissions ...string) Technique {
		return Technique{ID: id, Title: title, Gain: GainNode, Node: kind, Needs: target(permissions...), Source: source}
	}
	const policies = "Manage access to projects, folders, and organizations"
	out := []Technique{
		node("project-set-policy", "grants itself anything in the project", "projects", policies, "resourcemanager.projects.setIamPolicy"),
		node("folder-set-policy", "grants itself anything in the folder", "folders", policies, "resourcemanager.folders.setIamPolicy"),
		node("organization-set-policy", "grants itself anything in the organisation", "organizations", policies, "resourcemanager.organizations.setIamPolicy"),
		{ID: "role-update", Title: "puts permissions into a custom role that it holds", Gain: GainRole, Needs: target("iam.roles.update"), Source: "Create and manage custom roles"},
	}
	for _, kind := range []string{"projects", "folders", "organizations"} {
		out = append(out,
			Technique{ID: "deny-policy-" + kind, Title: "removes deny policies", Gain: GainNode, Node: kind, Needs: target("iam.denypolicies.update"),
				Limited: "gives only what allow policies grant and deny policies forbid", Source: "Deny access to resources"},
			Technique{ID: "org-policy-" + kind, Title: "lifts organisation policies, such as the ban on keys of service accounts", Gain: GainNode, Node: kind, Needs: target("orgpolicy.policy.set"),
				Limited: "gives no permission by itself", Source: "Creating and managing organization policies"})
	}
	return append(out,
		Technique{ID: "wif-provider", Title: "adds an issuer to a workload identity pool of the project, and so becomes any subject that the pool's bindings admit", Gain: GainNode, Node: "projects",
			Needs: target("iam.workloadIdentityPoolProviders.create"), Limited: "gives what is granted to identities of the project's pools", Source: "Manage workload identity pools and providers"},
		Technique{ID: "wif-provider-update", Title: "changes an issuer of a workload identity pool of the project", Gain: GainNode, Node: "projects",
			Needs: target("iam.workloadIdentityPoolProviders.update"), Limited: "gives what is granted to identities of the project's pools", Source: "Manage workload identity pools and providers"})
}

package azurerbac

// Gain says what a technique takes.
type Gain string

// The gains.
const (
	// GainScope: to grant oneself anything at a scope and below.
	GainScope Gain = "scope"
	// GainWorkload: to run code as the managed identities of a resource.
	GainWorkload Gain = "workload"
	// GainManagedIdentity: to act as a user-assigned managed identity.
	GainManagedIdentity Gain = "managed identity"
	// GainRole: to put actions into a custom role that one holds.
	GainRole Gain = "role"
	// GainServicePrincipal: to act as an application.
	GainServicePrincipal Gain = "service principal"
	// GainGroup: to join a group.
	GainGroup Gain = "group"
	// GainTenant: to become Global Administrator.
	GainTenant Gain = "tenant"
)

// Technique is a way to gain rights that somebody else has. It needs either
// actions on a resource, or one of the directory roles, application permissions
// or the ownership that it names.
type Technique struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Gain  Gain   `json:"gain"`
	// Actions and DataActions are needed on the target, all of them.
	Actions     []string `json:"actions,omitempty"`
	DataActions []string `json:"dataActions,omitempty"`
	// Elsewhere are actions needed on the resource group or subscription of
	// the target.
	Elsewhere []string `json:"elsewhere,omitempty"`
	// Workload is the resource type that is taken, for GainWorkload.
	Workload string `json:"workload,omitempty"`
	// Roles are template ids of directory roles, AppPermissions the names of
	// Microsoft Graph's application permissions; any one is enough.
	Roles          []string `json:"roles,omitempty"`
	AppPermissions []string `json:"appPermissions,omitempty"`
	// Owner says that owning the target is enough, OwnedOnly that an
	// application permission works on what one owns only.
	Owner     bool `json:"owner,omitempty"`
	OwnedOnly bool `json:"ownedOnly,omitempty"`
	// Limited says what the technique does not give.
	Limited string `json:"limited,omitempty"`
	// Source is where the vendor documents it.
	Source string `json:"source"`
}

// Template ids of directory roles ("Microsoft Entra built-in roles").
const (
	RoleGlobalAdministrator             = "62e90394-69f5-4237-9190-012177145e10"
	RolePrivilegedRoleAdministrator     = "e8611ab8-c189-46e8-94e1-60213ab1f814"
	RolePrivilegedAuthAdministrator     = "7be44c8a-" + "adaf-4e2a-84d6-ab2649e08a13"
	RoleApplicationAdministrator        = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
	RoleCloudApplicationAdministrator   = "158c047a-c907-4556-b7ef-446551a6b5f7"
	RoleGroupsAdministrator             = "fdd7a751-b60b-444a-984c-02652fe8fa1c"
	RoleUserAdministrator               = "fe930be7-5e62-47db-91af-98c3a49a38b1"
	RolePartnerTier2Support             = "e00e864a-17c5-4a4b-9c06-f5b95a8d5bd8"
	RoleHybridIdentityAdministrator     = "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2"
	RoleIdentityGovernanceAdministrator = "45d8d3c5-c802-45c6-b32a-1d70b5e1e86e"
)

// Techniques are the known ways: what the actions and permissions do as
// Microsoft's references describe it.
func Techniques() []Technique {
	out := []Technique{
		{ID: "role-assign", Title: "grants itself any role", Gain: GainScope, Actions: []string{"Microsoft.Authorization/roleAssignments/write"}, Source: "Azure built-in roles, User Access Administrator"},
		{ID: "role-definition-write", Title: "puts actions into a custom role that it holds", Gain: GainRole, Actions: []string{"Microsoft.Authorization/roleDefinitions/write"}, Source: "Azure custom roles"},
		{ID: "lock-deny-stack", Title: "changes a deployment stack and the deny assignments that it sets", Gain: GainScope, Actions: []string{"Microsoft.Resources/deploymentStacks/write", "Microsoft.Resources/deploymentStacks/manageDenySetting/action"},
			Limited: "gives only what role assignments grant and the stack's deny assignments forbid", Source: "Create and deploy Azure deployment stacks"},
		{ID: "uami-federate", Title: "lets another issuer's tokens act as the managed identity", Gain: GainManagedIdentity, Actions: []string{"Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write"}, Source: "Configure a user-assigned managed identity to trust an external identity provider"},
	}
	for _, l := range []struct{ id, title, action string }{
		{"uami-vm", "gives the managed identity to a virtual machine that it creates or changes", "Microsoft.Compute/virtualMachines/write"},
		{"uami-vmss", "gives the managed identity to a scale set", "Microsoft.Compute/virtualMachineScaleSets/write"},
		{"uami-web", "gives the managed identity to a web or function app", "Microsoft.Web/sites/write"},
		{"uami-aci", "gives the managed identity to a container group", "Microsoft.ContainerInstance/containerGroups/write"},
		{"uami-app", "gives the managed identity to a container app", "Microsoft.App/containerApps/write"},
		{"uami-logic", "gives the managed identity to a logic app", "Microsoft.Logic/workflows/write"},
		{"uami-script", "runs a deployment script as the managed identity", "Microsoft.Resources/deploymentScripts/write"},
		{"uami-automation", "gives the managed identity to an automation account", "Microsoft.Automation/automationAccounts/write"},
		{"uami-datafactory", "gives the managed identity to a data factory", "Microsoft.DataFactory/factories/write"},
	} {
		out = append(out, Technique{ID: l.id, Title: l.title, Gain: GainManagedIdentity, Actions: []string{"Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"},
			Elsewhere: []string{l.action}, Source: "Azure permissions for Identity; Managed Identity Operator"})
	}
	out = append(out, workloadTechniques()...)
	return append(out, directoryTechniques()...)
}

func workloadTechniques() []Technique {
	own := func(id, title, kind, source string, actions ...string) Technique {
		return Technique{ID: id, Title: title, Gain: GainWorkload, Workload: kind, Actions: actions, Source: source}
	}
	const vm, web, auto = "Microsoft.Compute/virtualMachines", "Microsoft.Web/sites", "Microsoft.Automation/automationAccounts"
	out := []Technique{
		own("vm-run-command", "runs a command on the machine", vm, "Run scripts in your VM by using Run Command", vm+"/runCommand/action"),
		own("vm-run-commands", "runs a managed command on the machine", vm, "Run scripts in your VM by using managed Run Commands", vm+"/runCommands/write"),
		own("vm-extension", "installs an extension that runs code on the machine", vm, "Azure virtual machine extensions and features", vm+"/extensions/write"),
		{ID: "vm-admin-login", Title: "logs in to the machine as its administrator", Gain: GainWorkload, Workload: vm, DataActions: []string{vm + "/loginAsAdmin/action"}, Source: "Sign in to a virtual machine in Azure by using Microsoft Entra ID"},
		{ID: "vm-login", Title: "logs in to the machine", Gain: GainWorkload, Workload: vm, DataActions: []string{vm + "/login/action"}, Source: "Sign in to a virtual machine in Azure by using Microsoft Entra ID"},
		own("vmss-run-command", "runs a command on machines of the scale set", "Microsoft.Compute/virtualMachineScaleSets", "Run scripts in your VM by using Run Command", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/runCommand/action"),
		own("vmss-extension", "installs an extension on the scale set's machines", "Microsoft.Compute/virtualMachineScaleSets", "Azure virtual machine extensions and features", "Microsoft.Compute/virtualMachineScaleSets/extensions/write"),
		own("arc-run-command", "installs an extension on a server of Azure Arc", "Microsoft.HybridCompute/machines", "Manage VM extensions (Azure Arc)", "Microsoft.HybridCompute/machines/extensions/write"),
		own("web-publish", "reads the app's publishing credentials and replaces its code", web, "Deployment credentials (App Service)", web+"/publishxml/action"),
		own("web-config", "lists the app's publishing credentials", web, "Deployment credentials (App Service)", web+"/config/list/action"),
		own("web-write", "points the app at other code", web, "Azure permissions for Web and Mobile", web+"/write"),
		own("web-slot", "deploys to the app", web, "Deploy to App Service", web+"/extensions/write"),
		own("function-host-keys", "lists the function app's keys, with which its files can be written", web, "Azure Functions access keys", web+"/host/listkeys/action"),
		own("automation-runbook", "writes and starts a runbook", auto, "Manage role permissions and security in Azure Automation", auto+"/runbooks/write", auto+"/runbooks/draft/write", auto+"/jobs/write"),
		own("logic-app-write", "changes the workflow", "Microsoft.Logic/workflows", "Secure access and data in Azure Logic Apps", "Microsoft.Logic/workflows/write"),
		own("aci-exec", "runs commands in the containers", "Microsoft.ContainerInstance/containerGroups", "Execute a command in a running container instance", "Microsoft.ContainerInstance/containerGroups/containers/exec/action"),
		own("container-app-write", "replaces the container app's image", "Microsoft.App/containerApps", "Managed identities in Azure Container Apps", "Microsoft.App/containerApps/write"),
		own("aks-cluster-admin", "fetches the cluster's administrator credential", "Microsoft.ContainerService/managedClusters", "Limit access to kubeconfig in AKS", "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action"),
		own("aks-run-command", "runs commands in the cluster", "Microsoft.ContainerService/managedClusters", "Use command invoke to access a private AKS cluster", "Microsoft.ContainerService/managedClusters/runcommand/action"),
		own("data-factory-pipeline", "writes and runs a pipeline", "Microsoft.DataFactory/factories", "Roles and permissions for Azure Data Factory", "Microsoft.DataFactory/factories/pipelines/write", "Microsoft.DataFactory/factories/pipelines/createrun/action"),
	}
	return append(out, own("ml-compute", "runs jobs in the workspace", "Microsoft.MachineLearningServices/workspaces", "Manage access to Azure Machine Learning workspaces", "Microsoft.MachineLearningServices/workspaces/jobs/write"))
}

func directoryTechniques() []Technique {
	const builtIn, graph = "Microsoft Entra built-in roles", "Microsoft Graph permissions reference"
	return []Technique{
		{ID: "global-administrator", Title: "is Global Administrator and can raise itself to User Access Administrator of all of Azure", Gain: GainTenant, Roles: []string{RoleGlobalAdministrator}, Source: "Elevate access to manage all Azure subscriptions and management groups"},
		{ID: "assign-directory-role", Title: "gives itself any directory role", Gain: GainTenant, Roles: []string{RolePrivilegedRoleAdministrator},
			AppPermissions: []string{"RoleManagement.ReadWrite.Directory", "RoleAssignmentSchedule.ReadWrite.Directory", "RoleEligibilitySchedule.ReadWrite.Directory"}, Source: builtIn + "; " + graph},
		{ID: "reset-administrator", Title: "resets how any administrator signs in", Gain: GainTenant, Roles: []string{RolePrivilegedAuthAdministrator, RolePartnerTier2Support},
			AppPermissions: []string{"UserAuthenticationMethod.ReadWrite.All"}, Limited: "application permissions need a pass or a method that the tenant allows", Source: builtIn},
		{ID: "grant-app-role", Title: "grants itself any application permission, such as RoleManagement.ReadWrite.Directory", Gain: GainTenant, AppPermissions: []string{"AppRoleAssignment.ReadWrite.All"}, Source: graph},
		{ID: "add-app-secret", Title: "adds a secret or certificate to the application", Gain: GainServicePrincipal, Roles: []string{RoleApplicationAdministrator, RoleCloudApplicationAdministrator},
			AppPermissions: []string{"Application.ReadWrite.All"}, Owner: true, Source: builtIn + "; " + graph},
		{ID: "add-owned-app-secret", Title: "adds a secret or certificate to an application that it owns", Gain: GainServicePrincipal, AppPermissions: []string{"Application.ReadWrite.OwnedBy"}, OwnedOnly: true, Source: graph},
		{ID: "add-group-member", Title: "joins the group", Gain: GainGroup, Roles: []string{RoleGroupsAdministrator, RoleUserAdministrator, RoleIdentityGovernanceAdministrator},
			AppPermissions: []string{"Group.ReadWrite.All", "GroupMember.ReadWrite.All", "Directory.ReadWrite.All"}, Owner: true, Source: builtIn + "; " + graph},
		{ID: "add-role-group-member", Title: "joins the role-assignable group", Gain: GainGroup, AppPermissions: []string{"PrivilegedAccess.ReadWrite.AzureADGroup"},
			Roles: []string{RolePrivilegedRoleAdministrator}, Source: "Use Microsoft Entra groups to manage role assignments"},
	}
}

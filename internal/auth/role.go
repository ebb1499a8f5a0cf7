package auth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Permission is something that a caller may do, as noun.verb.
type Permission string

// The permissions.
const (
	// PermInventoryRead: read identities, credentials, grants, trusts,
	// placements and findings within the scope.
	PermInventoryRead Permission = "inventory.read"
	// PermInventoryEdit: register identities and assign their owners.
	PermInventoryEdit Permission = "inventory.edit"
	// PermFindingsTriage: acknowledge findings, assign them, accept a risk.
	PermFindingsTriage Permission = "findings.triage"
	// PermUsagePeople: be shown the names and addresses of people in usage
	// histories, for a reason that is kept on record.
	PermUsagePeople Permission = "usage.people"
	// PermSourcesRead: see sources, their scans and blind spots.
	PermSourcesRead Permission = "sources.read"
	// PermSourcesManage: add, change and remove sources, their secrets, and
	// collectors.
	PermSourcesManage Permission = "sources.manage"
	// PermScansRun: start a scan.
	PermScansRun Permission = "scans.run"
	// PermRulesRead: read the rules and their cases.
	PermRulesRead Permission = "rules.read"
	// PermAuditRead: read and verify the audit log.
	PermAuditRead Permission = "audit.read"
	// PermEvidenceExport: export lists and evidence packs.
	PermEvidenceExport Permission = "evidence.export"
	// PermAccountsManage: invite, change and deactivate accounts, bind roles,
	// provision by SCIM.
	PermAccountsManage Permission = "accounts.manage"
	// PermTokensManage: see and revoke the tokens of others.
	PermTokensManage Permission = "tokens.manage"
	// PermChannelsManage: change channels, routes and streams of notices.
	PermChannelsManage Permission = "channels.manage"
	// PermSettingsManage: change settings of the installation: single sign-on,
	// retention, sealing.
	PermSettingsManage Permission = "settings.manage"
	// PermIngestWrite: hand in what was found, or read of logs, elsewhere.
	PermIngestWrite Permission = "ingest.write"
)

// Permissions lists every permission.
func Permissions() []Permission {
	return []Permission{PermInventoryRead, PermInventoryEdit, PermFindingsTriage, PermUsagePeople, PermSourcesRead, PermSourcesManage,
		PermScansRun, PermRulesRead, PermAuditRead, PermEvidenceExport, PermAccountsManage, PermTokensManage,
		PermChannelsManage, PermSettingsManage, PermIngestWrite}
}

// InstallationWide reports whether a permission concerns the installation as a
// whole. A role that is bound to a part of the inventory does not give it: an
// administrator of one team administers no accounts.
func (p Permission) InstallationWide() bool {
	switch p {
	case PermSourcesManage, PermAuditRead, PermAccountsManage, PermTokensManage, PermChannelsManage, PermSettingsManage:
		return true
	}
	return false
}

// Role is a named set of permissions.
type Role string

// The roles.
const (
	RoleViewer        Role = "viewer"
	RoleIdentityOwner Role = "identity-owner"
	RoleOperator      Role = "operator"
	RoleReviewer      Role = "reviewer"
	RoleAuditor       Role = "auditor"
	RoleAdmin         Role = "admin"
)

// RoleInfo describes a role.
type RoleInfo struct {
	Role        Role         `json:"role"`
	Purpose     string       `json:"purpose"`
	Permissions []Permission `json:"permissions"`
}

// Roles lists every role, the least powerful first. docs/sign-in.md shows the
// same table, and a test holds the two together.
func Roles() []RoleInfo {
	return []RoleInfo{
		{RoleViewer, "Reads the inventory.",
			[]Permission{PermInventoryRead, PermSourcesRead, PermRulesRead}},
		{RoleIdentityOwner, "Sees and edits the identities that they answer for.",
			[]Permission{PermInventoryRead, PermInventoryEdit, PermFindingsTriage, PermSourcesRead, PermRulesRead}},
		{RoleReviewer, "Reads the inventory and decides about findings.",
			[]Permission{PermInventoryRead, PermFindingsTriage, PermSourcesRead, PermRulesRead}},
		{RoleAuditor, "Reads everything, the audit log included, and exports evidence.",
			[]Permission{PermInventoryRead, PermSourcesRead, PermRulesRead, PermAuditRead, PermEvidenceExport}},
		{RoleOperator, "Runs the discovery: sources, scans, collectors, channels.",
			[]Permission{PermInventoryRead, PermInventoryEdit, PermFindingsTriage, PermUsagePeople, PermSourcesRead, PermSourcesManage,
				PermScansRun, PermRulesRead, PermEvidenceExport, PermChannelsManage, PermIngestWrite}},
		{RoleAdmin, "Does everything, accounts and settings included.", Permissions()},
	}
}

// Has reports whether a role has a permission. A role that does not exist has
// none.
func (r Role) Has(p Permission) bool { return slices.Contains(r.Permissions(), p) }

// Permissions lists what a role allows.
func (r Role) Permissions() []Permission {
	for _, info := range Roles() {
		if info.Role == r {
			return info.Permissions
		}
	}
	return nil
}

// Validate reports a role that does not exist.
func (r Role) Validate() error {
	all := Roles()
	names := make([]string, len(all))
	for i, info := range all {
		if info.Role == r {
			return nil
		}
		names[i] = string(info.Role)
	}
	return fmt.Errorf("%w: role %q: want one of %s", retinue.ErrInvalid, r, strings.Join(names, ", "))
}

// Validate reports a permission that does not exist.
func (p Permission) Validate() error {
	if slices.Contains(Permissions(), p) {
		return nil
	}
	return fmt.Errorf("%w: permission %q: there is none of that name", retinue.ErrInvalid, p)
}

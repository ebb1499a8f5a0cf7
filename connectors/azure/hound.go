package azure

import (
	"encoding/json"
	"strings"
)

// unfold turns an object of AzureHound into objects as Graph and Azure print
// them, each with its kind; anything else is returned as it is.
func unfold(e element, k kind) []element {
	if k != kindHound {
		return []element{e}
	}
	var d struct {
		RoleAssignments []json.RawMessage `json:"roleAssignments"`
		Members         []struct {
			GroupID string `json:"groupId"`
			Member  member `json:"member"`
		} `json:"members"`
		Owners []struct {
			AppID              string `json:"appId"`
			ServicePrincipalID string `json:"servicePrincipalId"`
			GroupID            string `json:"groupId"`
			Owner              member `json:"owner"`
		} `json:"owners"`
		GroupID            string `json:"groupId"`
		AppID              string `json:"appId"`
		ServicePrincipalID string `json:"servicePrincipalId"`
		SubscriptionID     string `json:"subscriptionId"`
		TenantID           string `json:"tenantId"`
	}
	if json.Unmarshal(e.Data, &d) != nil {
		d.RoleAssignments = nil // another kind's fields of the same names
	}
	switch {
	case e.Kind == "AZGroupMember":
		out := element{raw: e.Data, ID: d.GroupID, TenantID: d.TenantID}
		for _, m := range d.Members {
			out.ID = m.GroupID
			out.Members = append(out.Members, m.Member)
		}
		return []element{out}
	case e.Kind == "AZAppOwner", e.Kind == "AZServicePrincipalOwner", e.Kind == "AZGroupOwner":
		out := element{raw: e.Data, TenantID: d.TenantID, AppID: d.AppID, ID: d.ServicePrincipalID + d.GroupID}
		for _, o := range d.Owners {
			if o.AppID != "" {
				out.AppID = o.AppID
			}
			if o.ServicePrincipalID+o.GroupID != "" {
				out.ID = o.ServicePrincipalID + o.GroupID
			}
			out.Owners = append(out.Owners, o.Owner)
		}
		return []element{out}
	case strings.HasSuffix(e.Kind, "RoleAssignment") && d.RoleAssignments != nil:
		return assignments(d.RoleAssignments, d.TenantID)
	}
	one, _ := parse(e.Data)
	if e.Kind == "AZTenant" || e.Kind == "AZSubscription" {
		one.State = "Enabled"
		one.ID = strings.TrimPrefix(d.SubscriptionID, "/subscriptions/")
	}
	return []element{one}
}

// assignments are those of directory roles, or of a resource, which AzureHound
// wraps once more.
func assignments(list []json.RawMessage, tenant string) []element {
	var out []element
	for _, raw := range list {
		var wrapped struct {
			RoleAssignment json.RawMessage `json:"roleAssignment"`
		}
		if json.Unmarshal(raw, &wrapped) == nil && len(wrapped.RoleAssignment) > 0 {
			raw = wrapped.RoleAssignment
		}
		e, _ := parse(raw)
		if e.TenantID == "" {
			e.TenantID = tenant
		}
		out = append(out, e)
	}
	return out
}

// houndKind is the kind of an unfolded object: that of its shape, or what
// AzureHound says where the shape is a list of members or owners.
func houndKind(e *element, outer string) kind {
	switch outer {
	case "AZGroupMember":
		return kindMembers
	case "AZAppOwner", "AZServicePrincipalOwner", "AZGroupOwner":
		return kindOwners
	case "AZApp":
		return kindApplication
	case "AZServicePrincipal":
		return kindServicePrincipal
	case "AZUser":
		return kindUser
	case "AZGroup":
		return kindGroup
	case "AZTenant":
		return kindUnknown
	}
	return e.kind()
}

package vault

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// touches says which secrets, credentials, identities and controls a request read
// or changed. (API documentation of the engines and methods that are named.)
func (d *decoder) touches(n *entry) []retinue.Touch {
	q := n.Request
	target := d.ref("path", q.where())
	var out []retinue.Touch
	add := func(kind retinue.TouchKind, target retinue.Ref) {
		if kind != "" {
			out = append(out, retinue.Touch{Kind: kind, Target: target})
		}
	}
	switch {
	case strings.HasPrefix(q.Path, "sys/"):
		kind, named := systemTouch(q)
		if named != "" {
			target = d.ref("policy", q.Namespace.Path+named)
		}
		add(kind, target)
	case strings.HasPrefix(q.Path, "auth/"):
		add(methodTouch(q), target)
	case strings.HasPrefix(q.Path, "identity/"):
		add(writeTouch(q.Operation), target)
	default:
		add(engineTouch(q), target)
	}
	if n.Response == nil {
		return out
	}
	if a := n.Response.Auth; a != nil && isAccessor(a.Accessor) {
		add(retinue.TouchIssue, d.ref("token", a.Accessor))
	}
	if w := n.Response.WrapInfo; w != nil && isAccessor(w.Accessor) {
		add(retinue.TouchIssue, d.ref("token", w.Accessor))
	}
	return out
}

// writeTouch: a change of something that is no secret.
func writeTouch(operation string) retinue.TouchKind {
	switch operation {
	case "create":
		return retinue.TouchCreate
	case "update", "patch":
		return retinue.TouchEdit
	case "delete":
		return retinue.TouchDelete
	}
	return ""
}

// systemTouch reads paths of the system back end. It names the policy where it is
// about one.
func systemTouch(q *request) (kind retinue.TouchKind, policy string) {
	write := q.Operation == "create" || q.Operation == "update" || q.Operation == "patch"
	p := strings.TrimPrefix(q.Path, "sys/")
	for _, prefix := range []string{"policies/acl/", "policies/rgp/", "policies/egp/", "policy/"} {
		if name, ok := strings.CutPrefix(p, prefix); ok && (write || q.Operation == "delete") {
			return map[bool]retinue.TouchKind{true: retinue.TouchEdit, false: retinue.TouchDelete}[write], name
		}
	}
	switch {
	case strings.HasPrefix(p, "audit/") && q.Operation == "delete":
		return retinue.TouchSilence, ""
	case strings.HasPrefix(p, "config/auditing/") && (write || q.Operation == "delete"):
		return retinue.TouchSilence, ""
	case strings.HasPrefix(p, "raw/") && q.Operation == "read", strings.HasPrefix(p, "storage/raft/snapshot") && q.Operation == "read":
		return retinue.TouchRead, "" // the storage itself, with everything in it
	case strings.HasPrefix(p, "raw/") && write:
		return retinue.TouchEdit, ""
	case p == "wrapping/unwrap":
		return retinue.TouchRead, ""
	case strings.HasPrefix(p, "generate-root/update"):
		return retinue.TouchIssue, ""
	case strings.HasPrefix(p, "leases/revoke"), strings.HasPrefix(p, "revoke"):
		return retinue.TouchDelete, ""
	case strings.HasPrefix(p, "auth/") && q.Operation != "read", strings.HasPrefix(p, "mounts/") && q.Operation != "read":
		return writeTouch(q.Operation), ""
	}
	return "", ""
}

// methodTouch reads paths of authentication methods other than sign-ins.
func methodTouch(q *request) retinue.TouchKind {
	if isLogin(q) {
		return ""
	}
	p := strings.TrimPrefix(q.Path, "auth/")
	_, rest, _ := strings.Cut(p, "/")
	write := q.Operation == "create" || q.Operation == "update" || q.Operation == "patch"
	switch {
	case strings.HasPrefix(p, "token/revoke"):
		return retinue.TouchDelete
	case strings.HasPrefix(p, "token/create"):
		return "" // the answer names the token
	case strings.HasPrefix(p, "token/roles/"):
		return writeTouch(q.Operation)
	case strings.HasPrefix(p, "token/"):
		return ""
	case write && (strings.HasSuffix(rest, "/secret-id") || strings.HasSuffix(rest, "/custom-secret-id")):
		return retinue.TouchIssue
	case strings.Contains(rest, "/secret-id") && (strings.HasSuffix(rest, "/destroy") || q.Operation == "delete"):
		return retinue.TouchDelete
	case strings.HasSuffix(rest, "/password") && write:
		return retinue.TouchRotate
	case strings.Contains(rest, "lookup"):
		return ""
	}
	return writeTouch(q.Operation)
}

// engineTouch reads paths of secrets engines, by the engine's type where the log
// has it (since Vault 1.14).
func engineTouch(q *request) retinue.TouchKind {
	rest := strings.TrimPrefix(q.Path, q.MountPoint)
	if q.MountPoint == "" {
		_, rest, _ = strings.Cut(q.Path, "/")
	}
	first, _, _ := strings.Cut(rest, "/")
	write := q.Operation == "create" || q.Operation == "update" || q.Operation == "patch"
	switch q.MountType {
	case "kv", "generic", "cubbyhole", "":
		if first == "metadata" && q.Operation != "delete" {
			return "" // of version 2: names and times
		}
		return secretTouch(q.Operation)
	case "transit":
		if first == "export" || first == "backup" {
			return retinue.TouchRead
		}
		if strings.HasSuffix(rest, "/rotate") && write {
			return retinue.TouchRotate
		}
		if first == "keys" {
			return writeTouch(q.Operation)
		}
		return ""
	case "pki", "ssh":
		switch first {
		case "issue", "sign", "sign-verbatim", "creds":
			return retinue.TouchIssue
		case "revoke":
			return retinue.TouchDelete
		}
	}
	switch first {
	case "creds", "creds-file", "sts", "token", "key", "static-creds", "static-cred":
		if q.Operation == "read" || write {
			return map[bool]retinue.TouchKind{true: retinue.TouchRead, false: retinue.TouchIssue}[strings.HasPrefix(first, "static")]
		}
	case "rotate-root", "rotate-role":
		return retinue.TouchRotate
	case "roles", "role", "config", "static-roles":
		return writeTouch(q.Operation)
	}
	return ""
}

// secretTouch: an operation on a stored secret.
func secretTouch(operation string) retinue.TouchKind {
	switch operation {
	case "read":
		return retinue.TouchRead
	case "create":
		return retinue.TouchIssue
	case "update", "patch":
		return retinue.TouchRotate
	case "delete":
		return retinue.TouchDelete
	}
	return ""
}

// endsDevice reports a request to switch an audit device off.
func endsDevice(q *request) bool {
	return q.ID != "" && q.Operation == "delete" && strings.HasPrefix(q.Path, "sys/audit/")
}

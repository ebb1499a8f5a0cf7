package awsiam

import "slices"

// Escalating lists the actions that raise their caller's rights, by themselves
// or together with others, when allowed on the right resources: those that
// [Summarize] knows ways from.
func Escalating() []string {
	var out []string
	for _, t := range techniques() {
		if !slices.Contains(out, t.actions[0]) {
			out = append(out, t.actions[0])
		}
	}
	return append(out, "iam:DeleteUserPermissionsBoundary", "iam:DeleteRolePermissionsBoundary", "iam:PutUserPermissionsBoundary",
		"iam:PutRolePermissionsBoundary", "lambda:UpdateFunctionConfiguration")
}

// SecretReads lists the actions that return the values of secrets and
// parameters.
func SecretReads() []string { return append(secretReads(), "ssm:GetParameterHistory") }

// Reads reports whether an action's name, without the service, says that it
// changes nothing. The access level of the reference data goes before it.
func Reads(name string) bool { return reads(name) }

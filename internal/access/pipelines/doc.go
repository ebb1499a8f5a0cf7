// Package pipelines answers what pipelines can do: the permissions of their own
// token, the secrets that they are given, and what they reach elsewhere because
// a cloud trusts the tokens that their runs are issued (OpenID Connect
// federation).
//
// # Tokens
//
// A job that may ask for a token gets one whose claims its run decides: the
// repository, the branch or tag, the environment. A [Token] is the set of all
// the tokens that one job can get from one kind of event: some claims are fixed,
// some hold a name that varies (of a branch, a tag, an environment), the
// audience is chosen by whoever asks, and some are not known. Sources: GitHub,
// "OpenID Connect reference" and "Workflow syntax for GitHub Actions"; GitLab,
// "OpenID Connect (OIDC) Authentication Using ID Tokens".
//
// # Trusts
//
// A trust is matched with a set of tokens without sampling: the strings of what
// varies are divided into the classes that the trust's patterns and the
// pipeline's own filters can tell apart, and one of each class is put to the
// evaluator of the trust's language: IAM's for a role's trust policy, CEL for
// the mapping and the condition of a workload identity provider, equality for a
// federated credential of Entra. A claim that is not known leaves a condition.
//
// Whoever can write to a repository can run a workflow of their own there, and so
// gets tokens that none of its workflows is issued as they stand. Those are
// steps of the repository, and say that its protections were not read. Subjects
// that a trust admits and that nothing in the inventory can have are nodes of
// their own, outside.
//
// Everything here is pure. An Engine is not changed after it was made, and may
// be asked from several goroutines.
package pipelines

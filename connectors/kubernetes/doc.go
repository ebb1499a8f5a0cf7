// Package kubernetes reads Kubernetes clusters: service accounts, RBAC,
// workloads, the Secrets that they name, client certificates and cloud
// identities, from API servers or from files that kubectl printed.
//
// # One mapper for both ways
//
// An object is turned into facts by the mapper, whichever way it was read, so
// that a live cluster and an export of it state the same. client-go gives the
// kubeconfig, its credential plugins and TLS; requests and paging are a small
// client of our own, because client-go's decode whole pages into typed objects
// and cost 20 MB of binary.
//
// # Scopes
//
// The realm is "kubernetes:" and the uid of the namespace kube-system. Kinds
// of the cluster are a scope each ("cluster_role"); kinds in namespaces are one
// a namespace ("namespace/pay/role"), so that a scan of some namespaces, or of
// those that are allowed, completes just those. The scope "namespace" lists the
// namespaces: one that is absent has ended with all its scopes.
//
// # Secrets
//
// Listing Secrets returns their values, so by default they are not listed: the
// names that workloads and accounts use are stated under "secret_reference",
// and what is not seen is printed.
package kubernetes

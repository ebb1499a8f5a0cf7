// Package gcp reads what Google Cloud's own tools export about projects,
// folders and organisations: service accounts and their keys, allow and deny
// policies, roles, and workload identity federation. It reads files; a live
// reader is not part of it yet.
//
// # Realms and scopes
//
// A project is the realm "gcp:PROJECT_ID", a folder "gcp:folders/NUMBER", an
// organisation "gcp:organizations/NUMBER". Predefined roles are the same
// everywhere and have the realm "gcp:google". People and groups belong to the
// realm of their domain, "google:DOMAIN".
//
// Exports name projects by their id in one place and by their number in
// another. Files are read twice: first for which number is which id, then for
// facts. A number that no file explains stays a number, and is said.
//
// A scope is what one listing covers: "iam/service-accounts", the keys of one
// account, the policy of the project itself, the policies of everything in it.
package gcp

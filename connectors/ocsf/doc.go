// Package ocsf reads events of the Open Cybersecurity Schema Framework, versions
// 1.x, from files: API Activity (6003), Authentication (3002) and Account Change
// (3001), as data lakes and collectors of logs make them of the logs of many
// products. It describes no system.
//
// # Names
//
// Events of AWS are of the realm "aws:ACCOUNT" and name roles, users and keys as
// the connector of AWS does; those of Google Cloud and of Azure are of "gcp:PROJECT"
// and "azure:TENANT" and name service accounts, service principals and users so.
// Others are of "ocsf:VENDOR/PRODUCT", by the account or organisation in it that the
// event names, unless an option gives the realm. There a user, service account and
// so on has the kind that the event gives it and its uid.
//
// A product's own reader understands its log better than this one does: which
// permission a call needed, whom a token was issued to and what a call changed are
// mostly lost on the way into the schema.
package ocsf

// Package googleworkspace reads the activity reports of Google Workspace and
// Cloud Identity from exported files. It describes no system: users and
// applications are seen as far as the reports speak of them.
//
// Users belong to the realm of their domain, "google:DOMAIN", as they do where
// Google Cloud's policies name them; service accounts to that of their project.
// Applications are named by their OAuth client id, which for a service account
// with domain-wide delegation is its own number.
package googleworkspace

// Package slack reads what Slack's Audit Logs API answers, from files. It
// describes no system.
//
// # Names
//
// The realm is "slack:ID", the workspace or organisation in which an entry places
// itself, or the organisation that an option names for all entries. In it are
// user, app, workspace, enterprise, channel, file and the other entities of the
// API, each by Slack's id.
package slack

// Package okta reads the System Log of an Okta organisation from exported files.
// It describes no system: users, applications and tokens are seen as far as the
// log speaks of them.
//
// An organisation is the realm "okta:DOMAIN", such as "okta:acme.okta.com"; the
// log does not name it, so the option org does. Users, applications, groups and
// API tokens are named by Okta's own ids.
package okta

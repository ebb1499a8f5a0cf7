// Package anthropic reads the activity feed of an Anthropic organisation, as the
// Compliance API lists it, from files. It describes no system.
//
// # Names
//
// The realm is "anthropic:ORGANISATION", by the id that starts with "org_". In it
// are user, service_account, api_key, admin_api_key, service, service_key, mcp_server,
// federation_rule, federation_issuer and the other objects of the feed, each by
// Anthropic's id.
package anthropic

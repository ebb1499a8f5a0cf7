// Package openai reads the audit log of an OpenAI organisation, as its
// administration API lists it, from files. It describes no system.
//
// # Names
//
// The realm is "openai:ORGANISATION". Entries do not say of which organisation
// they are: an option does, and without it the realm is "openai:default". In it are
// user, service_account, api_key, project, role and the other objects of the API,
// each by OpenAI's id.
package openai

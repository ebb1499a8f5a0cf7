package api_test

import "testing"

func TestIdentities(t *testing.T) {
	h := newHarness(t)
	h.run([]scenario{
		{name: "anonymous", path: "/identities", status: 401, contains: []string{"urn:retinue:problem:sign-in", "Www-Authenticate: Bearer"}},
		{name: "empty", as: "viewer", path: "/identities?kind=role&kind=app&sort=-created&limit=10", status: 200, contains: []string{`"items":[]`}},
		{name: "unknown parameter", as: "viewer", path: "/identities?colour=red", status: 422, contains: []string{`"location":"query.colour"`}},
		{name: "unknown sort", as: "viewer", path: "/identities?sort=shoe", status: 422, contains: []string{`"location":"query.sort"`}},
		{name: "limit", as: "viewer", path: "/identities?limit=100000", status: 422, contains: []string{`"location":"query.limit"`}},
		{name: "me", as: "auditor", path: "/me", status: 200, contains: []string{`"role":"auditor"`, "audit.read", "Etag:"}},
	})
}

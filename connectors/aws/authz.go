package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/retinue-id/retinue"
)

// The shapes of get-account-authorization-details, and what AirIAM adds to
// them. Members not named here are not needed.
type (
	authzUser struct {
		Path                    string
		UserName                string
		UserId                  string //nolint:revive // the vendor's spelling
		Arn                     string
		CreateDate              moment
		UserPolicyList          []inlinePolicy
		GroupList               []string
		AttachedManagedPolicies []attachedPolicy
		PermissionsBoundary     *boundary
		Tags                    tags
		PasswordLastUsed        moment
		LoginProfileExists      *bool         // AirIAM
		LastAccessed            []lastService // AirIAM
	}
	authzGroup struct {
		Path                    string
		GroupName               string
		GroupId                 string //nolint:revive // the vendor's spelling
		Arn                     string
		CreateDate              moment
		GroupPolicyList         []inlinePolicy
		AttachedManagedPolicies []attachedPolicy
	}
	authzRole struct {
		Path                     string
		RoleName                 string
		RoleId                   string //nolint:revive // the vendor's spelling
		Arn                      string
		CreateDate               moment
		Description              string
		MaxSessionDuration       int
		AssumeRolePolicyDocument json.RawMessage
		InstanceProfileList      []instanceProfile
		RolePolicyList           []inlinePolicy
		AttachedManagedPolicies  []attachedPolicy
		PermissionsBoundary      *boundary
		Tags                     tags
		RoleLastUsed             *lastUsed
		LastAccessed             []lastService // AirIAM
	}
	authzPolicy struct {
		PolicyName        string
		PolicyId          string //nolint:revive // the vendor's spelling
		Arn               string
		Path              string
		Description       string
		DefaultVersionId  string //nolint:revive // the vendor's spelling
		IsAttachable      bool
		CreateDate        moment
		UpdateDate        moment
		Tags              tags
		PolicyVersionList []policyVersion
	}
	inlinePolicy struct {
		PolicyName     string
		PolicyDocument json.RawMessage
	}
	attachedPolicy struct{ PolicyName, PolicyArn string }
	boundary       struct{ PermissionsBoundaryArn string }
	policyVersion  struct {
		Document         json.RawMessage
		VersionId        string //nolint:revive // the vendor's spelling
		IsDefaultVersion bool
		CreateDate       moment
	}
	lastUsed struct {
		LastUsedDate moment
		Region       string
		ServiceName  string
	}
	lastService struct {
		LastAccessed     moment
		ServiceNamespace string
	}
	instanceProfile struct {
		Path, InstanceProfileName, InstanceProfileId, Arn string //nolint:revive // the vendor's spelling
		CreateDate                                        moment
		Roles                                             []struct{ Arn string }
		Tags                                              tags
	}
)

// authzSections are the lists that make up an account's authorization details,
// under the CLI's names and under AirIAM's.
type authzSections struct {
	users, groups, roles, policies, report bool
	truncated                              bool
}

// authzHandlers take the elements of the lists, one at a time.
type authzHandlers struct {
	user    func(authzUser) error
	group   func(authzGroup) error
	role    func(authzRole) error
	policy  func(authzPolicy) error
	report  func(reportRow) error
	invalid func(list string, index int, err error)
}

// authzMember reports whether a member belongs to authorization details.
func authzMember(name string) bool {
	switch name {
	case "UserDetailList", "GroupDetailList", "RoleDetailList", "Policies",
		"AccountUsers", "AccountGroups", "AccountRoles", "AccountPolicies", "CredentialReport":
		return true
	}
	return false
}

// readAuthz reads authorization details of any size, element by element. The
// lists may stand up to maxNesting levels below the top, and pages may follow
// one another. It says which lists there were.
func readAuthz(r io.Reader, h authzHandlers) (authzSections, error) {
	a := &authzReader{j: newJSONReader(r), h: h}
	err := a.j.values(func() error {
		a.found.truncated = false // each page says anew whether there is another
		return a.value(0)
	})
	return a.found, err
}

type authzReader struct {
	j     *jsonReader
	h     authzHandlers
	found authzSections
}

func (a *authzReader) value(depth int) error {
	t, err := a.j.token()
	if err != nil {
		return err
	}
	return a.valueFrom(t, depth)
}

func (a *authzReader) valueFrom(t json.Token, depth int) error {
	switch {
	case depth <= maxNesting && t == json.Delim('['):
		return a.j.arrayFrom(t, func(int) error { return a.value(depth + 1) })
	case depth <= maxNesting && t == json.Delim('{'):
		return a.j.objectFrom(t, func(name string) error { return a.member(name, depth) })
	}
	return a.j.skipFrom(t)
}

func (a *authzReader) member(name string, depth int) error {
	f := &a.found
	switch name {
	case "UserDetailList", "AccountUsers":
		f.users = true
		return section(a, name, depth, a.h.user)
	case "GroupDetailList", "AccountGroups":
		f.groups = true
		return section(a, name, depth, a.h.group)
	case "RoleDetailList", "AccountRoles":
		f.roles = true
		return section(a, name, depth, a.h.role)
	case "Policies", "AccountPolicies":
		f.policies = true
		return section(a, name, depth, a.h.policy)
	case "CredentialReport":
		f.report = true
		return section(a, name, depth, a.h.report)
	case "IsTruncated":
		var more bool
		if err := a.j.decode(&more); err != nil {
			return err
		}
		f.truncated = more
		return nil
	case "NextToken":
		// The CLI writes it in place of IsTruncated after --max-items.
		var token *string
		if err := a.j.decode(&token); err != nil {
			return err
		}
		f.truncated = token != nil
		return nil
	}
	return a.value(depth + 1)
}

// section hands the elements of one list on. An element of the wrong shape is
// reported and the rest is read; broken JSON ends the reading.
func section[T any](a *authzReader, name string, depth int, fn func(T) error) error {
	t, err := a.j.token()
	if err != nil {
		return err
	}
	if t == json.Delim('{') {
		return a.valueFrom(t, depth+1) // a wrapper that happens to bear the name
	}
	err = a.j.arrayFrom(t, func(i int) error {
		var v T
		err := a.j.decode(&v)
		if errors.Is(err, errWrongType) {
			a.h.invalid(name, i, err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s, element %d: %w", name, i, err)
		}
		if fn == nil {
			return nil
		}
		return fn(v)
	})
	if errors.Is(err, errWrongType) {
		a.h.invalid(name, 0, err)
		return nil
	}
	return err
}

// errNoARN says that an element does not name itself.
func errNoARN(list string) error {
	return fmt.Errorf("%w: an element of %s has no Arn", retinue.ErrInvalid, list)
}

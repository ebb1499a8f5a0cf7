package azure

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/export"
)

const wanted = "want JSON of `az role assignment list --all`, `az role definition list`, `az ad sp list --all`, `az ad app list --all`, `az identity list`, `az account list`, " +
	"`az vm list` and the like, pages of Microsoft Graph, also of its reports of last sign-ins, or AzureHound's output"

func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	tenant := strings.ToLower(cfg.Option("tenant", ""))
	if tenant != "" && !isGUID(tenant) {
		return nil, fmt.Errorf("%w: source azure: option tenant=%q: want the tenant's id, such as 00000000-0000-0000-0000-000000000000", retinue.ErrInvalid, retinue.CleanName(tenant))
	}
	return &files{env: env, path: export.Target(cfg, env), tenant: tenant}, nil
}

// files reads exports.
type files struct {
	env    connector.Env
	path   string
	tenant string
}

// Close implements connector.Connector.
func (*files) Close() error { return nil }

func pages() []string { return []string{"value", "data"} }

// survey is what the first reading finds.
type survey struct {
	directory *directory
	tenants   map[string]bool
	kinds     map[kind]int
	broken    map[string]error
	unknown   []string
	homeless  int // federated credentials that do not say whose they are
}

func (f *files) look(ctx context.Context, set *export.Set) (*survey, error) {
	s := &survey{directory: &directory{kinds: map[string]string{}, roles: map[string]map[string]string{}, sps: map[string]string{}, apps: map[string]string{}},
		tenants: map[string]bool{}, kinds: map[kind]int{}, broken: map[string]error{}}
	var paging export.Paging[kind]
	for _, file := range set.Files {
		here := map[kind]bool{}
		more, err := set.Read(ctx, file, pages(), func(raw json.RawMessage) error {
			each(raw, func(e *element, k kind) {
				s.learn(e, k)
				if k != kindUnknown {
					here[k] = true
				}
			})
			return nil
		})
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			s.broken[file.Name] = err
		case len(here) == 0:
			s.unknown = append(s.unknown, file.Name)
		}
		paging.File(file.Name, here, more)
	}
	paging.Broken(s.broken)
	return s, nil
}

// each calls fn for an object, or for what AzureHound folds into one.
func each(raw json.RawMessage, fn func(*element, kind)) {
	e, k := parse(raw)
	for _, one := range unfold(e, k) {
		inner := k
		if k == kindHound {
			inner = houndKind(&one, e.Kind)
		}
		fn(&one, inner)
	}
}

func (s *survey) learn(e *element, k kind) {
	s.kinds[k]++
	d := s.directory
	id := lower(e.ID)
	switch k {
	case kindServicePrincipal:
		d.kinds[id], d.sps[lower(e.AppID)] = "service_principal", id
		for _, r := range e.AppRoles {
			if d.roles[id] == nil {
				d.roles[id] = map[string]string{}
			}
			d.roles[id][lower(r.ID)] = retinue.CleanName(r.Value)
		}
	case kindApplication:
		d.kinds[id], d.apps[lower(e.AppID)] = "application", id
	case kindGroup:
		d.kinds[id] = "group"
	case kindUser:
		d.kinds[id] = "user"
	case kindDefinition:
		if e.RoleType == "CustomRole" {
			d.kinds["role:"+guid(e.ID)] = "custom"
		}
	case kindDirectoryRole:
		if e.IsBuiltIn != nil && !*e.IsBuiltIn {
			d.kinds["directory-role:"+id] = "custom"
		}
	case kindAssignment:
		if d.kinds[lower(e.PrincipalID)] == "" {
			if hint := principalKind(e.PrincipalType); hint != "" {
				d.kinds[lower(e.PrincipalID)] = hint
			}
		}
	case kindManagedIdentity:
		d.kinds[lower(e.PrincipalID)] = "service_principal"
	case kindUnknown:
		if e.Issuer != "" && e.Subject != "" {
			s.homeless++
		}
	}
	if e.Identity != nil && isGUID(e.Identity.TenantID) {
		s.tenants[lower(e.Identity.TenantID)] = true
	}
	if isGUID(e.TenantID) {
		s.tenants[lower(e.TenantID)] = true
	}
}

func principalKind(typ string) string {
	switch typ {
	case "User":
		return "user"
	case "Group", "ForeignGroup":
		return "group"
	case "ServicePrincipal", "MSI":
		return "service_principal"
	}
	return ""
}

// realm is the tenant that the files are about.
func (f *files) realm(s *survey) (retinue.Realm, error) {
	known := len(s.kinds) - min(1, s.kinds[kindUnknown])
	switch {
	case known == 0:
		for _, name := range slices.Sorted(maps.Keys(s.broken)) {
			return "", s.broken[name]
		}
		return "", fmt.Errorf("%w: read %s: nothing is recognised: %s", retinue.ErrInvalid, retinue.CleanName(f.path), wanted)
	case f.tenant != "":
		return retinue.NewRealm("azure", f.tenant), nil
	case len(s.tenants) == 1:
		return retinue.NewRealm("azure", slices.Sorted(maps.Keys(s.tenants))[0]), nil
	case len(s.tenants) > 1:
		return "", fmt.Errorf("%w: read %s: the files name %d tenants (%s): give tenant=", retinue.ErrInvalid, retinue.CleanName(f.path), len(s.tenants), strings.Join(slices.Sorted(maps.Keys(s.tenants)), ", "))
	}
	return "", fmt.Errorf("%w: read %s: no file names the tenant: give tenant=, or add the output of `az account list`", retinue.ErrInvalid, retinue.CleanName(f.path))
}

// Check implements connector.Connector: it recognises the files.
func (f *files) Check(ctx context.Context) (connector.Access, error) {
	set, err := export.Open(f.path)
	if err != nil {
		return connector.Access{}, err
	}
	defer func() { _ = set.Close() }()
	s, err := f.look(ctx, set)
	if err != nil {
		return connector.Access{}, err
	}
	realm, err := f.realm(s)
	if err != nil {
		return connector.Access{}, err
	}
	return connector.Access{Realm: realm, Name: "Entra tenant " + realm.ID(), NotCovered: notCovered(s)}, nil
}

func notCovered(s *survey) []string {
	var out []string
	for _, c := range []struct {
		k    kind
		text string
	}{
		{kindAssignment, "role assignments: add the output of `az role assignment list --all --include-inherited` for each subscription"},
		{kindDefinition, "role definitions: add the output of `az role definition list`"},
		{kindServicePrincipal, "service principals: add the output of `az ad sp list --all`"},
		{kindApplication, "app registrations with their secrets: add the output of `az ad app list --all`"},
		{kindManagedIdentity, "user-assigned managed identities: add the output of `az identity list`"},
		{kindDirectoryAssignment, "directory roles: add Graph's roleManagement/directory/roleAssignments and roleDefinitions"},
		{kindAppRole, "application permissions: add Graph's appRoleAssignedTo of Microsoft Graph's service principal"},
		{kindDeny, "deny assignments: add Azure's Microsoft.Authorization/denyAssignments"},
		{kindGroup, "groups: add Graph's groups?$expand=members"},
		{kindManagementGroup, "management groups: add the output of `az account management-group show --expand --recurse`"},
		{kindResource, "what runs as which managed identity: add the output of `az resource list`"},
		{kindCredentialSignIn, "when each secret and certificate was last used: add Graph's beta/reports/appCredentialSignInActivities"},
		{kindPrincipalSignIn, "when each service principal last signed in: add Graph's beta/reports/servicePrincipalSignInActivities"},
	} {
		if s.kinds[c.k] == 0 && (c.k != kindGroup || s.kinds[kindMembers] == 0) {
			out = append(out, c.text)
		}
	}
	return append(out, "sign-ins themselves: import the sign-in logs")
}

// Discover implements connector.Connector.
func (f *files) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	set, err := export.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = set.Close() }()
	if req.DryRun {
		set.WouldRead(sink)
		return nil
	}
	s, err := f.look(ctx, set)
	if err != nil {
		return err
	}
	realm, err := f.realm(s)
	if err != nil {
		return err
	}
	m := &mapper{directory: s.directory, realm: realm, w: export.NewWriter(sink)}
	if err := f.state(ctx, set, s, m); err != nil {
		return err
	}
	f.notes(s, sink)
	if m.unnamed > 0 {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: m.unnamed, Text: fmt.Sprintf("%d last sign-ins do not say whose they are, or of which kind of credential: add the output of `az ad sp list --all`", m.unnamed)})
	}
	return m.w.Finish(ctx)
}

// state reads every file again and states what it holds. A file that ends in an
// error leaves the whole tenant open, as it could have spoken of anything.
func (f *files) state(ctx context.Context, set *export.Set, s *survey, m *mapper) error {
	for i, file := range set.Files {
		if m.at = file.Modified; m.at.After(f.env.Now()) {
			m.at = f.env.Now()
		}
		f.env.Progress(connector.Progress{Stage: "reading files", Done: int64(i), Total: int64(len(set.Files)), Unit: "files"})
		var stop error
		_, err := set.Read(ctx, file, pages(), func(raw json.RawMessage) error {
			each(raw, func(e *element, k kind) {
				if stop == nil {
					stop = m.element(e, k)
				}
			})
			return stop
		})
		switch {
		case stop != nil:
			return stop
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.broken[file.Name] = err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.broken)) {
		m.w.FailAll(m.realm, s.broken[name])
	}
	return nil
}

func (f *files) notes(s *survey, sink connector.Sink) {
	if n := len(s.unknown); n > 0 {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: n, Text: fmt.Sprintf("%d files hold nothing that is known, the first is %s: %s", n, retinue.CleanName(s.unknown[0]), wanted)})
	}
	if s.homeless > 0 {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: s.homeless, Text: fmt.Sprintf("%d federated credentials do not say whose they are: export applications?$expand=federatedIdentityCredentials from Graph", s.homeless)})
	}
	for _, text := range notCovered(s) {
		sink.Note(connector.Note{Kind: connector.NoteNotCovered, Text: text})
	}
}

func sorted(m map[string]json.RawMessage) []string { return slices.Sorted(maps.Keys(m)) }

package postgres

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// objectDoc is the policy document of one object: who owns it and its access
// list. ACL is null where the built-in default holds, see canonicalACL.
type objectDoc struct {
	Kind            string      `json:"kind"`
	Database        string      `json:"database,omitempty"`
	Schema          string      `json:"schema,omitempty"`
	Name            string      `json:"name"`
	Args            string      `json:"args,omitempty"`
	Owner           string      `json:"owner,omitempty"`
	ACL             []string    `json:"acl"`
	Columns         []columnDoc `json:"columns,omitempty"`
	RowSecurity     bool        `json:"rowSecurity,omitempty"`
	ForceSecurity   bool        `json:"forceRowSecurity,omitempty"`
	RowPolicies     []rowDoc    `json:"rowPolicies,omitempty"`
	SecurityInvoker bool        `json:"securityInvoker,omitempty"`
	SecurityDefiner bool        `json:"securityDefiner,omitempty"`
	Settings        []string    `json:"settings,omitempty"`
	Trusted         *bool       `json:"trusted,omitempty"`
	NoConnections   bool        `json:"noConnections,omitempty"`
	// Changes marks an access list that holds only what a dump grants beyond
	// the privileges that the object's maker gave it.
	Changes bool `json:"changesOnly,omitempty"`
	// Truncated marks a document that was too large to hold its columns and
	// row policies.
	Truncated bool `json:"truncated,omitempty"`
}

type columnDoc struct {
	Name string   `json:"name"`
	ACL  []string `json:"acl"`
}

// rowDoc is a row security policy.
type rowDoc struct {
	Name       string   `json:"name"`
	Command    string   `json:"command"`
	Permissive bool     `json:"permissive"`
	Roles      []string `json:"roles"`
	Using      string   `json:"using,omitempty"`
	Check      string   `json:"check,omitempty"`
}

// object states a resource with its document.
func (w *writer) objectFacts(scope retinue.Scope, key string, doc objectDoc, container retinue.Ref, attrs retinue.Attrs) error {
	target := w.ref(doc.Kind, key)
	name := retinue.CleanName(strings.TrimPrefix(key, quoteIdent(doc.Database)+"."))
	if doc.Database == "" {
		name = retinue.CleanName(key)
	}
	r := retinue.Resource{Ref: target, Name: name, Kind: doc.Kind, Container: container, Attrs: attrs}
	if doc.SecurityDefiner && doc.Owner != "" {
		r.RunsAs = []retinue.Ref{w.roleRef(doc.Owner)}
	}
	if err := w.emit(scope, r); err != nil {
		return err
	}
	return w.attach(scope, w.objectPolicy(doc, key, container), target, retinue.AttachResource)
}

func (w *writer) objectPolicy(doc objectDoc, key string, container retinue.Ref) retinue.Policy {
	d := document(doc)
	if len(d) > retinue.MaxDocument { // a table with a hundred thousand column grants
		doc.RowPolicies, doc.Columns, doc.Truncated = nil, nil, true
		d = document(doc)
	}
	return retinue.Policy{Ref: w.ref("acl", doc.Kind+":"+key), Name: doc.Kind + " " + retinue.CleanName(key),
		Language: retinue.LanguagePostgreSQL, Document: d, Container: container}
}

func (w *writer) databaseRef(name string) retinue.Ref { return w.ref("database", quoteIdent(name)) }

func (w *writer) database(scope retinue.Scope, d database) error {
	attrs := retinue.Attrs{"owner": retinue.CleanName(d.Owner)}
	doc := objectDoc{Kind: "database", Name: d.Name, Owner: d.Owner, ACL: canonicalACL(d.ACL, "database", d.Owner, w.version)}
	if d.Template {
		attrs["template"] = true
	}
	if d.AllowConn != nil && !*d.AllowConn {
		attrs["allow_connections"], doc.NoConnections = false, true
	}
	ref := w.databaseRef(d.Name)
	if err := w.emit(scope, retinue.Container{Ref: ref, Name: retinue.CleanName(d.Name), Kind: retinue.ContainerDatabase,
		Parent: w.serverRef(), Attrs: attrs}); err != nil {
		return err
	}
	return w.attach(scope, w.objectPolicy(doc, quoteIdent(d.Name), w.serverRef()), ref, retinue.AttachResource)
}

func (w *writer) schema(db string, n namespace) error {
	doc := objectDoc{Kind: "schema", Database: db, Name: n.Name, Owner: n.Owner, ACL: canonicalACL(n.ACL, "schema", n.Owner, w.version)}
	return w.objectFacts(w.objectScope(db, n.System), qualify(db, n.Name), doc, w.databaseRef(db), ownerAttrs(n.Owner))
}

func ownerAttrs(owner string) retinue.Attrs {
	if owner == "" {
		return nil
	}
	return retinue.Attrs{"owner": retinue.CleanName(owner)}
}

func (w *writer) relation(db string, r relation) error {
	kind := relationKind(r.Kind)
	doc := objectDoc{Kind: kind, Database: db, Schema: r.Schema, Name: r.Name, Owner: r.Owner,
		ACL: canonicalACL(r.ACL, kind, r.Owner, w.version), RowSecurity: r.RowSec, ForceSecurity: r.ForceSec,
		SecurityInvoker: r.AsInvoker}
	for _, c := range r.Columns {
		if acl := canonicalACL(c.ACL, "", "", w.version); len(acl) > 0 {
			doc.Columns = append(doc.Columns, columnDoc{retinue.CleanName(c.Name), acl})
		}
	}
	slices.SortFunc(doc.Columns, func(a, b columnDoc) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range r.Policies {
		roles := append([]string{}, p.Roles...)
		slices.Sort(roles)
		doc.RowPolicies = append(doc.RowPolicies, rowDoc{p.Name, p.Command, p.Permissive, roles, p.Using, p.Check})
	}
	slices.SortFunc(doc.RowPolicies, func(a, b rowDoc) int { return strings.Compare(a.Name, b.Name) })
	attrs := ownerAttrs(r.Owner)
	if r.RowSec {
		attrs = withAttr(attrs, "row_security", true)
	}
	return w.objectFacts(w.objectScope(db, r.System), qualify(db, r.Schema, r.Name), doc, w.databaseRef(db), attrs)
}

func withAttr(a retinue.Attrs, k string, v any) retinue.Attrs {
	if a == nil {
		a = retinue.Attrs{}
	}
	a[k] = v
	return a
}

func (w *writer) routine(db string, r routine) error {
	kind := routineKind(r.Kind)
	doc := objectDoc{Kind: kind, Database: db, Schema: r.Schema, Name: r.Name, Args: r.Args, Owner: r.Owner,
		ACL: canonicalACL(r.ACL, kind, r.Owner, w.version), SecurityDefiner: r.Definer, Settings: cleanAll(r.Settings)}
	key := qualify(db, r.Schema, r.Name) + "(" + r.Args + ")"
	attrs := ownerAttrs(r.Owner)
	if r.Definer {
		attrs = withAttr(attrs, "security_definer", true)
	}
	return w.objectFacts(w.objectScope(db, r.System), key, doc, w.databaseRef(db), attrs)
}

// object states any other object of a database, or of the server where db is
// empty.
func (w *writer) object(scope retinue.Scope, db string, o object) error {
	container := w.serverRef()
	if db != "" {
		container = w.databaseRef(db)
	}
	doc := objectDoc{Kind: o.Kind, Database: db, Schema: o.Schema, Name: o.Name, Owner: o.Owner,
		ACL: canonicalACL(o.ACL, o.Kind, o.Owner, w.version), Trusted: o.Trusted}
	return w.objectFacts(scope, qualify(db, o.Schema, o.Name), doc, container, ownerAttrs(o.Owner))
}

// defaultDoc is the policy document of default privileges: what objects of a
// kind that Role makes (in Schema, or anywhere in the database) start with. A
// list without a schema replaces the built-in default; one with a schema is
// added to it.
type defaultDoc struct {
	Kind     string   `json:"kind"` // "default_privileges"
	Database string   `json:"database"`
	Role     string   `json:"role"`
	Schema   string   `json:"schema,omitempty"`
	Objects  string   `json:"objects"`
	ACL      []string `json:"acl"`
}

func (w *writer) defaultACL(db string, d defaultACL) error {
	objects := defaultACLKind(d.Type)
	doc := defaultDoc{Kind: "default_privileges", Database: db, Role: d.Role, Schema: d.Schema, Objects: objects,
		ACL: sortedACL(d.ACL.Items)}
	target := w.databaseRef(db)
	if d.Schema != "" {
		target = w.ref("schema", qualify(db, d.Schema))
	}
	key := qualify(db, d.Schema) + ":" + quoteIdent(d.Role) + ":" + objects
	return w.attach(w.objectScope(db, false), retinue.Policy{Ref: w.ref("default_privileges", key),
		Name: "default privileges of " + retinue.CleanName(key), Language: retinue.LanguagePostgreSQL,
		Document: document(doc), Container: w.databaseRef(db)}, target, retinue.AttachResource)
}

// mapping states that a password for another server is stored in the database.
func (w *writer) mapping(db string, m userMapping) error {
	scope := w.scope("databases", db, "stored-credentials")
	key := qualify(db, m.Server, m.Role) + "#" + m.Option
	c := retinue.Credential{Ref: w.ref(m.Kind, key), Name: "option " + retinue.CleanName(m.Option) + " of " + m.Kind + " " + retinue.CleanName(qualify(m.Server, m.Role)),
		Kind: retinue.CredentialPassword, Subtype: m.Kind, State: retinue.CredentialUnknown}
	consumer := w.ref("foreign_server", qualify(db, m.Server))
	if m.Kind == "subscription" {
		consumer = w.ref("subscription", qualify(db, m.Server))
	}
	return w.emit(scope, c, retinue.Placement{Credential: c.Ref, Consumer: consumer,
		Place: retinue.Place{Kind: retinue.PlaceDatabase, Realm: w.realm, Container: w.databaseRef(db),
			Path: m.Kind + "/" + boundKey(qualify(m.Server, m.Role)), Field: retinue.CleanName(m.Option)},
		Confidence: retinue.ConfidenceCertain, Detector: "postgres"})
}

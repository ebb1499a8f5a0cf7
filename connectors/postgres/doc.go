// Package postgres reads roles, memberships and privileges of a PostgreSQL
// server: live over a read-only connection, from the SQL that pg_dumpall
// --globals-only and pg_dump --schema-only write, or from a JSON file that a
// query of this package writes ([CatalogScript]).
//
// # What is stated
//
// Nothing is computed; the access engine does that from these facts alone. A
// role is an Identity with a policy document of its attributes. A membership is
// a Membership with the options admin, inherit and set (the last two from
// version 16, which brought them) and its grantor. A database, schema, table,
// view, sequence, function, type, language, foreign data wrapper, foreign
// server, tablespace and parameter is a Resource (a database a Container) with a
// policy document in the language postgres-acl, attached to it as resource
// policy: owner, access list, columns with lists of their own, row security with
// its policies, security definer. Default privileges are documents attached to
// the schema or database where they hold.
//
// Access lists hold the server's own aclitem texts, with two liberties that
// change nothing that they say: entries are in bytewise order, and a list equal
// to the built-in default is null, as the server itself writes a list that
// nobody has changed. A dump cannot tell either apart.
//
// Objects of the system's schemas and of extensions are stated only where their
// privileges are not those that their maker gave them, in a scope of their own.
//
// # Scopes
//
// server, roles, predefined-roles (pg_…, which a dump leaves out), memberships,
// passwords, databases with a child for each database, tablespaces, parameters,
// authentication (pg_hba.conf), connections. What a dump holds in another shape
// is under "dump", what a catalog JSON without a format mark holds under
// "catalog".
//
// # Realm
//
// The realm is postgres:<system identifier>, which a standby shares with its
// primary. Dumps do not hold it: the export script writes it into the first
// lines, else the option system-identifier gives it, else a fallback is made of
// names, with a warning (see fallbackRealm).
package postgres

package postgres

// section is one list of the catalog: a query whose columns have the JSON names
// of the row types in model.go. The live path runs it row by row; the query
// that writes the catalog JSON runs the same text, so that both state the same.
type section struct {
	name string
	// since is the first major version that has what the query reads.
	since int
	// needs is a boolean expression: whether this role may read it. Empty is
	// always.
	needs string
	sql   string
}

// The sections of the whole server.
const (
	rolesSQL = `
select r.oid::int8 as oid, r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin,
       r.rolreplication, r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil,
       array(select split_part(s, '=', 1) from pg_catalog.unnest(r.rolconfig) s order by 1) as settings,
       coalesce((select pg_catalog.substr(s, 6) from pg_catalog.unnest(r.rolconfig) s where s like 'role=%' limit 1), '')
         as setting_role,
       coalesce(pg_catalog.shobj_description(r.oid, 'pg_authid'), '') as comment
  from pg_catalog.pg_roles r
 order by r.rolname collate "C"`

	// inherit_option and set_option came with version 16: to_jsonb gives null
	// for a column that is not there.
	membersSQL = `
select r.rolname as role, m.rolname as member, coalesce(g.rolname, '') as grantor, a.admin_option,
       (pg_catalog.to_jsonb(a) ->> 'inherit_option')::bool as inherit_option,
       (pg_catalog.to_jsonb(a) ->> 'set_option')::bool as set_option
  from pg_catalog.pg_auth_members a
  join pg_catalog.pg_roles r on r.oid = a.roleid
  join pg_catalog.pg_roles m on m.oid = a.member
  left join pg_catalog.pg_roles g on g.oid = a.grantor
 order by r.rolname collate "C", m.rolname collate "C", g.rolname collate "C"`

	databasesSQL = `
select d.datname, o.rolname as owner, d.datacl::text[] as acl, d.datallowconn, d.datistemplate, d.datconnlimit
  from pg_catalog.pg_database d
  left join pg_catalog.pg_roles o on o.oid = d.datdba
 order by d.datname collate "C"`

	tablespacesSQL = `
select 'tablespace' as kind, '' as schema, t.spcname as name, o.rolname as owner, t.spcacl::text[] as acl
  from pg_catalog.pg_tablespace t
  left join pg_catalog.pg_roles o on o.oid = t.spcowner
 where t.spcname !~ '^pg_' or t.spcacl is not null
 order by t.spcname collate "C"`

	parametersSQL = `
select 'parameter' as kind, '' as schema, p.parname as name, b.rolname as owner, p.paracl::text[] as acl
  from pg_catalog.pg_parameter_acl p
  left join pg_catalog.pg_roles b on b.oid = 10
 order by p.parname collate "C"`

	// The verifier itself never leaves the server.
	authidSQL = `
select a.rolname, a.rolvaliduntil,
       case when a.rolpassword like 'SCRAM-SHA-256$%' then 'scram-sha-256'
            when a.rolpassword ~ '^md5[0-9a-f]{32}$' then 'md5'
            else 'unknown' end as method,
       coalesce(pg_catalog.substring(a.rolpassword, '^SCRAM-SHA-256\$([0-9]{1,9}):')::int, 0) as iterations
  from pg_catalog.pg_authid a
 where a.rolpassword is not null
 order by a.rolname collate "C"`

	// Options whose value is secret (LDAP bind password, RADIUS secrets) are
	// reduced to their name.
	hostRulesSQL = `
select h.line_number, h.type, h.database, h.user_name, coalesce(h.address, '') as address,
       coalesce(h.netmask, '') as netmask, h.auth_method,
       array(select case when o ~* '(passw|secret)' then pg_catalog.split_part(o, '=', 1) else o end
               from pg_catalog.unnest(h.options) o) as options
  from pg_catalog.pg_hba_file_rules h
 where h.error is null
 order by h.line_number`

	// The connections of this program are left out.
	sessionsSQL = `
select a.usename, coalesce(a.datname, '') as datname, coalesce(a.application_name, '') as application_name,
       coalesce(pg_catalog.host(a.client_addr), '') as client_addr, count(*)::int as count,
       max(greatest(a.backend_start, a.state_change, a.query_start)) as last_active
  from pg_catalog.pg_stat_activity a
 where a.usename is not null and a.pid <> pg_catalog.pg_backend_pid()
   and coalesce(a.application_name, '') <> 'retinue'
   and coalesce(a.backend_type, 'client backend') in ('client backend', 'walsender')
 group by 1, 2, 3, 4
 order by a.usename collate "C", 2, 3, 4`
)

// An object that lies in a system schema or belongs to an extension is stated
// only where its privileges are not those that its maker gave it; pg_dump leaves
// it out likewise. The views of information_schema are left out altogether: they
// show what the reader's own privileges allow. Queries name the row o; the marks stand for the catalog, the
// access list and the schema's name.
const (
	systemCond = `(<schema> ~ '^pg_' or exists (select from pg_catalog.pg_depend e
      where e.classid = 'pg_catalog.<catalog>'::pg_catalog.regclass and e.objid = o.oid and e.deptype = 'e'))`
	changedCond = `(<acl>::text is distinct from (select i.initprivs::text from pg_catalog.pg_init_privs i
      where i.classoid = 'pg_catalog.<catalog>'::pg_catalog.regclass and i.objoid = o.oid and i.objsubid = 0))`
)

// The sections of one database. The marks <system> and <changed> stand for the
// conditions above.
const (
	schemasSQL = `
select * from (
select o.nspname, r.rolname as owner, o.nspacl::text[] as acl, <system> as system, <changed> as changed
  from pg_catalog.pg_namespace o
  left join pg_catalog.pg_roles r on r.oid = o.nspowner
 where o.nspname !~ '^pg_(toast|temp)' and o.nspname <> 'information_schema') q
 where changed or not system
 order by nspname collate "C"`

	relationsSQL = `
select * from (
select n.nspname as schema, o.relname, o.relkind::text as relkind, r.rolname as owner, o.relacl::text[] as acl,
       o.relrowsecurity, o.relforcerowsecurity,
       coalesce((select lower(split_part(x, '=', 2)) in ('true', 'on', 'yes', '1') from pg_catalog.unnest(o.reloptions) x
                  where x like 'security_invoker=%'), false) as security_invoker,
       (select json_agg(json_build_object('attname', a.attname, 'acl', a.attacl::text[]) order by a.attnum)
          from pg_catalog.pg_attribute a where a.attrelid = o.oid and a.attacl is not null and not a.attisdropped)
         as columns,
       (select json_agg(json_build_object('polname', p.polname, 'permissive', p.polpermissive,
                 'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                                          when 'd' then 'delete' else 'all' end,
                 'roles', case when p.polroles = '{0}' then array['public']
                               else array(select u.rolname::text from pg_catalog.pg_roles u
                                           where u.oid = any (p.polroles) order by u.rolname collate "C") end,
                 'using', coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), ''),
                 'check', coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), ''))
                 order by p.polname collate "C")
          from pg_catalog.pg_policy p where p.polrelid = o.oid) as policies,
       <system> as system, <changed> as changed
  from pg_catalog.pg_class o
  join pg_catalog.pg_namespace n on n.oid = o.relnamespace
  left join pg_catalog.pg_roles r on r.oid = o.relowner
 where o.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_(toast|temp)' and n.nspname <> 'information_schema') q
 where changed or not system`

	routinesSQL = `
select * from (
select n.nspname as schema, o.proname, pg_catalog.pg_get_function_identity_arguments(o.oid) as args,
       o.prokind::text as prokind, o.prosecdef, r.rolname as owner, o.proacl::text[] as acl,
       array(select split_part(s, '=', 1) from pg_catalog.unnest(o.proconfig) s order by 1) as settings,
       <system> as system, <changed> as changed
  from pg_catalog.pg_proc o
  join pg_catalog.pg_namespace n on n.oid = o.pronamespace
  left join pg_catalog.pg_roles r on r.oid = o.proowner
 where n.nspname <> 'information_schema'
   and not exists (select from pg_catalog.pg_depend x where x.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
                      and x.objid = o.oid and x.deptype = 'i')) q
 where changed or not system`

	typesSQL = `
select * from (
select 'type' as kind, n.nspname as schema, o.typname as name, r.rolname as owner, o.typacl::text[] as acl,
       <system> as system, <changed> as changed
  from pg_catalog.pg_type o
  join pg_catalog.pg_namespace n on n.oid = o.typnamespace
  left join pg_catalog.pg_roles r on r.oid = o.typowner
 where (o.typtype in ('d', 'e', 'r') or (o.typtype = 'b' and o.typelem = 0)
        or (o.typtype = 'c' and (select c.relkind from pg_catalog.pg_class c where c.oid = o.typrelid) = 'c'))
   and n.nspname !~ '^pg_(toast|temp)' and n.nspname <> 'information_schema') q
 where changed or not system`

	languagesSQL = `
select * from (
select 'language' as kind, '' as schema, o.lanname as name, r.rolname as owner, o.lanacl::text[] as acl,
       o.lanpltrusted as trusted, o.oid < 16384 or <system> as system, <changed> as changed
  from pg_catalog.pg_language o
  left join pg_catalog.pg_roles r on r.oid = o.lanowner) q
 where changed or not system`

	wrappersSQL = `
select * from (
select 'foreign_data_wrapper' as kind, '' as schema, o.fdwname as name, r.rolname as owner, o.fdwacl::text[] as acl,
       <system> as system, <changed> as changed
  from pg_catalog.pg_foreign_data_wrapper o
  left join pg_catalog.pg_roles r on r.oid = o.fdwowner) q
 where changed or not system`

	serversSQL = `
select * from (
select 'foreign_server' as kind, '' as schema, o.srvname as name, r.rolname as owner, o.srvacl::text[] as acl,
       <system> as system, <changed> as changed
  from pg_catalog.pg_foreign_server o
  left join pg_catalog.pg_roles r on r.oid = o.srvowner) q
 where changed or not system`

	defaultACLSQL = `
select r.rolname as role, coalesce(n.nspname, '') as schema, d.defaclobjtype::text as defaclobjtype,
       d.defaclacl::text[] as acl
  from pg_catalog.pg_default_acl d
  join pg_catalog.pg_roles r on r.oid = d.defaclrole
  left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace`

	// Passwords for other servers: only the name of what holds them is read.
	// Others' options show to a superuser only.
	mappingsSQL = `
select 'user_mapping' as kind, m.srvname as server, coalesce(r.rolname, 'public') as role,
       pg_catalog.split_part(o, '=', 1) as option
  from pg_catalog.pg_user_mappings m
  left join pg_catalog.pg_roles r on r.oid = m.umuser
 cross join pg_catalog.unnest(m.umoptions) o
 where pg_catalog.split_part(o, '=', 1) ~* '(passw|secret|token|key)'
union all
select 'subscription', s.subname, r.rolname, 'password'
  from pg_catalog.pg_subscription s
  left join pg_catalog.pg_roles r on r.oid = s.subowner
 where s.subconninfo ~* 'password' and s.subdbid = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
 order by 1, 2, 3, 4`
)

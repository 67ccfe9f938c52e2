//! Checks on PostgreSQL that the role of the connection has all privileges that Taskbridge needs.

use std::collections::BTreeSet;

use sea_orm_migration::sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult};
use taskbridge_schema::{AdditionKind, AuthTable, ColumnMap, Plan, quoted};

use crate::adopt::better_auth;
use crate::catalog;
use crate::ledger::LEDGER;
use crate::migration::{Migration, Requirement, Table};
use crate::migrations::Migrations;
use crate::users::Users;

/// Selects the role and, as `schema`, the schema in which the role creates tables. If `schema` is null, `unusable` is
/// the schema that the role would need the privilege to use; it is also null if no schema of the search path exists.
const ROLE: &str = r#"select current_user::text as role, current_schema()::text as schema,
  coalesce(has_schema_privilege(current_schema(), 'create'), false) as may_create,
  current_setting('search_path') as search_path,
  (select n.nspname::text
    from unnest(string_to_array(current_setting('search_path'), ',')) with ordinality as path(name, place)
    join pg_namespace n on n.nspname = replace(trim(both ' "' from path.name), '$user', current_user)
    order by path.place limit 1) as unusable"#;

/// Selects those of the named tables that exist, and the privileges that the role lacks on them.
///
/// A sequence requires a separate privilege if it fills a `serial` column, or if it fills an identity column and Taskbridge
/// reads the next value itself, as for the ids in Better Auth's tables.
const TABLES: &str = "select wanted.position as position, o.rolname::text as owner, o.rolsuper as is_of_superuser,
  pg_has_role(c.relowner, 'usage') as is_owner,
  (select string_agg(p, ',') from unnest(array['select', 'insert', 'update', 'delete', 'references']) p
    where not has_table_privilege(c.oid, p)) as missing,
  q.sequence_schema, q.sequence
from unnest(string_to_array($1, chr(10)), string_to_array($2, chr(10)), string_to_array($3, chr(10)))
  with ordinality as wanted(nspname, relname, id, position)
join pg_namespace n on n.nspname = coalesce(nullif(wanted.nspname, ''), current_schema())
join pg_class c on c.relnamespace = n.oid and c.relname = wanted.relname and c.relkind in ('r', 'p')
join pg_roles o on o.oid = c.relowner
left join lateral (select sn.nspname::text as sequence_schema, s.relname::text as sequence
  from pg_depend d join pg_class s on s.oid = d.objid join pg_namespace sn on sn.oid = s.relnamespace
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
    and (d.deptype = 'a' or d.deptype = 'i' and exists (
      select from pg_attribute a where a.attrelid = c.oid and a.attnum = d.refobjsubid and a.attname = wanted.id))
    and case when s.relkind = 'S' then not has_sequence_privilege(s.oid, 'usage') end limit 1) q on true
order by c.relname";

/// Selects the tables of Better Auth's plugin `twoFactor` in the schema `$1`, or in the current one if that is empty, that
/// the role must not read.
const UNREADABLE_SECOND_FACTORS: &str = "select n.nspname::text as nspname, c.relname::text as relname
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = coalesce(nullif($1, ''), current_schema()) and c.relkind in ('r', 'p')
  and lower(replace(c.relname::text, '_', '')) in ('twofactor', 'twofactors') and not has_table_privilege(c.oid, 'select')
  and exists (select from pg_attribute a where a.attrelid = c.oid and lower(replace(a.attname::text, '_', '')) = 'userid')
order by c.relname";

/// A table that Taskbridge uses.
struct Wanted {
    table: Table,
    schema: Option<String>,
    name: String,
    /// The column whose values Taskbridge reads from their sequence before it inserts a row.
    id: String,
    used: &'static [&'static str],
}

/// The privileges for a table whose rows Taskbridge reads and writes.
const ALL: &[&str] = &["select", "insert", "update", "delete"];

/// The role's privileges on an existing table.
struct Privileges {
    owner: String,
    is_of_superuser: bool,
    is_owner: bool,
    /// The privileges that the role does not have, separated by commas.
    missing: String,
    /// The schema and the name of a sequence that generates the values of a column, if the role may not use this sequence.
    sequence: Option<(String, String)>,
}

/// Checks that the role may apply the pending migrations and the plan, and may use the tables. Set `will_migrate` to
/// `false` if another role makes changes.
///
/// # Errors
/// A refusal that lists the missing privileges and the commands that grant them.
pub(crate) async fn check(
    db: &DatabaseConnection,
    migrations: &Migrations,
    pending: &[&dyn Migration],
    plan: &Plan,
    will_migrate: bool,
) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let Some(facts) = catalog::rows(db, ROLE, []).await?.into_iter().next() else { return Ok(()) };
    let role = quoted(&facts.try_get::<String>("", "role")?);
    let Some(current) = facts.try_get::<Option<String>>("", "schema")? else {
        return Err(DbErr::Migration(without_schema(&facts, &role)?));
    };
    let mut requirements = if will_migrate { better_auth::requirements(plan) } else { Vec::new() };
    for migration in pending {
        requirements.extend(migration.requirements(db, &migrations.context).await?);
    }
    let is_behind = !pending.is_empty() || !requirements.is_empty();
    // Privileges that the role lacks, each with the command that grants it.
    let mut lacks = Vec::new();
    let creates = |schema: &str| {
        let schema = quoted(schema);
        (format!("create on the schema {schema}"), format!("grant create on schema {schema} to {role}"))
    };
    if !pending.is_empty() && !facts.try_get::<bool>("", "may_create")? {
        lacks.push(creates(&current));
    }
    if will_migrate {
        for schema in schemas_of_new_tables(plan) {
            if catalog::rows(db, CANNOT_CREATE, [schema]).await?.is_empty() {
                continue;
            }
            lacks.push(creates(schema));
        }
    }
    for (wanted, privileges) in tables(db, wanted(migrations, plan, is_behind)).await? {
        let schema = quoted(wanted.schema.as_deref().unwrap_or(&current));
        let name = format!("{schema}.{}", quoted(&wanted.name));
        if requirements.contains(&Requirement::Ownership(wanted.table)) && !privileges.is_owner {
            let owner = quoted(&privileges.owner);
            // The suggested command changes the owner of the table only if that is a superuser. Programs that connect
            // as any other owner could lose their access, so the role becomes a member of that owner instead.
            let command = if privileges.is_of_superuser {
                format!("alter table {name} owner to {role}")
            } else {
                format!("grant {owner} to {role}")
            };
            lacks.push((format!("ownership of the table {name}, which belongs to {owner}"), command));
            continue;
        }
        let is_referred_to = requirements.contains(&Requirement::References(wanted.table));
        let needed = wanted.used.iter().copied().chain(is_referred_to.then_some("references"));
        let missing: Vec<_> =
            needed.filter(|needed| privileges.missing.split(',').any(|other| other == *needed)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            lacks.push((format!("{missing} on the table {name}"), format!("grant {missing} on {name} to {role}")));
        }
        if let Some((schema, sequence)) = privileges.sequence.filter(|_| wanted.used == ALL) {
            let sequence = format!("{}.{}", quoted(&schema), quoted(&sequence));
            let command = format!("grant usage on sequence {sequence} to {role}");
            lacks.push((format!("usage of the sequence {sequence}"), command));
        }
    }
    for name in unreadable_second_factors(db, migrations, plan).await? {
        lacks.push((format!("select on the table {name}"), format!("grant select on {name} to {role}")));
    }
    refuse(&role, lacks, is_behind)
}

/// Returns the tables with second factors that Taskbridge reads at each sign-in but the role must not read. It reads none
/// if the table of users says which of them have a second factor.
async fn unreadable_second_factors(
    db: &DatabaseConnection,
    migrations: &Migrations,
    plan: &Plan,
) -> Result<Vec<String>, DbErr> {
    let users = plan.map.table(AuthTable::User);
    let is_flag = |column: &ColumnMap| {
        let name = column.name.replace('_', "").to_lowercase();
        ["twofactorenabled", "istwofactorenabled"].contains(&name.as_str())
    };
    if migrations.context.users != Users::Here || users.others.iter().any(is_flag) {
        return Ok(Vec::new());
    }
    let schema = users.schema.as_deref().unwrap_or_default();
    let rows = catalog::rows(db, UNREADABLE_SECOND_FACTORS, [schema]).await?;
    let name = |row: &QueryResult| {
        let (schema, name) = (row.try_get::<String>("", "nspname")?, row.try_get::<String>("", "relname")?);
        Ok(format!("{}.{}", quoted(&schema), quoted(&name)))
    };
    rows.iter().map(name).collect()
}

/// Selects a row if the role must not create tables in the schema.
const CANNOT_CREATE: &str = "select 1 where not has_schema_privilege($1, 'create')";

/// Returns the schemas, other than the current one, in which the plan creates tables.
fn schemas_of_new_tables(plan: &Plan) -> BTreeSet<&str> {
    let new_tables = plan.additions.iter().filter(|addition| addition.kind == AdditionKind::Table);
    new_tables.filter_map(|addition| plan.map.table(addition.table).schema.as_deref()).collect()
}

/// Returns the tables that Taskbridge uses, and the privileges that it needs.
fn wanted(migrations: &Migrations, plan: &Plan, is_behind: bool) -> Vec<Wanted> {
    let ours = |name: &'static str, used| Wanted {
        table: Table::Ours(name),
        schema: None,
        name: name.to_owned(),
        id: String::new(),
        used,
    };
    let is_server = migrations.context.users == Users::Here;
    let owned = migrations.context.owned_tables.iter().map(|table| ours(table, ALL));
    let ledger = ours(LEDGER, if is_behind { &["select", "insert"] } else { &["select"] });
    let mut wanted: Vec<_> = owned.chain([ledger]).collect();
    for (table, map) in plan.map.tables() {
        let used: &[&str] = match table {
            AuthTable::Verification => &[],
            _ if is_server => ALL,
            _ => &[],
        };
        let (schema, name) = (map.schema.clone(), map.name.clone());
        let id = map.columns.get("id").map_or_else(|| "id".to_owned(), |column| column.name.clone());
        wanted.push(Wanted { table: Table::BetterAuth(table), schema, name, id, used });
    }
    wanted
}

/// Returns the text of the refusal for a role that has no schema in which it can create tables.
fn without_schema(facts: &QueryResult, role: &str) -> Result<String, DbErr> {
    if let Some(schema) = facts.try_get::<Option<String>>("", "unusable")? {
        let schema = quoted(&schema);
        return Ok(format!(
            "the role {role} lacks usage on the schema {schema}; run as an administrator: grant usage on schema {schema} to \
             {role}"
        ));
    }
    let path: String = facts.try_get("", "search_path")?;
    let first = match path.split(',').next().unwrap_or_default().trim() {
        r#""$user""# | "" => role,
        first => first,
    };
    Ok(format!(
        "no schema of the search path ({path}) exists; run as an administrator: create schema {first} authorization {role}"
    ))
}

/// Returns `true` if the role may read the table of applied migrations.
pub(crate) async fn may_read_ledger(db: &DatabaseConnection) -> Result<bool, DbErr> {
    let select = "select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relname = $1 and not has_table_privilege(c.oid, 'select')";
    Ok(db.get_database_backend() != DbBackend::Postgres || catalog::rows(db, select, [LEDGER]).await?.is_empty())
}

/// Returns an error that lists what the role lacks, or `Ok` if `lacks` is empty.
fn refuse(role: &str, lacks: Vec<(String, String)>, is_behind: bool) -> Result<(), DbErr> {
    if lacks.is_empty() {
        return Ok(());
    }
    let (found, mut commands): (Vec<_>, Vec<_>) = lacks.into_iter().unzip();
    commands.dedup();
    let (found, commands) = (found.join(", "), commands.join("; "));
    let or_migrate = if is_behind { "run taskbridge migrate up with a role that has this, or " } else { "" };
    Err(DbErr::Migration(format!("the role {role} lacks {found}; {or_migrate}run as an administrator: {commands}")))
}

/// Returns those of the tables that exist, and the role's privileges on each.
async fn tables(db: &DatabaseConnection, wanted: Vec<Wanted>) -> Result<Vec<(Wanted, Privileges)>, DbErr> {
    let schemas: Vec<_> = wanted.iter().map(|wanted| wanted.schema.as_deref().unwrap_or_default()).collect();
    let names: Vec<_> = wanted.iter().map(|wanted| wanted.name.as_str()).collect();
    let ids: Vec<_> = wanted.iter().map(|wanted| wanted.id.as_str()).collect();
    let rows = catalog::rows(db, TABLES, [&schemas.join("\n"), &names.join("\n"), &ids.join("\n")]).await?;
    let mut wanted: Vec<_> = wanted.into_iter().map(Some).collect();
    let mut found = Vec::new();
    for row in &rows {
        let position: i64 = row.try_get("", "position")?;
        let place = usize::try_from(position - 1).ok().and_then(|place| wanted.get_mut(place));
        let Some(wanted) = place.and_then(Option::take) else { continue };
        found.push((
            wanted,
            Privileges {
                owner: row.try_get("", "owner")?,
                is_of_superuser: row.try_get("", "is_of_superuser")?,
                is_owner: row.try_get("", "is_owner")?,
                missing: row.try_get::<Option<String>>("", "missing")?.unwrap_or_default(),
                sequence: sequence(row)?,
            },
        ));
    }
    Ok(found)
}

/// Returns the schema and the name of the sequence in a row of [`TABLES`].
fn sequence(row: &QueryResult) -> Result<Option<(String, String)>, DbErr> {
    let schema: Option<String> = row.try_get("", "sequence_schema")?;
    Ok(schema.zip(row.try_get("", "sequence")?))
}

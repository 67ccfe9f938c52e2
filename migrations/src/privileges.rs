//! Checks on PostgreSQL that the role of the connection has all privileges that Taskbridge needs.

use sea_orm_migration::sea_orm::{DatabaseConnection, DbBackend, DbErr, QueryResult};

use crate::catalog::{self, identifier};
use crate::ledger::LEDGER;
use crate::migration::{Migration, Requirement};
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
/// A sequence requires a separate privilege if it fills a `serial` column, but not if it fills an identity column.
const TABLES: &str = "select c.relname::text as name, o.rolname::text as owner, o.rolsuper as is_of_superuser,
  pg_has_role(c.relowner, 'usage') as is_owner,
  (select string_agg(p, ',') from unnest(array['select', 'insert', 'update', 'delete', 'references']) p
    where not has_table_privilege(c.oid, p)) as missing,
  (select s.relname::text from pg_depend d join pg_class s on s.oid = d.objid
    where d.refobjid = c.oid and d.deptype = 'a'
      and case when s.relkind = 'S' then not has_sequence_privilege(s.oid, 'usage') end limit 1) as sequence
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
where n.nspname = current_schema() and c.relkind in ('r', 'p')
  and c.relname = any (string_to_array($1, ','))
order by c.relname";

/// The table of Better Auth that Taskbridge creates but does not use.
const UNUSED: &str = "verification";

/// An existing table, and the role's privileges on it.
struct Table {
    name: String,
    owner: String,
    is_of_superuser: bool,
    is_owner: bool,
    /// The privileges that the role does not have, separated by commas.
    missing: String,
    /// The name of a sequence that generates the values of a column, if the role may not use this sequence.
    sequence: Option<String>,
}

/// Checks that the role may apply the pending migrations and may use the tables.
///
/// # Errors
/// A refusal that lists the missing privileges and the commands that grant them.
pub(crate) async fn check(
    db: &DatabaseConnection,
    migrations: &Migrations,
    pending: &[&dyn Migration],
) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let Some(facts) = catalog::rows(db, ROLE, []).await?.into_iter().next() else { return Ok(()) };
    let role = identifier(&facts.try_get::<String>("", "role")?);
    let Some(schema) = facts.try_get::<Option<String>>("", "schema")? else {
        return Err(DbErr::Migration(without_schema(&facts, &role)?));
    };
    let schema = identifier(&schema);
    let mut requirements = Vec::new();
    for migration in pending {
        requirements.extend(migration.requirements(db).await?);
    }
    // Privileges that the role lacks, each with the command that grants it.
    let mut lacks = Vec::new();
    let is_behind = !pending.is_empty();
    if is_behind && !facts.try_get::<bool>("", "may_create")? {
        lacks.push((format!("create on the schema {schema}"), format!("grant create on schema {schema} to {role}")));
    }
    for table in tables(db).await? {
        let name = table.name.as_str();
        let quoted = format!("{schema}.{}", identifier(name));
        let is_required = |found: &dyn Fn(&Requirement) -> bool| requirements.iter().any(found);
        if is_required(&|one| matches!(one, Requirement::Ownership(table) if *table == name)) && !table.is_owner {
            let owner = identifier(&table.owner);
            // The suggested command changes the owner of the table only if that is a superuser. Programs that connect
            // as any other owner could lose their access, so the role becomes a member of that owner instead.
            let command = if table.is_of_superuser {
                format!("alter table {quoted} owner to {role}")
            } else {
                format!("grant {owner} to {role}")
            };
            lacks.push((format!("ownership of the table {quoted}, which belongs to {owner}"), command));
            continue;
        }
        let is_written = name != UNUSED && migrations.tables().contains(&name);
        let used: &[&str] = match name {
            _ if is_written => &["select", "insert", "update", "delete"],
            LEDGER if is_behind => &["select", "insert"],
            LEDGER | "user" => &["select"],
            _ => &[],
        };
        let is_referred_to = is_required(&|one| matches!(one, Requirement::References(table) if *table == name));
        let needed = used.iter().copied().chain(is_referred_to.then_some("references"));
        let missing: Vec<_> = needed.filter(|needed| table.missing.split(',').any(|other| other == *needed)).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            lacks.push((format!("{missing} on the table {quoted}"), format!("grant {missing} on {quoted} to {role}")));
        }
        if let Some(sequence) = table.sequence.as_deref().filter(|_| is_written) {
            let sequence = format!("{schema}.{}", identifier(sequence));
            let command = format!("grant usage on sequence {sequence} to {role}");
            lacks.push((format!("usage of the sequence {sequence}"), command));
        }
    }
    refuse(&role, lacks, is_behind)
}

/// Returns the text of the refusal for a role that has no schema in which it can create tables.
fn without_schema(facts: &QueryResult, role: &str) -> Result<String, DbErr> {
    if let Some(schema) = facts.try_get::<Option<String>>("", "unusable")? {
        let schema = identifier(&schema);
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

async fn tables(db: &DatabaseConnection) -> Result<Vec<Table>, DbErr> {
    let names = [Migrations::of(Users::Here).tables(), vec![LEDGER]].concat().join(",");
    let read = |row: &QueryResult| {
        Ok(Table {
            name: row.try_get("", "name")?,
            owner: row.try_get("", "owner")?,
            is_of_superuser: row.try_get("", "is_of_superuser")?,
            is_owner: row.try_get("", "is_owner")?,
            missing: row.try_get::<Option<String>>("", "missing")?.unwrap_or_default(),
            sequence: row.try_get("", "sequence")?,
        })
    };
    catalog::rows(db, TABLES, [&names]).await?.iter().map(read).collect()
}

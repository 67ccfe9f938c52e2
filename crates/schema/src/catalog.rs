//! Reads which tables of a database could be Better Auth's.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

use crate::definitions::ColumnType;
use crate::found::{FoundColumn, FoundTable, FoundTables};
use crate::map::quoted;
use crate::names::{plain, snake};
use crate::overrides::Overrides;
use crate::table::AuthTable;

/// Selects the columns of each table that could be Better Auth's: it has one of the names in
/// `$1` and is in the current schema, or has one of the names in `$2`, or has a column `id` and either a column `email`
/// or two of the columns in `$3`, or a column `userId` of another table refers to it. Names are separated by line breaks.
///
/// A domain counts as its base type. Partitions are omitted, because their table stands for them.
const POSTGRES: &str = r#"
select n.nspname::text as "schema", coalesce(n.nspname = current_schema(), false) as is_current,
  n.nspname = any (current_schemas(false)) as is_in_path,
  n.nspname <> all (current_schemas(false)) and (select count(*) from pg_class l
    where l.relnamespace = n.oid and l.relname in ('seaql_migrations', 'tasks')) = 2 as is_of_another,
  c.relname::text as "table", c.relkind in ('r', 'p') as is_table, c.relkind = 'p' as is_partitioned,
  c.relkind in ('r', 'p') and row_security_active(c.oid) as hides_rows,
  has_schema_privilege(n.oid, 'usage') as is_usable,
  has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as is_readable,
  a.attname::text as name,
  case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod)
    else format_type(a.atttypid, a.atttypmod) end as data_type,
  (select l.collname::text from pg_collation l where l.oid = a.attcollation and not l.collisdeterministic) as collation,
  a.attnotnull or (t.typtype = 'd' and t.typnotnull) as is_required,
  a.atthasdef or a.attidentity <> '' or (t.typtype = 'd' and t.typdefault is not null) as has_default,
  a.attgenerated <> '' as is_computed, a.attidentity = 'a' as is_always_identity,
  exists (select from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
      and d.refobjsubid = a.attnum and d.deptype in ('a', 'i')) as has_sequence,
  (select s.oid::regclass::text from pg_attrdef v
    join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = v.oid and d.refclassid = 'pg_class'::regclass
    join pg_class s on s.oid = d.refobjid and s.relkind = 'S'
    where v.adrelid = c.oid and v.adnum = a.attnum limit 1) as sequence,
  exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
    and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) as is_unique,
  (select k.conname::text from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u') and k.condeferrable
    and k.conkey = array[a.attnum] limit 1) as "deferrable",
  exists (select from pg_index i where i.indrelid = c.oid and i.indisvalid and i.indpred is null
    and i.indkey[0] = a.attnum) as is_indexed,
  f."schema" as references_schema, f."table" as references_table
from pg_class c join pg_namespace n on n.oid = c.relnamespace
left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_type t on t.oid = a.atttypid
left join lateral (select rn.nspname::text as "schema", r.relname::text as "table"
  from pg_constraint k join pg_class r on r.oid = k.confrelid join pg_namespace rn on rn.oid = r.relnamespace
  where k.contype = 'f' and k.conrelid = c.oid and k.conkey = array[a.attnum] order by k.oid limit 1) f on true
where c.relkind not in ('i', 'I', 'S', 'c', 't') and not c.relispartition
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and (n.nspname = current_schema() and c.relname = any (string_to_array($1, chr(10)))
    or c.relname = any (string_to_array($2, chr(10)))
    or c.oid in (select k.confrelid from pg_constraint k
      join pg_attribute u on u.attrelid = k.conrelid and k.conkey = array[u.attnum]
      where k.contype = 'f' and lower(replace(u.attname::text, '_', '')) = 'userid')
    or c.relkind in ('r', 'p') and c.oid in (select names.attrelid
      from (select o.attrelid, lower(replace(o.attname::text, '_', '')) as plain from pg_attribute o
        where o.attnum > 0 and not o.attisdropped) as names
      group by names.attrelid
      having bool_or(plain = 'id') and (bool_or(plain = 'email')
        or count(*) filter (where plain = any (string_to_array($3, chr(10)))) >= 2)))
order by n.nspname, c.relname, a.attnum"#;

/// Selects the current schema, and each relation and type with one of the names in `$1`. A table has a type of its name.
const NAMES: &str = r#"
select current_schema()::text as "current", n.nspname::text as "schema", o.name::text as name
from (values (1)) as one left join (
  select relnamespace as namespace, relname as name from pg_class where relname = any (string_to_array($1, chr(10)))
  union select typnamespace, typname from pg_type where typname = any (string_to_array($1, chr(10)))
) as o on true left join pg_namespace n on n.oid = o.namespace"#;

/// Selects the columns of all tables in the main database. The columns of views are not read, because a view can refer
/// to a table that does not exist.
const SQLITE: &str = r#"
select 'main' as "schema", 1 as is_current, 1 as is_in_path, 0 as is_of_another,
  t."name" as "table", t."type" = 'table' as is_table, 0 as is_partitioned, 0 as hides_rows, 1 as is_usable, 1 as is_readable,
  c."name" as name, lower(c."type") as data_type, null as collation, c."notnull" = 1 as is_required,
  c."dflt_value" is not null or c."hidden" in (2, 3) as has_default, c."hidden" in (2, 3) as is_computed,
  0 as is_always_identity, 0 as has_sequence, null as sequence,
  (c."pk" = 1 and (select count(*) from pragma_table_xinfo(t."name") k where k."pk" > 0) = 1)
    or exists (select 1 from pragma_index_list(t."name") i where i."unique" = 1 and i."partial" = 0
      and (select group_concat(quote(k."name")) from pragma_index_info(i."name") k) = quote(c."name")) as is_unique,
  exists (select 1 from pragma_index_list(t."name") i where i."partial" = 0
    and (select k."name" from pragma_index_info(i."name") k where k."seqno" = 0) = c."name") as is_indexed,
  null as "deferrable",
  'main' as references_schema,
  (select f."table" from pragma_foreign_key_list(t."name") f where lower(f."from") = lower(c."name") limit 1)
    as references_table
from pragma_table_list t
left join pragma_table_xinfo(case when t."type" = 'table' then t."name" else '' end) c on c."hidden" <> 1
where t."schema" = 'main' and t."name" not like 'sqlite\_%' escape '\'
order by t."name", c."cid""#;

/// Reads which tables could be Better Auth's.
pub(crate) async fn read(db: &impl ConnectionTrait, overrides: &Overrides) -> Result<FoundTables, DbErr> {
    let backend = db.get_database_backend();
    let statement = if backend == DbBackend::Postgres {
        let canonical = AuthTable::ALL.map(AuthTable::name).join("\n");
        let overridden: Vec<_> = overrides.tables.values().map(|name| name.name.as_str()).collect();
        let all = AuthTable::ALL.iter().flat_map(|table| table.signature());
        let signatures: BTreeSet<_> =
            all.filter(|name| **name != "id" && **name != "userId").map(|name| plain(name)).collect();
        let signatures = signatures.into_iter().collect::<Vec<_>>().join("\n");
        let values = [canonical, overridden.join("\n"), signatures].map(Value::from);
        Statement::from_sql_and_values(backend, POSTGRES, values)
    } else {
        Statement::from_string(backend, SQLITE)
    };
    let mut tables: Vec<FoundTable> = Vec::new();
    for row in db.query_all_raw(statement).await? {
        let (schema, name): (String, String) = (row.try_get("", "schema")?, row.try_get("", "table")?);
        if tables.last().is_none_or(|last| last.schema != schema || last.name != name) {
            tables.push(table(&row, schema, name)?);
        }
        if let (Some(table), Some(column)) = (tables.last_mut(), column(&row)?) {
            table.columns.push(column);
        }
    }
    let (current_schema, taken) = if backend == DbBackend::Postgres { names(db).await? } else { Default::default() };
    Ok(FoundTables { backend, current_schema, tables, taken })
}

/// Reads the name of the current schema, and the relations and types of all schemas whose names new tables could have.
async fn names(db: &impl ConnectionTrait) -> Result<(Option<String>, BTreeSet<(String, String)>), DbErr> {
    let names: BTreeSet<_> =
        AuthTable::ALL.into_iter().flat_map(|table| [table.name().to_owned(), snake(table.name())]).collect();
    let names = Value::from(names.into_iter().collect::<Vec<_>>().join("\n"));
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, NAMES, [names]);
    let mut current = None;
    let mut taken = BTreeSet::new();
    for row in db.query_all_raw(statement).await? {
        current = row.try_get("", "current")?;
        let (schema, name): (Option<String>, Option<String>) = (row.try_get("", "schema")?, row.try_get("", "name")?);
        taken.extend(schema.zip(name));
    }
    Ok((current, taken))
}

fn table(row: &QueryResult, schema: String, name: String) -> Result<FoundTable, DbErr> {
    Ok(FoundTable {
        schema,
        is_current: flag(row, "is_current")?,
        is_in_path: flag(row, "is_in_path")?,
        is_of_another: flag(row, "is_of_another")?,
        name,
        is_table: flag(row, "is_table")?,
        is_partitioned: flag(row, "is_partitioned")?,
        hides_rows: flag(row, "hides_rows")?,
        is_usable: flag(row, "is_usable")?,
        is_readable: flag(row, "is_readable")?,
        columns: Vec::new(),
        has_rows: None,
    })
}

/// Returns the column of a row, or `None` if the table has no columns.
fn column(row: &QueryResult) -> Result<Option<FoundColumn>, DbErr> {
    let Some(name) = row.try_get::<Option<String>>("", "name")? else { return Ok(None) };
    let has_sequence = flag(row, "has_sequence")?;
    let sequence: Option<String> = row.try_get("", "sequence")?;
    let references: Option<String> = row.try_get("", "references_table")?;
    let schema: Option<String> = row.try_get("", "references_schema")?;
    Ok(Some(FoundColumn {
        name,
        data_type: row.try_get("", "data_type")?,
        collation: row.try_get("", "collation")?,
        is_required: flag(row, "is_required")?,
        has_default: flag(row, "has_default")?,
        is_computed: flag(row, "is_computed")?,
        is_always_identity: flag(row, "is_always_identity")?,
        has_sequence,
        borrowed_sequence: sequence.filter(|_| !has_sequence),
        is_unique: flag(row, "is_unique")?,
        deferrable: row.try_get("", "deferrable")?,
        is_indexed: flag(row, "is_indexed")?,
        references: references.map(|table| (schema.unwrap_or_default(), table)),
        has_duplicates: None,
        has_nulls: None,
        contains_numbers: false,
    }))
}

/// Returns the value of a column that is boolean on PostgreSQL and an integer on SQLite.
fn flag(row: &QueryResult, name: &str) -> Result<bool, DbErr> {
    row.try_get("", name).or_else(|_is_integer| Ok(row.try_get::<i64>("", name)? != 0))
}

/// Reads whether a table has rows, unless the role must not read it, or only some of its rows.
pub(crate) async fn read_rows(db: &impl ConnectionTrait, table: &mut FoundTable) -> Result<(), DbErr> {
    if table.is_table && table.is_readable && !table.hides_rows {
        table.has_rows = Some(exists(db, &format!("select 1 from {} limit 1", table.quoted())).await?);
    }
    Ok(())
}

/// Reads what the verdict about a table depends on besides its catalogue entries: whether a column that must be unique
/// contains a value twice and, on SQLite, whether a column for times contains numbers.
pub(crate) async fn read_values(
    db: &impl ConnectionTrait,
    definition: AuthTable,
    table: &mut FoundTable,
    overrides: &Overrides,
) -> Result<(), DbErr> {
    if !table.is_table || !table.is_readable {
        return Ok(());
    }
    let backend = db.get_database_backend();
    let from = table.quoted();
    for expected in definition.definitions() {
        let Some(column) = table.find(definition, expected.name, overrides) else { continue };
        let name = column.name.clone();
        let Some(column) = table.columns.iter_mut().find(|column| column.name == name) else { continue };
        let value = quoted(&column.name);
        if expected.is_unique && !column.is_unique && definition != AuthTable::RateLimit {
            let twice =
                format!("select 1 from {from} where {value} is not null group by {value} having count(*) > 1 limit 1");
            column.has_duplicates = Some(exists(db, &twice).await?);
        }
        let is_read = !matches!(definition, AuthTable::Verification | AuthTable::RateLimit);
        if is_read && expected.is_required && !column.is_required {
            let null = format!("select 1 from {from} where {value} is null limit 1");
            column.has_nulls = Some(exists(db, &null).await?);
        }
        if backend == DbBackend::Sqlite && expected.column_type == ColumnType::Time {
            let numbers = format!("select 1 from {from} where typeof({value}) in ('integer', 'real') limit 1");
            column.contains_numbers = exists(db, &numbers).await?;
        }
    }
    Ok(())
}

async fn exists(db: &impl ConnectionTrait, sql: &str) -> Result<bool, DbErr> {
    Ok(db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?.is_some())
}

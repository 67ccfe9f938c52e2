//! Inserts tasks into the table `tasks`.

use std::collections::BTreeSet;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr};
use serde::Serialize;
use taskbridge_schema::IdKind;

use super::columns::MAX_ID;
use super::row::Row;
use super::statement::{execute, json, unprivileged};
use crate::catalog;
use crate::error::refused_column;
use crate::owner_ids;

/// A task that is imported.
#[derive(Serialize)]
pub(super) struct NewTask {
    /// The id. Before [`Target::with_ids`], that of the row, if it is an integer.
    pub(super) id: Option<i64>,
    pub(super) source_id: String,
    pub(super) source_created_at: String,
    user_id: String,
    title: String,
    description: Option<String>,
    pub(super) completed: bool,
    created_at: String,
    updated_at: String,
}

impl NewTask {
    pub(super) fn new(row: Row, user_id: String) -> Self {
        let Row {
            source_id,
            source_created_at,
            number,
            owner: _,
            title,
            description,
            completed,
            created_at,
            updated_at,
        } = row;
        Self {
            id: number,
            source_id,
            source_created_at,
            user_id,
            title,
            description,
            completed,
            created_at,
            updated_at,
        }
    }
}

/// The table `tasks`.
pub(super) struct Target<'c> {
    pub(super) db: &'c DatabaseConnection,
    /// `false` if the table will only be created by the import, which is not executed.
    exists: bool,
    /// The type of the column `user_id`.
    owner_type: String,
    /// The quoted name of the sequence that generates the ids, on PostgreSQL, as part of a text.
    sequence: String,
    /// The largest id that has been used, on SQLite.
    last_id: i64,
}

/// Selects the sequence that generates the ids of the table `tasks`.
const SEQUENCE: &str = r"
select s.oid::regclass::text as name
from pg_attribute a join pg_class c on c.oid = a.attrelid
left join pg_attrdef v on v.adrelid = c.oid and v.adnum = a.attnum
join pg_class s on s.relkind = 'S' and exists (
  select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = s.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = a.attnum
  union all
  select from pg_depend d where d.classid = 'pg_attrdef'::regclass and d.objid = v.oid
    and d.refclassid = 'pg_class'::regclass and d.refobjid = s.oid)
where c.relnamespace = quote_ident(current_schema())::regnamespace and c.relname = 'tasks' and a.attname = 'id'
order by s.oid limit 1";

/// The definition of the rows in a parameter; the type of the owner is inserted.
const POSTGRES_ROWS: &str = r#"json_to_recordset($1::text::json) as r ("id" bigint, "user_id" {type}, "title" text, "description" text, "completed" boolean, "created_at" timestamptz, "updated_at" timestamptz)"#;

const SQLITE_ROWS: &str = r#"(select value ->> 'id' as "id", value ->> 'user_id' as "user_id", value ->> 'title' as "title", value ->> 'description' as "description", value ->> 'completed' as "completed", value ->> 'created_at' as "created_at", value ->> 'updated_at' as "updated_at" from json_each(?1)) as r"#;

const COLUMNS: &str = r#""id", "user_id", "title", "description", "completed", "created_at", "updated_at""#;

impl<'c> Target<'c> {
    /// Opens the table. `exists` is `false` if the import would create it.
    pub(super) async fn open(db: &'c DatabaseConnection, exists: bool) -> Result<Self, DbErr> {
        let table = if exists { catalog::table(db, "tasks").await? } else { None };
        let owner = table.as_ref().and_then(|table| table.column("user_id"));
        let mut target = Self {
            db,
            exists: table.is_some(),
            owner_type: owner.map(|column| column.data_type.clone()).unwrap_or_default(),
            sequence: String::new(),
            last_id: 0,
        };
        if !target.exists {
            return Ok(target);
        }
        if target.is_postgres() {
            let row = catalog::rows(db, SEQUENCE, []).await?.into_iter().next();
            let name: Option<String> = row.map(|row| row.try_get("", "name")).transpose()?;
            let name = name.ok_or_else(|| {
                refused_column("tasks", "id", "has no sequence, which an import needs for new ids; make it an identity")
            })?;
            target.sequence = name.replace('\'', "''");
        } else {
            target.last_id = target.last_sqlite_id().await?;
        }
        Ok(target)
    }

    fn is_postgres(&self) -> bool {
        self.db.get_database_backend() == DbBackend::Postgres
    }

    /// Returns the largest id that the table has ever had, as far as SQLite records it.
    async fn last_sqlite_id(&self) -> Result<i64, DbErr> {
        let mut sql = r#"select coalesce(max("id"), 0) as last from "tasks""#.to_owned();
        if catalog::exists(self.db, "select 1 from sqlite_master where name = 'sqlite_sequence'").await? {
            sql += r#" union all select "seq" from sqlite_sequence where "name" = 'tasks'"#;
        }
        let rows = catalog::rows(self.db, &sql, []).await?;
        let all = rows.iter().map(|row| row.try_get::<i64>("", "last")).collect::<Result<Vec<_>, _>>()?;
        Ok(all.into_iter().max().unwrap_or_default())
    }

    /// Returns the number of tasks.
    pub(super) async fn count(&self) -> Result<u64, DbErr> {
        if self.exists { catalog::count(self.db, r#"select count(*) as count from "tasks""#).await } else { Ok(0) }
    }

    /// Returns `true` if the table exists.
    pub(super) fn exists(&self) -> bool {
        self.exists
    }

    /// Returns the kind of ids that the column `user_id` can contain.
    pub(super) fn owner_ids(&self) -> IdKind {
        if self.is_postgres() { owner_ids::of_type(&self.owner_type) } else { IdKind::Text }
    }

    /// Keeps the ids up to `last` from being given to other tasks.
    ///
    /// On PostgreSQL, other sessions may insert tasks at the same time. The lock waits for those that have already got
    /// their ids, and excludes others while the sequence advances. Rolling back to the savepoint releases the lock, but
    /// does not undo `setval`.
    pub(super) async fn reserve(&mut self, last: Option<i64>) -> Result<(), DbErr> {
        let Some(last) = last.filter(|last| *last > 0) else { return Ok(()) };
        self.last_id = self.last_id.max(last);
        if !self.is_postgres() {
            return Ok(());
        }
        let sequence = &self.sequence;
        let advance = format!(
            "savepoint reserve; lock table \"tasks\" in share mode; \
             select setval('{sequence}', greatest({last}, pg_sequence_last_value('{sequence}'))); \
             rollback to savepoint reserve; release savepoint reserve"
        );
        self.db.execute_unprepared(&advance).await.map_err(|error| unprivileged("tasks", &error)).map(drop)
    }

    /// Gives each task its id: that of its row, if no other task has it, and otherwise a new one. A dry run gives no new ids.
    pub(super) async fn with_ids(&mut self, mut tasks: Vec<NewTask>, dry_run: bool) -> Result<Vec<NewTask>, DbErr> {
        let wanted: Vec<_> = tasks.iter().filter_map(|task| task.id).collect();
        let taken = self.taken(&wanted).await?;
        for task in &mut tasks {
            task.id = task.id.filter(|id| (1..=MAX_ID).contains(id) && !taken.contains(id));
        }
        if dry_run {
            return Ok(tasks);
        }
        let missing = tasks.iter().filter(|task| task.id.is_none()).count();
        let mut new = self.new_ids(missing).await?.into_iter();
        for task in &mut tasks {
            task.id = task.id.or_else(|| new.next());
        }
        Ok(tasks)
    }

    /// Returns those of the ids that tasks have.
    async fn taken(&self, ids: &[i64]) -> Result<BTreeSet<i64>, DbErr> {
        if ids.is_empty() || !self.exists {
            return Ok(BTreeSet::new());
        }
        let list = if self.is_postgres() {
            "select value::bigint from json_array_elements_text($1::text::json) as list (value)"
        } else {
            "select value from json_each(?1)"
        };
        let cast = if self.is_postgres() { "::bigint" } else { "" };
        let select = format!(r#"select "id"{cast} as id from "tasks" where "id" in ({list})"#);
        let rows = catalog::rows(self.db, &select, [&json(&ids)?]).await?;
        rows.iter().map(|row| row.try_get("", "id")).collect()
    }

    async fn new_ids(&mut self, count: usize) -> Result<Vec<i64>, DbErr> {
        if count == 0 {
            return Ok(Vec::new());
        }
        if self.is_postgres() {
            let next = format!("select nextval('{}') as id from generate_series(1, {count})", self.sequence);
            return catalog::rows(self.db, &next, []).await?.iter().map(|row| row.try_get("", "id")).collect();
        }
        let first = self.last_id + 1;
        self.last_id += i64::try_from(count).unwrap_or(i64::MAX - first);
        Ok((first..=self.last_id).collect())
    }

    /// Inserts tasks that have ids.
    pub(super) async fn insert(&self, tasks: &[NewTask]) -> Result<(), DbErr> {
        let insert = if self.is_postgres() {
            let rows = POSTGRES_ROWS.replace("{type}", &self.owner_type);
            format!(r#"insert into "tasks" ({COLUMNS}) overriding system value select {COLUMNS} from {rows}"#)
        } else {
            format!(r#"insert into "tasks" ({COLUMNS}) select {COLUMNS} from {SQLITE_ROWS}"#)
        };
        execute(self.db, &insert, [&json(&tasks)?]).await
    }
}

//! Tests of the query plans: lists and counts read the tasks of one owner only, and a list whose order an index has is
//! not sorted.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryTrait, Statement};
use taskbridge_domain::Owner;
use taskbridge_domain::tasks::{
    Cursor, PageStart, SearchText, SortDirection, SortKey, SortValue, TaskFilter, TaskId, TaskOrder, TaskQuery,
    TitlePrefix,
};
use taskbridge_domain::testing::fixtures::{moment, owner};
use taskbridge_domain::time::PreciseTimestamp;
use taskbridge_migrations::{MigrateError, Migrations, Users};
use taskbridge_schema::IdKind;

use super::statements::count;
use crate::database::entities::task::Entity;
use crate::database::owned::{Dialect, list};
use crate::database::{Store, StoreConfig};

const BY_CREATION: &str = "tasks_user_id_created_at_id_idx";
const BY_TITLE: &str = "tasks_user_id_title_id_idx";

/// A statement, its description, and the index that has the order of its result, if there is one.
struct Case {
    name: String,
    statement: Statement,
    in_order_of: Option<&'static str>,
}

fn dialect(backend: DbBackend) -> Dialect {
    Dialect { backend, user_ids: IdKind::Text }
}

impl Case {
    fn count(backend: DbBackend, owner: &Owner, filter: &TaskFilter) -> Self {
        Self {
            name: format!("count of {filter:?}"),
            statement: count(dialect(backend), owner, filter),
            in_order_of: None,
        }
    }

    fn list(backend: DbBackend, owner: &Owner, query: &TaskQuery) -> Self {
        let in_order_of = match query.order().key {
            SortKey::CreatedAt => Some(BY_CREATION),
            SortKey::Title if query.filter.search.is_none() => Some(BY_TITLE),
            SortKey::Title | SortKey::UpdatedAt => None,
        };
        Self {
            name: format!("{query:?}"),
            statement: list::<Entity>(dialect(backend), owner, query).build(backend),
            in_order_of,
        }
    }
}

/// Returns a count and all kinds of lists for each kind of filter.
fn cases(backend: DbBackend, owner: &Owner) -> Vec<Case> {
    let mut cases = Vec::new();
    for search in [None, Some(SearchText::parse("nowhere").unwrap())] {
        for completed in [None, Some(true)] {
            let filter = TaskFilter { completed, search: search.clone(), ..TaskFilter::default() };
            cases.push(Case::count(backend, owner, &filter));
            let queries = starts().map(|start| TaskQuery { filter: filter.clone(), start, ..TaskQuery::default() });
            cases.extend(queries.map(|query| Case::list(backend, owner, &query)));
        }
    }
    assert_eq!(cases.len(), 4 * (1 + 12));
    cases
}

/// Returns the start of a list, and a cursor, for every order.
fn starts() -> impl Iterator<Item = PageStart> {
    let time = PreciseTimestamp::new(moment().datetime());
    let values = [SortValue::CreatedAt(time), SortValue::UpdatedAt(time), SortValue::Title(TitlePrefix::of("Task 8"))];
    values.into_iter().flat_map(|value| {
        [SortDirection::Ascending, SortDirection::Descending].into_iter().flat_map(move |direction| {
            let order = TaskOrder { key: value.key(), direction };
            let cursor = Cursor { value: value.clone(), id: TaskId::new(5), direction };
            [PageStart::Offset(order, 0), PageStart::After(cursor)]
        })
    })
}

async fn open(url: &str) -> Store {
    let timeout = Duration::from_mins(1);
    let config = StoreConfig {
        url: url.parse().unwrap(),
        max_connections: 1,
        acquire_timeout: timeout,
        connect_timeout: timeout,
        statement_timeout: timeout,
        share_connections: true,
        start_timeout: timeout,
    };
    Store::open(&config).await.unwrap()
}

/// Opens a new database and applies the migrations.
async fn migrated(url: &str) -> DatabaseConnection {
    let store = open(url).await;
    let connection = store.dedicated().await.unwrap();
    let connect = || async { Ok::<_, MigrateError>(store.dedicated().await.unwrap()) };
    Migrations::of(Users::Elsewhere).up(&connection, connect).await.unwrap();
    connection
}

async fn execute(connection: &DatabaseConnection, sql: &str) {
    connection.execute_unprepared(sql).await.unwrap();
}

/// Executes an `explain`, and returns the plan, which is in this column of the result.
async fn plan(connection: &DatabaseConnection, explain: Statement, column: &str) -> String {
    let rows = connection.query_all_raw(explain).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.try_get("", column).unwrap()).collect();
    lines.join("\n")
}

/// The plans do not depend on the number of tasks.
#[tokio::test]
async fn sqlite_reads_the_tasks_of_one_owner() {
    let (connection, alice) = (migrated("sqlite::memory:").await, owner("alice").await);
    let fill = r#"
        with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 1000)
        insert into "tasks" ("user_id", "title", "completed", "created_at", "updated_at")
        select case when n % 10 = 0 then 'alice' else 'user' || n % 91 end, 'Task ' || n, n % 3 = 0,
          '2026-11-21T01:45:03.000Z', '2026-11-21T01:45:03.000Z'
        from numbers"#;
    execute(&connection, fill).await;
    for statistics in ["", "analyze"] {
        execute(&connection, statistics).await;
        for Case { name, mut statement, in_order_of } in cases(DbBackend::Sqlite, &alice) {
            statement.sql = format!("explain query plan {}", statement.sql);
            let plan = plan(&connection, statement, "detail").await;
            // Without an order, the index by creation is best, because it has nearly the order of the table.
            let index = format!("INDEX {}", in_order_of.unwrap_or(BY_CREATION));
            assert!(plan.starts_with("SEARCH tasks USING ") && plan.contains(&index), "{name}: {plan}");
            assert!(plan.contains("(user_id=?"), "{name}: {plan}");
            let is_sorted = plan.contains("USE TEMP B-TREE FOR ORDER BY");
            assert_eq!(is_sorted, in_order_of.is_none() && !name.starts_with("count"), "{name}: {plan}");
        }
    }
}

mod on_postgres {
    use super::*;

    /// An id of the length that Better Auth's have. Longer ids make larger indices.
    const OWNER: &str = "alice678901234567890123456789012";

    /// Creates a database on the PostgreSQL server for tests, with 200,000 tasks, of which every tenth is the owner's.
    async fn database() -> DatabaseConnection {
        #[expect(clippy::disallowed_methods, reason = "where the server of the tests is")]
        let server = std::env::var("TASKBRIDGE_TEST_POSTGRES").expect("set TASKBRIDGE_TEST_POSTGRES, or run make test");
        let name = format!("plans_{}", std::process::id());
        let admin = open(&format!("{server}/postgres")).await.dedicated().await.unwrap();
        execute(&admin, &format!("create database {name}")).await;
        let connection = migrated(&format!("{server}/{name}")).await;
        execute(&connection, r#"alter table "tasks" set (autovacuum_enabled = off)"#).await;
        let fill = format!(
            r#"
            insert into "tasks" ("user_id", "title", "completed", "created_at", "updated_at")
            select case when n % 10 = 0 then '{OWNER}' else md5((n % 1801)::text) end, 'Task ' || md5(n::text),
              n % 3 = 0, now() + n * interval '1 s', now() + n * interval '1 s'
            from generate_series(1, 200000) n"#
        );
        execute(&connection, &fill).await;
        // In a large table, the cost of starting parallel workers is small compared with that of reading the table.
        execute(&connection, "set parallel_setup_cost = 0").await;
        connection
    }

    /// Returns the plan for a prepared statement, in the mode that the session has.
    async fn plan_of(connection: &DatabaseConnection, statement: Statement) -> String {
        execute(connection, &format!("prepare task_statement as {}", statement.sql)).await;
        let values = statement.values.unwrap().0;
        let parameters: Vec<_> = (1..=values.len()).map(|number| format!("${number}")).collect();
        let explain = format!("explain (costs off) execute task_statement ({})", parameters.join(", "));
        // `execute` accepts no parameters, so the values are written into its text.
        let explain = Statement::from_sql_and_values(DbBackend::Postgres, explain, values).to_string();
        let plan = plan(connection, Statement::from_string(DbBackend::Postgres, explain), "QUERY PLAN").await;
        execute(connection, "deallocate task_statement").await;
        plan
    }

    /// This holds before and after the first `vacuum`, and for the plans that PostgreSQL makes for given values as well
    /// as for the generic ones, one of which it may choose for a statement that stays prepared.
    #[tokio::test]
    async fn postgres_reads_the_tasks_of_one_owner() {
        let (connection, owner) = (database().await, owner(OWNER).await);
        for statistics in ["analyze", "vacuum analyze"] {
            execute(&connection, statistics).await;
            for mode in ["force_custom_plan", "force_generic_plan"] {
                execute(&connection, &format!("set plan_cache_mode = {mode}")).await;
                for Case { name, statement, in_order_of } in cases(DbBackend::Postgres, &owner) {
                    let plan = plan_of(&connection, statement).await;
                    let context = format!("{name}, {mode} after {statistics}:\n{plan}");
                    let conditions: Vec<_> = plan.lines().filter(|line| line.contains("Index Cond: ")).collect();
                    assert!(!conditions.is_empty() && !plan.contains("Seq Scan"), "{context}");
                    assert!(conditions.iter().all(|condition| condition.contains("(user_id = ")), "{context}");
                    match in_order_of {
                        Some(index) => {
                            assert!(plan.contains(&format!("using {index} ")), "{context}");
                            assert!(!plan.contains("Sort"), "{context}");
                        }
                        None => assert!(!plan.contains(BY_TITLE), "{context}"),
                    }
                }
            }
        }
    }
}

//! Tables of other backends under other names than `tasks` are named, with the command that imports them.

use std::time::Duration;

use sea_orm_migration::sea_orm::ConnectionTrait;
use taskbridge_migrations::{Migrations, TaskImport, Users};
use taskbridge_schema::QualifiedName;
use tokio::time::timeout;

use crate::databases::{Database, open, test_on};

test_on!(
    [Sqlite, Postgres],
    [tables_with_tasks_are_named, other_tables_are_not_named, a_table_that_has_been_imported_is_not_named]
);

mod privileges {
    use super::*;

    test_on!([Postgres], [a_table_that_cannot_be_read_is_left_out, a_locked_table_is_not_waited_for]);

    async fn a_table_that_cannot_be_read_is_left_out(database: Database) {
        create(&database, "todo", "title text, done boolean", true).await;
        let role = database.text("select 'reader_' || current_database()").await;
        database.run(&format!("create role {role}; grant {role} to current_user; set role {role}")).await;
        assert_eq!(notices(&database, Users::Elsewhere).await, [""; 0]);
        database.run(&format!("reset role; grant select on todo to {role}; set role {role}")).await;
        assert_eq!(notices(&database, Users::Elsewhere).await.len(), 1);
        database.run(&format!("reset role; drop owned by {role}; drop role {role}")).await;
    }

    async fn a_locked_table_is_not_waited_for(database: Database) {
        create(&database, "todo", "title text, done boolean", true).await;
        let other = open(&database.url).await;
        other.execute_unprepared("begin; lock table todo in access exclusive mode").await.unwrap();
        let found = timeout(Duration::from_secs(20), notices(&database, Users::Elsewhere)).await.unwrap();
        assert_eq!(found, [""; 0]);
        other.execute_unprepared("rollback").await.unwrap();
        assert_eq!(notices(&database, Users::Elsewhere).await.len(), 1);
    }
}

async fn create(database: &Database, name: &str, columns: &str, has_row: bool) {
    let id = database.row_id();
    database.run(&format!("create table \"{name}\" (id {id} primary key, {columns})")).await;
    if has_row {
        let first = columns.split(' ').next().unwrap();
        database.run(&format!("insert into \"{name}\" ({first}) values ('x')")).await;
    }
}

async fn notices(database: &Database, users: Users) -> Vec<String> {
    let plan = Migrations::of(users).plan(&database.connection).await.unwrap();
    plan.notices.iter().map(ToString::to_string).collect()
}

async fn tables_with_tasks_are_named(mut database: Database) {
    for (name, columns) in [
        ("task", "title varchar(200) not null, is_completed boolean, user_id varchar(40)"),
        ("todo", "title text, owner_id integer"),
        ("todos", "text text, done boolean"),
        ("todo_items", "name text, status text"),
        ("Task", "title text, \"userId\" text"),
        ("TodoItem", "title text, \"isDone\" boolean"),
        ("tasks_old", "title text, completed boolean"),
    ] {
        create(&database, name, columns, true).await;
        let expected = [format!(
            "the table \"{name}\" seems to contain tasks of another backend, which no user sees; to import them, run: \
             taskbridge tasks import --from {name}"
        )];
        for users in [Users::Here, Users::Elsewhere] {
            assert_eq!(notices(&database, users).await, expected);
        }
        let report = database.adopt(Users::Here).await.unwrap();
        assert_eq!(report.notices.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        let readiness = Migrations::of(Users::Here).check(&database.connection, true).await.unwrap();
        assert_eq!(readiness.plan.notices.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        database = database.cleared().await;
    }
}

async fn other_tables_are_not_named(database: Database) {
    create(&database, "todo", "title text, done boolean", false).await;
    create(&database, "task", "kind text, done boolean", true).await;
    create(&database, "todos", "title text, color text", true).await;
    create(&database, "task_queue", "title text, done boolean", true).await;
    create(&database, "tasks", "title text, user_id text", true).await;
    database.run("create view \"todo_item\" as select title, true as done from tasks").await;
    assert_eq!(notices(&database, Users::Here).await, [""; 0]);
}

async fn a_table_that_has_been_imported_is_not_named(database: Database) {
    create(&database, "todo", "title text, done boolean", true).await;
    create(&database, "task", "title text, done boolean", true).await;
    let import = |name: &str| TaskImport {
        from: QualifiedName { schema: None, name: name.to_owned() },
        map: Vec::new(),
        done: Vec::new(),
        open: Vec::new(),
        users_from: None,
        accept_unverified: false,
        owner: Some("ann".to_owned()),
        dry_run: false,
    };
    let migrations = Migrations::of(Users::Elsewhere);
    import("todo").run(&migrations, &database.connection, None, None, &mut |_, _| {}).await.unwrap();
    let found = notices(&database, Users::Elsewhere).await;
    assert!(found.len() == 1 && found[0].starts_with("the table \"task\" "), "{found:?}");
    import("task").run(&migrations, &database.connection, None, None, &mut |_, _| {}).await.unwrap();
    assert_eq!(notices(&database, Users::Elsewhere).await, [""; 0]);
}

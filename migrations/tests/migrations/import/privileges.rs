//! Imports with roles that have few privileges.

use taskbridge_migrations::Users;

use super::{TASK, import_of, run};
use crate::databases::{Database, test_on};

test_on!([Postgres], [the_role_must_be_that_of_the_migrations]);

async fn the_role_must_be_that_of_the_migrations(database: Database) {
    let role = format!("server_{}", std::process::id());
    database.run(&format!("create role {role} login")).await;
    let url = database.url.replacen("postgres@", &format!("{role}@"), 1);
    let target = database.session(&url).await;
    let source = database.another().await;
    source.run(TASK).await;
    let line = run(&target, Some(&source), Users::Elsewhere, &import_of("task")).await.unwrap_err().to_string();
    assert!(line.contains("grant create on schema"), "{line}");
    database.up(Users::Elsewhere).await.unwrap();
    database.run(&format!("grant select, insert, update, delete on tasks, seaql_migrations to {role}")).await;
    let line = run(&target, Some(&source), Users::Elsewhere, &import_of("task")).await.unwrap_err().to_string();
    assert!(line.ends_with("run the import as the role that applies the migrations"), "{line}");
    assert!(!line.contains('\n'), "{line}");
    assert_eq!(database.text("select count(*)::text from tasks").await, "0");
    database.run(&format!("drop owned by {role}; drop role {role}")).await;
}

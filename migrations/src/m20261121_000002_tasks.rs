//! The tasks, each of a user.

use sea_orm_migration::prelude::*;

/// `autoincrement` keeps the id of a deleted task from being given again. The index holds exactly the order of
/// the owner's list.
const SQLITE_UP: &str = r#"
create table "tasks" ("id" integer not null primary key autoincrement, "user_id" text not null references "user" ("id") on delete cascade, "title" text not null, "description" text, "completed" integer not null, "created_at" date not null, "updated_at" date not null);
create index "tasks_user_id_created_at_id_idx" on "tasks" ("user_id", "created_at" desc, "id" desc);
"#;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(SQLITE_UP).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(r#"drop table "tasks""#).await.map(drop)
    }
}

//! sea-orm as in its manual, with a shared pool of four connections: find, change, save.

use anyhow::Result;
use chrono::Utc;
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, ConnectOptions, Database, QueryOrder};

use crate::store::{NewTask, Store};

mod task {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    #[sea_orm::model]
    #[derive(Clone, Debug, DeriveEntityModel, Serialize)]
    #[sea_orm(table_name = "tasks")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub user_id: String,
        pub title: String,
        pub description: Option<String>,
        pub completed: bool,
        pub created_at: DateTimeUtc,
        pub updated_at: DateTimeUtc,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub async fn connect(url: String) -> Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(4).min_connections(4).sqlx_logging(false).test_before_acquire(false);
    Ok(Database::connect(options).await?)
}

impl Store for DatabaseConnection {
    async fn list(&self, user: &str) -> Result<Vec<u8>> {
        let tasks = task::Entity::find()
            .filter(task::Column::UserId.eq(user))
            .order_by_desc(task::Column::CreatedAt)
            .order_by_desc(task::Column::Id);
        Ok(serde_json::to_vec(&tasks.all(self).await?)?)
    }

    async fn get(&self, user: &str, id: i64) -> Result<Option<Vec<u8>>> {
        find(self, user, id).await?.map(|task| json(&task)).transpose()
    }

    async fn create(&self, user: &str, new: NewTask) -> Result<Option<Vec<u8>>> {
        let now = Utc::now();
        let task = task::ActiveModel {
            user_id: Set(user.to_owned()),
            title: Set(new.title),
            description: Set(new.description),
            completed: Set(false),
            created_at: Set(now),
            updated_at: Set(now),
            ..Default::default()
        };
        Ok(Some(json(&task.insert(self).await?)?))
    }

    async fn complete(&self, user: &str, id: i64) -> Result<Option<Vec<u8>>> {
        let Some(task) = find(self, user, id).await? else { return Ok(None) };
        let completed = !task.completed;
        let mut task: task::ActiveModel = task.into();
        task.completed = Set(completed);
        task.updated_at = Set(Utc::now());
        Ok(Some(json(&task.update(self).await?)?))
    }
}

async fn find(db: &DatabaseConnection, user: &str, id: i64) -> Result<Option<task::Model>> {
    Ok(task::Entity::find_by_id(id).filter(task::Column::UserId.eq(user)).one(db).await?)
}

fn json(task: &task::Model) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(task)?)
}

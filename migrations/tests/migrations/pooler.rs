//! Through a pooler in transaction mode.

use sea_orm_migration::sea_orm::ConnectionTrait;
use taskbridge_migrations::{Users, assign_tasks, down, status};

use crate::databases::{STEPS, open_pooled, pooled};

/// Whatever others have prepared on the connections to the server, and under whichever name.
#[tokio::test]
async fn everything_works_and_no_statement_is_left_behind() {
    let database = pooled().await;
    let prepare: Vec<_> = (1..40).map(|number| format!("prepare sqlx_s_{number} as select 1")).collect();
    let prepare = prepare.join(";");
    let other = open_pooled(&database.url).await;
    let connection = &database.connection;
    for _ in 0..3 {
        other.execute_unprepared(&prepare).await.unwrap();
        assert_eq!(database.up(Users::Here).await.unwrap().applied, STEPS);
        // The pooler gives the connection that was used last.
        other.execute_unprepared(&prepare).await.unwrap();
        assert!(status(connection, Users::Here).await.unwrap().iter().all(|step| step.applied));
        other.execute_unprepared(&prepare).await.unwrap();
        assert_eq!(assign_tasks(connection, "nobody").await.unwrap_err().to_string().matches("nobody").count(), 1);
        other.execute_unprepared(&prepare).await.unwrap();
        assert_eq!(down(connection, Users::Here, 2).await.unwrap(), [STEPS[1], STEPS[0]]);
    }
}

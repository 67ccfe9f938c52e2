//! Migrations through a pooler in transaction mode.

use sea_orm_migration::sea_orm::ConnectionTrait;
use taskbridge_migrations::{Migrations, Users};

use crate::databases::{Database, open, test_on};

test_on!([Pgbouncer], [prepared_statements_of_other_clients_do_not_interfere]);

/// Migrations succeed even if another client of the pooler has prepared statements with the names that the driver would
/// use.
async fn prepared_statements_of_other_clients_do_not_interfere(database: Database) {
    let prepare: Vec<_> = (0..40).map(|number| format!("prepare s{number} as select 1")).collect();
    let prepare = format!("deallocate all; {}", prepare.join(";"));
    let other = open(&database.url).await;
    let connection = &database.connection;
    let migrations = Migrations::of(Users::Here);
    for _ in 0..3 {
        other.execute_unprepared(&prepare).await.unwrap();
        assert_eq!(database.up(Users::Here).await.unwrap().applied, migrations.names());
        // The pooler reuses the connection that was used last, so the next call uses the one with these statements.
        other.execute_unprepared(&prepare).await.unwrap();
        assert!(migrations.status(connection).await.unwrap().iter().all(|step| step.applied));
        other.execute_unprepared(&prepare).await.unwrap();
        assert_eq!(
            Migrations::of(Users::Here)
                .assign_tasks(connection, "nobody", None)
                .await
                .unwrap_err()
                .to_string()
                .matches("nobody")
                .count(),
            1
        );
        other.execute_unprepared(&prepare).await.unwrap();
        let reverted = migrations.names().into_iter().rev().collect::<Vec<_>>();
        assert_eq!(migrations.down(connection, u32::MAX).await.unwrap(), reverted);
    }
}

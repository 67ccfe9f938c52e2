//! The table in which sea-orm's migrator records the applied migrations.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr, Statement};

use crate::users::Users;
use crate::{catalog, privileges};

/// Returns the names of the applied migrations, in order.
pub(crate) async fn applied(db: &impl ConnectionTrait, users: Users) -> Result<Vec<String>, DbErr> {
    if catalog::table(db, "seaql_migrations").await?.is_none() {
        return Ok(Vec::new());
    }
    if !privileges::may_read_ledger(db).await? {
        // This check returns an error that lists all missing privileges, whereas the query below would fail with an
        // error that names only this table.
        privileges::check(db, users, &[]).await?;
    }
    let select = r#"select "version" from "seaql_migrations" order by "version""#;
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), select)).await?;
    rows.iter().map(|row| row.try_get("", "version")).collect()
}

//! Deletes rows in batches, so that other writers do not wait long.

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use taskbridge_domain::ports::StoreError;

use crate::database::Store;
use crate::database::error::store_error;

/// Maximum number of rows that one statement deletes.
const BATCH: u64 = 1000;

/// Deletes the rows that match the condition, and returns their number.
pub(super) async fn delete_in_batches<E: EntityTrait>(
    store: &Store,
    id: E::Column,
    condition: Expr,
) -> Result<u64, StoreError> {
    let batch = Query::select().column(id).from(E::default()).and_where(condition).limit(BATCH).to_owned();
    let mut deleted = 0;
    loop {
        let delete = E::delete_many().filter(id.in_subquery(batch.clone()));
        let rows = delete.exec(&store.pool).await.map_err(store_error)?.rows_affected;
        deleted += rows;
        if rows < BATCH {
            return Ok(deleted);
        }
    }
}

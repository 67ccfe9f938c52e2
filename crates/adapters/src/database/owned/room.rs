//! Checks whether an owner may have another row.

use std::num::NonZeroU32;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use taskbridge_domain::Owner;

use super::dialect::Dialect;
use super::entity::OwnedEntity;
use super::statements;
use crate::database::connection_pool::Transaction;

/// The first key of the advisory locks on owners: the letters `task`. The second key is a hash of the owner.
const LOCK: i32 = i32::from_be_bytes(*b"task");

/// Returns `true` if `owner` has fewer than `max` rows. Until the transaction ends, no other transaction that calls
/// this function for the same owner continues.
///
/// A condition in the `insert` would not suffice: on PostgreSQL, a statement does not see the rows that concurrent
/// transactions insert. On SQLite, a transaction already excludes all others that write.
pub(super) async fn has_room<E: OwnedEntity>(
    transaction: &Transaction,
    dialect: Dialect,
    owner: &Owner,
    max: NonZeroU32,
) -> Result<bool, DbErr> {
    let backend = dialect.backend;
    if backend == DbBackend::Postgres {
        let lock = "select pg_advisory_xact_lock($1, hashtext($2))";
        let values = [LOCK.into(), owner.id().as_str().into()];
        transaction.execute_raw(Statement::from_sql_and_values(backend, lock, values)).await?;
    }
    // A statement that begins after the lock was acquired sees what its previous holder has committed.
    let last_allowed = transaction.query_one_raw(statements::nth::<E>(dialect, owner, max)).await?;
    Ok(last_allowed.is_none())
}

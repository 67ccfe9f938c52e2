//! Rate limits that all replicas share.

use std::borrow::Cow;
use std::error::Error;

use async_trait::async_trait;
use base16ct::lower;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use sha2::{Digest, Sha256};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{RateLimiter, StoreError};
use taskbridge_domain::rate_limit::{Decision, RateLimit, RateLimitState, WindowStart};
use taskbridge_schema::{AuthTable, IdKind};

use super::batches::delete_in_batches;
use crate::database::Store;
use crate::database::entities::rate_limit::{ActiveModel, Column, Entity, Model};
use crate::database::error::store_error;

/// Counts requests in Better Auth's table `rateLimit`, which is shared by all replicas of Taskbridge, and by Better
/// Auth if it uses the same database.
pub struct SeaRateLimiter(pub Store);

impl SeaRateLimiter {
    /// Maximum length of a stored key, in bytes. A longer key is replaced by its SHA-256 digest, because an index of
    /// PostgreSQL accepts at most 2,704 bytes.
    const MAX_KEY: usize = 255;

    /// Counts a request in the row of a key. Returns `None` if there is no row.
    async fn hit_existing(&self, key: &str, counting: &Counting) -> Result<Option<Decision>, StoreError> {
        let update = Entity::update_many()
            .filter(Column::Key.eq(key))
            .filter(counting.is_allowed.clone())
            .col_expr(Column::Count, counting.count.clone())
            .col_expr(Column::LastRequest, counting.last_request.clone());
        if update.exec(&self.0.pool).await.map_err(store_error)?.rows_affected > 0 {
            return Ok(Some(Decision::Allowed));
        }
        let state = self.state(key).await?;
        Ok(state.is_some().then(|| counting.refusal(state)))
    }

    /// Returns how many requests are counted for a stored key, and when their window began; `None` if there are none.
    async fn state(&self, key: &str) -> Result<Option<RateLimitState>, StoreError> {
        let row = Entity::find().filter(Column::Key.eq(key)).one(&self.0.pool).await.map_err(store_error)?;
        let state = |row: Model| {
            let window_start = Timestamp::from_unix_millis(row.last_request)?;
            Some(RateLimitState { count: row.count.try_into().unwrap_or(0), window_start })
        };
        Ok(row.and_then(state))
    }
}

/// The effect of a request on the row that counts the requests of its key.
struct Counting {
    limit: RateLimit,
    now: Timestamp,
    /// The condition that the limit allows the request.
    is_allowed: Expr,
    /// The new value of `count`.
    count: Expr,
    /// The new value of `lastRequest`.
    last_request: Expr,
}

impl Counting {
    fn new(limit: RateLimit, now: Timestamp) -> Self {
        let window = i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX);
        // For a limit whose window begins with its first request, this column keeps the time of that request.
        let began = Expr::col((Entity, Column::LastRequest));
        let ended = began.clone().lte(now.unix_millis().saturating_sub(window));
        let is_over = ended.or(began.clone().gt(now.unix_millis().saturating_add(window)));
        let last_request = match limit.begins {
            WindowStart::FirstRequest => Expr::case(is_over.clone(), now.unix_millis()).finally(began).into(),
            WindowStart::LastRequest => Expr::val(now.unix_millis()),
        };
        let counted = Expr::col((Entity, Column::Count));
        let count = Expr::case(is_over.clone(), 1).finally(counted.clone().add(1)).into();
        Self { limit, now, is_allowed: is_over.or(counted.lt(i64::from(limit.max))), count, last_request }
    }

    /// Returns the decision on a request that was not counted, given the requests that are counted.
    fn refusal(&self, state: Option<RateLimitState>) -> Decision {
        match self.limit.decide(state, self.now) {
            Decision::Allowed => Decision::Refused { retry_after_seconds: 1 },
            refused @ Decision::Refused { .. } => refused,
        }
    }
}

#[async_trait]
impl RateLimiter for SeaRateLimiter {
    /// Checks the limit and counts the request in one statement, so that concurrent requests are all counted. The
    /// statement writes only if the request is allowed.
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError> {
        let key = stored(key);
        let counting = Counting::new(limit, now);
        let id = match self.0.pool.id_kind(AuthTable::RateLimit) {
            IdKind::Text | IdKind::Uuid => {
                let [id] = self.0.new_ids([AuthTable::RateLimit]).await?;
                Set(id)
            }
            // An insertion takes an integer from the sequence even if the key exists. Integers would run out after two
            // billion requests, so an existing row is updated.
            IdKind::Integer { .. } => {
                if let Some(decision) = self.hit_existing(&key, &counting).await? {
                    return Ok(decision);
                }
                NotSet
            }
        };
        let row = ActiveModel { id, key: Set(key.to_string()), count: Set(1), last_request: Set(now.unix_millis()) };
        let on_conflict = OnConflict::column(Column::Key)
            .value(Column::Count, counting.count.clone())
            .value(Column::LastRequest, counting.last_request.clone())
            .action_and_where(counting.is_allowed.clone())
            .to_owned();
        let written = Entity::insert(row)
            .on_conflict(on_conflict)
            .exec_without_returning(&self.0.pool)
            .await
            .map_err(store_error)?;
        if written > 0 {
            return Ok(Decision::Allowed);
        }
        // If the state has changed after the statement, the request might be allowed now. The statement has not counted
        // the request, so it is refused nevertheless, and the client can retry after a second.
        Ok(counting.refusal(self.state(&key).await?))
    }

    async fn undo_hit(&self, key: &str) {
        let statement = Entity::update_many()
            .col_expr(Column::Count, Expr::col(Column::Count).sub(1))
            .filter(Column::Key.eq(&*stored(key)))
            .filter(Column::Count.gt(0));
        if let Err(error) = statement.exec(&self.0.pool).await {
            tracing::warn!(error = &error as &dyn Error, "cannot uncount a request in the table rateLimit");
        }
    }

    async fn delete_before(&self, before: Timestamp) -> Result<(), StoreError> {
        let condition = Column::LastRequest.lt(before.unix_millis());
        delete_in_batches::<Entity>(&self.0, Column::Id, condition).await.map(drop)
    }
}

/// Returns the key as it is stored: unchanged or, if it is too long, as its SHA-256 digest.
fn stored(key: &str) -> Cow<'_, str> {
    if key.len() <= SeaRateLimiter::MAX_KEY {
        return key.into();
    }
    format!("sha256|{}", lower::encode_string(&Sha256::digest(key))).into()
}

//! Rate limits that all replicas share.

use std::borrow::Cow;
use std::error::Error;

use async_trait::async_trait;
use base16ct::lower;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use sha2::{Digest, Sha256};
use taskbridge_domain::Timestamp;
use taskbridge_domain::ports::{IdGenerator, RateLimiter, StoreError};
use taskbridge_domain::rate_limit::{Decision, RateLimit, RateLimitState, WindowStart};

use super::batches::delete_in_batches;
use crate::database::Store;
use crate::database::entities::rate_limit::{Column, Entity, Model};
use crate::database::error::store_error;
use crate::ids::SecureIds;

/// Counts requests in Better Auth's table `rateLimit`, which is shared by all replicas of Taskbridge, and by Better
/// Auth if it uses the same database.
pub struct SeaRateLimiter(pub Store);

impl SeaRateLimiter {
    /// Maximum length of a stored key, in bytes. A longer key is replaced by its SHA-256 digest, because an index of
    /// PostgreSQL accepts at most 2,704 bytes.
    const MAX_KEY: usize = 255;

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

#[async_trait]
impl RateLimiter for SeaRateLimiter {
    /// Checks the limit and counts the request in one statement, so that concurrent requests are all counted. The
    /// statement writes only if the request is allowed.
    async fn hit(&self, key: &str, limit: RateLimit, now: Timestamp) -> Result<Decision, StoreError> {
        let key = stored(key);
        let id = SecureIds.generate().into_string();
        let row = Model { id, key: key.to_string(), count: 1, last_request: now.unix_millis() };
        let window = i64::try_from(limit.window.as_millis()).unwrap_or(i64::MAX);
        // For a limit whose window begins with its first request, this column keeps the time of that request.
        let began = Expr::col((Entity, Column::LastRequest));
        let ended = began.clone().lte(now.unix_millis().saturating_sub(window));
        let is_over = ended.or(began.clone().gt(now.unix_millis().saturating_add(window)));
        let begins = match limit.begins {
            WindowStart::FirstRequest => Expr::case(is_over.clone(), now.unix_millis()).finally(began).into(),
            WindowStart::LastRequest => Expr::val(now.unix_millis()),
        };
        let counted = Expr::col((Entity, Column::Count));
        let max = i64::from(limit.max);
        let on_conflict = OnConflict::column(Column::Key)
            .value(Column::Count, Expr::case(is_over.clone(), 1).finally(counted.clone().add(1)))
            .value(Column::LastRequest, begins)
            .action_and_where(is_over.or(counted.lt(max)))
            .to_owned();
        let written = Entity::insert(row.into_active_model())
            .on_conflict(on_conflict)
            .exec_without_returning(&self.0.pool)
            .await
            .map_err(store_error)?;
        if written > 0 {
            return Ok(Decision::Allowed);
        }
        // If the state has changed after the statement, the request might be allowed now. The statement has not counted
        // the request, so it is refused nevertheless, and the client can retry after a second.
        match limit.decide(self.state(&key).await?, now) {
            Decision::Allowed => Ok(Decision::Refused { retry_after_seconds: 1 }),
            refused @ Decision::Refused { .. } => Ok(refused),
        }
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

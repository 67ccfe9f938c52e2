//! The repository of a table whose rows belong to users.

use std::marker::PhantomData;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, IdenStatic, UpdateMany};
use taskbridge_domain::owned::{Id, ListQuery, OwnedResource, Page, PageOf, PageSize};
use taskbridge_domain::ports::{CreateError, OwnedRepo, StoreError};
use taskbridge_domain::{Owner, Timestamp};
use thiserror::Error;

use super::dialect::Dialect;
use super::entity::OwnedEntity;
use super::room::has_room;
use super::statements;
use crate::database::Store;
use crate::database::connection_pool::{Transaction, TransactionBody};
use crate::database::error::{Inconsistency, Violation, store_error, violation};

/// An error from opening the repository of a table that is not among the tables whose rows belong to users. The rows of a
/// deleted user would remain in it.
#[derive(Debug, Error)]
#[error("the table {0} is not among the tables whose rows belong to users")]
pub struct UnknownTable(&'static str);

/// Stores the resources of users in the table of the entity `E`.
pub struct SeaOwnedRepo<E> {
    pub(in crate::database) store: Store,
    requires_known_owners: bool,
    max_per_owner: Option<NonZeroU32>,
    entity: PhantomData<fn() -> E>,
}

impl<E: OwnedEntity> SeaOwnedRepo<E> {
    /// Returns a repository on this store. It does not require that the owners are in the same database.
    ///
    /// # Errors
    /// [`UnknownTable`] if the table is not one of [`SchemaMap::owned_tables`](taskbridge_schema::SchemaMap::owned_tables).
    pub fn of_table(store: Store) -> Result<Self, UnknownTable> {
        let table = E::default().table_name();
        if !store.map().owned_tables().contains(&table) {
            return Err(UnknownTable(table));
        }
        Ok(Self::on(store))
    }

    /// Returns a repository on a store whose map has the table.
    pub(in crate::database) fn on(store: Store) -> Self {
        Self { store, requires_known_owners: false, max_per_owner: None, entity: PhantomData }
    }

    /// Returns the repository with an additional check: a new row is rejected if its owner is not in the table `user`. On
    /// PostgreSQL, a foreign key always ensures this, but on SQLite an adopted table may lack the foreign key.
    #[must_use]
    pub fn requiring_known_owners(self) -> Self {
        Self { requires_known_owners: true, ..self }
    }

    /// Returns the repository with a maximum number of rows for each owner. 0 means no limit.
    #[must_use]
    pub fn with_max_per_owner(self, max: u32) -> Self {
        Self { max_per_owner: NonZeroU32::new(max), ..self }
    }

    pub(in crate::database) fn dialect(&self) -> Dialect {
        Dialect { backend: self.store.pool.get_database_backend(), user_ids: self.store.pool.owner_kind() }
    }

    /// Inserts a row, if its owner has fewer rows than the maximum.
    async fn insert(&self, row: E::ActiveModel, owner: &Owner) -> Result<Insertion, DbErr> {
        let Some(max) = self.max_per_owner else { return self.insert_on(&self.store.pool, row, owner).await };
        let body = InsertIfRoom { repo: self, row, owner, max, outcome: Mutex::new(Insertion::NoRoom) };
        self.store.pool.transaction(&body).await?;
        Ok(body.outcome.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    async fn insert_on(
        &self,
        connection: &impl ConnectionTrait,
        row: E::ActiveModel,
        owner: &Owner,
    ) -> Result<Insertion, DbErr> {
        if !self.store.pool.owner_kind().accepts(owner.id().as_str()) {
            return Ok(Insertion::UnknownOwner);
        }
        if connection.get_database_backend() == DbBackend::Sqlite && self.requires_known_owners {
            let inserted = connection.query_one(&statements::insert_if_known::<E>(&row, owner)).await?;
            let id = inserted.map(|row| row.try_get("", E::ID.as_str())).transpose()?;
            return Ok(id.map_or(Insertion::UnknownOwner, Insertion::Done));
        }
        Ok(Insertion::Done(E::insert(row).exec(connection).await?.last_insert_id))
    }

    /// Returns the resource in a row.
    ///
    /// # Errors
    /// [`Inconsistency`] if the row belongs to another user. Every query filters by owner, but a database may treat
    /// different ids as equal, for example because of a collation.
    fn resource(row: E::Model, owner: &Owner) -> Result<E::Resource, Inconsistency> {
        if E::owner(&row).0 != owner.id().as_str() {
            return Err(Inconsistency { table: E::default().table_name(), column: E::OWNER.as_str() });
        }
        Ok(E::resource(row, owner.id().clone()))
    }

    /// Executes an update of one row and returns the changed resource, or `None` if the owner has no such resource.
    pub(in crate::database) async fn change(
        &self,
        owner: &Owner,
        update: UpdateMany<E>,
    ) -> Result<Option<E::Resource>, StoreError> {
        let changed = update.exec_with_returning(&self.store.pool).await.map_err(store_error)?;
        Ok(changed.into_iter().next().map(|row| Self::resource(row, owner)).transpose()?)
    }
}

/// The result of an insertion.
#[derive(Debug, Clone, Copy)]
enum Insertion {
    /// The row was inserted with this id.
    Done(i64),
    /// The owner is not in the table `user`, or has an id that cannot be there.
    UnknownOwner,
    /// The owner has the maximum number of rows.
    NoRoom,
}

/// The insertion of a row, if its owner has fewer than `max` rows.
struct InsertIfRoom<'a, E: OwnedEntity> {
    repo: &'a SeaOwnedRepo<E>,
    row: E::ActiveModel,
    owner: &'a Owner,
    max: NonZeroU32,
    outcome: Mutex<Insertion>,
}

#[async_trait]
impl<E: OwnedEntity> TransactionBody for InsertIfRoom<'_, E> {
    async fn run(&self, transaction: &Transaction) -> Result<bool, DbErr> {
        let Self { repo, row, owner, max, outcome } = self;
        let inserted = if has_room::<E>(transaction, repo.dialect(), owner, *max).await? {
            repo.insert_on(transaction, row.clone(), owner).await?
        } else {
            Insertion::NoRoom
        };
        *outcome.lock().unwrap_or_else(PoisonError::into_inner) = inserted;
        Ok(matches!(inserted, Insertion::Done(_)))
    }
}

#[async_trait]
impl<E: OwnedEntity> OwnedRepo<E::Resource> for SeaOwnedRepo<E> {
    async fn list(
        &self,
        owner: &Owner,
        query: &<E::Resource as OwnedResource>::Query,
    ) -> Result<PageOf<E::Resource>, StoreError> {
        let limit = query.limit();
        let is_short = query.reads_only_its_page() && limit.count() <= PageSize::default().count();
        let rows = statements::list::<E>(self.dialect(), owner, query);
        let mut rows = E::read(&self.store, rows, is_short).await.map_err(store_error)?;
        let has_more = rows.len() > usize::from(limit.count());
        rows.truncate(limit.count().into());
        let next = rows.last().filter(|_| has_more).map(|last| E::cursor(last, query));
        let items = rows.into_iter().map(|row| Self::resource(row, owner)).collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    async fn find(&self, owner: &Owner, id: Id<E::Resource>) -> Result<Option<E::Resource>, StoreError> {
        let rows = E::read(&self.store, statements::find(self.dialect(), owner, id), true).await;
        let row = rows.map_err(store_error)?.into_iter().next();
        Ok(row.map(|row| Self::resource(row, owner)).transpose()?)
    }

    async fn create(
        &self,
        owner: &Owner,
        new: <E::Resource as OwnedResource>::New,
        now: Timestamp,
    ) -> Result<E::Resource, CreateError> {
        let inserted = self.insert(E::new_row(owner, &new, now), owner).await;
        let inserted = inserted.map_err(|error| match violation(&error) {
            Some(Violation::ForeignKey) => CreateError::UnknownOwner,
            _ => CreateError::Store(store_error(error)),
        })?;
        match inserted {
            Insertion::Done(id) => Ok(E::Resource::create(Id::new(id), owner.id().clone(), new, now)),
            Insertion::UnknownOwner => Err(CreateError::UnknownOwner),
            Insertion::NoRoom => Err(CreateError::LimitReached(E::Resource::NAME)),
        }
    }

    async fn update(
        &self,
        owner: &Owner,
        id: Id<E::Resource>,
        patch: <E::Resource as OwnedResource>::Patch,
        now: Timestamp,
    ) -> Result<Option<E::Resource>, StoreError> {
        let update = statements::update::<E>(self.dialect(), owner, id, now);
        let changes = E::changes(&patch).into_iter();
        let update = changes.fold(update, |update, (column, value)| update.col_expr(column, value));
        self.change(owner, update).await
    }

    async fn delete(&self, owner: &Owner, id: Id<E::Resource>) -> Result<bool, StoreError> {
        let deleted = statements::delete::<E>(self.dialect(), owner, id).exec(&self.store.pool).await;
        Ok(deleted.map_err(store_error)?.rows_affected > 0)
    }
}

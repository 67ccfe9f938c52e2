//! Better Auth's table `jwks`.

use sea_orm::entity::prelude::*;
use taskbridge_domain::Timestamp;

use super::column_types::Time;
use crate::jwt::{StoredKey, StoredPrivateKey};

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "better_auth.jwks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_name = "jwks.id", select_as = "text")]
    pub(crate) id: String,
    #[sea_orm(column_name = "jwks.publicKey", select_as = "text")]
    pub(crate) public_key: String,
    #[sea_orm(column_name = "jwks.privateKey", select_as = "text")]
    pub(crate) private_key: String,
    #[sea_orm(column_name = "jwks.createdAt")]
    pub(crate) created_at: Time,
    #[sea_orm(column_name = "jwks.expiresAt")]
    pub(crate) expires_at: Option<Time>,
    #[sea_orm(column_name = "jwks.alg", select_as = "text")]
    pub(crate) alg: Option<String>,
    #[sea_orm(column_name = "jwks.crv", select_as = "text")]
    pub(crate) crv: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

super::debug_shows_the_id!();

impl From<Model> for StoredKey {
    fn from(row: Model) -> Self {
        let Model { id, public_key, private_key, created_at, expires_at, alg, crv } = row;
        Self {
            id,
            public: public_key,
            private: StoredPrivateKey::new(private_key),
            algorithm: alg,
            curve: crv,
            created_at: Timestamp::new(created_at.0),
            expires_at: expires_at.map(|time| Timestamp::new(time.0)),
        }
    }
}

impl From<&StoredKey> for Model {
    fn from(key: &StoredKey) -> Self {
        let StoredKey { id, public, private, algorithm, curve, created_at, expires_at } = key;
        Self {
            id: id.clone(),
            public_key: public.clone(),
            private_key: private.expose().to_owned(),
            created_at: Time(created_at.datetime()),
            expires_at: expires_at.map(|time| Time(time.datetime())),
            alg: algorithm.clone(),
            crv: curve.clone(),
        }
    }
}

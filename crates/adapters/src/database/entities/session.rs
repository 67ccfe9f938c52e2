//! Better Auth's table `session`.

use sea_orm::entity::prelude::*;
use taskbridge_domain::sessions::{ClientInfo, Session, SessionToken};
use taskbridge_domain::{Timestamp, UserId};

use super::column_types::Time;
use crate::database::error::Inconsistency;

#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "better_auth.session")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_name = "session.id", select_as = "text")]
    pub(crate) id: String,
    #[sea_orm(column_name = "session.token", select_as = "text")]
    pub(crate) token: String,
    #[sea_orm(column_name = "session.userId", select_as = "text")]
    pub(crate) user_id: String,
    #[sea_orm(column_name = "session.expiresAt")]
    pub(crate) expires_at: Time,
    #[sea_orm(column_name = "session.createdAt")]
    pub(crate) created_at: Time,
    #[sea_orm(column_name = "session.updatedAt")]
    pub(crate) updated_at: Time,
    #[sea_orm(column_name = "session.ipAddress", select_as = "text")]
    pub(crate) ip_address: Option<String>,
    #[sea_orm(column_name = "session.userAgent", select_as = "text")]
    pub(crate) user_agent: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(belongs_to = "super::user::Entity", from = "Column::UserId", to = "super::user::Column::Id")]
    User,
}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

super::debug_shows_the_id!();

impl TryFrom<Model> for Session {
    type Error = Inconsistency;

    fn try_from(row: Model) -> Result<Self, Inconsistency> {
        let Model { id, token, user_id, expires_at, created_at, updated_at, ip_address, user_agent } = row;
        Ok(Self {
            id,
            token: SessionToken::new(token),
            user_id: UserId::parse(user_id).ok_or(Inconsistency { table: "session", column: "userId" })?,
            expires_at: Timestamp::new(expires_at.0),
            created_at: Timestamp::new(created_at.0),
            updated_at: Timestamp::new(updated_at.0),
            client: ClientInfo {
                ip_address: ip_address.unwrap_or_default(),
                user_agent: user_agent.unwrap_or_default(),
            },
        })
    }
}

impl From<&Session> for Model {
    fn from(session: &Session) -> Self {
        let Session { id, token, user_id, expires_at, created_at, updated_at, client } = session;
        let ClientInfo { ip_address, user_agent } = client;
        Self {
            id: id.clone(),
            token: token.expose().to_owned(),
            user_id: user_id.to_string(),
            expires_at: Time(expires_at.datetime()),
            created_at: Time(created_at.datetime()),
            updated_at: Time(updated_at.datetime()),
            ip_address: Some(ip_address.clone()),
            user_agent: Some(user_agent.clone()),
        }
    }
}

//! Bodies of responses below `/api/auth`.

use serde::Serialize;
use taskbridge_domain::sessions::Session;
use taskbridge_domain::users::User;
use utoipa::ToSchema;

/// A user, as in Better Auth.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(super) struct UserResponse {
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
    email: String,
    email_verified: bool,
    /// The URL of a picture.
    #[schema(required = true)]
    image: Option<String>,
    /// A time in UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    created_at: String,
    /// A time in UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    updated_at: String,
    #[schema(example = "swX896FuLmuQcLSw5BH08q03oNhXmkex")]
    id: String,
}

impl From<&User> for UserResponse {
    fn from(user: &User) -> Self {
        let User { id, name, email, email_verified, image, created_at, updated_at, restrictions: _ } = user;
        Self {
            name: name.as_str().to_owned(),
            email: email.as_str().to_owned(),
            email_verified: *email_verified,
            image: image.as_ref().map(|image| image.as_str().to_owned()),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            id: id.to_string(),
        }
    }
}

/// A session, as in Better Auth.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub(super) struct SessionResponse<'a> {
    /// A time in UTC.
    #[schema(format = DateTime, example = "2026-11-28T03:46:30.168Z")]
    expires_at: String,
    /// The session token. It authenticates the user, so it must be kept secret.
    token: &'a str,
    /// A time in UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    created_at: String,
    /// A time in UTC.
    #[schema(format = DateTime, example = "2026-11-21T03:46:30.168Z")]
    updated_at: String,
    /// The IP address of the client, or an empty string if it is unknown.
    ip_address: &'a str,
    /// The header `User-Agent` of the client, or an empty string if the client sent none.
    user_agent: &'a str,
    user_id: &'a str,
    id: &'a str,
}

impl<'a> From<&'a Session> for SessionResponse<'a> {
    fn from(session: &'a Session) -> Self {
        let Session { id, token, user_id, expires_at, created_at, updated_at, client } = session;
        Self {
            expires_at: expires_at.to_string(),
            token: token.expose(),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            ip_address: &client.ip_address,
            user_agent: &client.user_agent,
            user_id: user_id.as_str(),
            id,
        }
    }
}

/// The response to a successful request that returns no data.
#[derive(Serialize, ToSchema)]
#[schema(as = Done)]
pub(super) struct StatusResponse {
    /// Always `true`.
    status: bool,
}

impl StatusResponse {
    pub(super) const TRUE: Self = Self { status: true };
}

// A sign-up that opens a session returns this struct, too, with neither `redirect` nor `url`. The OpenAPI document
// describes that response as `SignedUp`, which has the same fields.
/// The response to a sign-in. If the request has a `callbackURL`, `redirect` is `true` and `url` is present.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedIn)]
pub(super) struct SignedInResponse<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub(super) redirect: Option<bool>,
    /// The session token.
    pub(super) token: &'a str,
    /// The `callbackURL` of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    pub(super) url: Option<&'a str>,
    pub(super) user: UserResponse,
}

/// The response to a sign-up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedUp)]
pub(super) struct SignedUpResponse<'a> {
    /// The session token, or `null` if the user must verify their email address before they can sign in.
    #[schema(required = true)]
    pub(super) token: Option<&'a str>,
    pub(super) user: UserResponse,
}

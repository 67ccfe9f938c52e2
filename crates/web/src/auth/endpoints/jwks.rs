//! `GET /api/auth/jwks`: the keys of tokens, as a JSON Web Key Set (RFC 7517).

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use taskbridge_domain::ports::PublicKey;
use taskbridge_domain::services::SessionService;
use utoipa::ToSchema;

use crate::auth::error::AuthApiError;
use crate::auth::responses::AuthErrors;

#[derive(Serialize, ToSchema)]
#[schema(as = KeySet)]
struct KeySetResponse {
    keys: Vec<JsonWebKey>,
}

/// A public key.
#[derive(Serialize, ToSchema)]
struct JsonWebKey {
    /// The one algorithm it is for.
    #[schema(example = "EdDSA")]
    alg: String,
    /// `kty`, `crv`, `x`, `y`, `n`, `e`: those that a key of its kind has.
    #[serde(flatten)]
    members: BTreeMap<String, String>,
    kid: String,
}

impl From<PublicKey> for JsonWebKey {
    fn from(PublicKey { id, algorithm, members }: PublicKey) -> Self {
        Self { alg: algorithm, members: members.into_iter().collect(), kid: id }
    }
}

/// The public keys of the tokens.
///
/// **Access:** everybody. 200 with all keys that may still verify one; the first is made when it is asked for. 404 without
/// a body where tokens are signed with the secret and there are no others.
#[utoipa::path(
    get, path = "/jwks", operation_id = "get_keys", tag = "auth",
    responses(
        (status = 200, description = "The keys.", body = KeySetResponse),
        (status = 404, description = "There are none."),
        AuthErrors
    )
)]
pub(crate) async fn jwks(sessions: Data<SessionService>) -> Result<HttpResponse, AuthApiError> {
    let keys: Vec<_> = sessions.public_keys().await?.into_iter().map(JsonWebKey::from).collect();
    if keys.is_empty() {
        return Ok(HttpResponse::NotFound().finish());
    }
    Ok(HttpResponse::Ok().json(KeySetResponse { keys }))
}

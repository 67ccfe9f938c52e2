//! `GET /api/auth/jwks`: the JSON Web Key Set (RFC 7517).

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use taskbridge_domain::ports::PublicKey;
use taskbridge_domain::services::SessionService;
use utoipa::ToSchema;

use crate::auth::error::AuthApiError;
use crate::auth::responses::CommonErrors;

#[derive(Serialize, ToSchema)]
#[schema(as = KeySet)]
struct KeySetResponse {
    keys: Vec<JsonWebKey>,
}

/// A public key that verifies access tokens.
#[derive(Serialize, ToSchema)]
struct JsonWebKey {
    /// The signature algorithm of the key.
    #[schema(example = "EdDSA")]
    alg: String,
    /// The key type `kty`, and the members of a key of this type: some of `crv`, `x`, `y`, `n` and `e`.
    #[serde(flatten)]
    members: BTreeMap<String, String>,
    kid: String,
}

impl From<PublicKey> for JsonWebKey {
    fn from(PublicKey { id, algorithm, members }: PublicKey) -> Self {
        Self { alg: algorithm, members: members.into_iter().collect(), kid: id }
    }
}

/// Get the key set.
///
/// **Access:** anyone. Returns the public keys that verify access tokens. If access tokens are signed with the shared
/// secret (HS256), there are none, and the response is a 404 without a body.
#[utoipa::path(
    get, path = "/jwks", operation_id = "get_keys", tag = "auth",
    responses(
        (status = 200, description = "The public keys.", body = KeySetResponse),
        (status = 404, description = "There are no public keys."),
        CommonErrors
    )
)]
pub(crate) async fn jwks(sessions: Data<SessionService>) -> Result<HttpResponse, AuthApiError> {
    let keys: Vec<_> = sessions.public_keys().await?.into_iter().map(JsonWebKey::from).collect();
    if keys.is_empty() {
        return Ok(HttpResponse::NotFound().finish());
    }
    Ok(HttpResponse::Ok().json(KeySetResponse { keys }))
}

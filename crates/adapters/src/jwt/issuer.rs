//! Issues access tokens. Used only if Taskbridge itself is the auth server, in place of Better Auth.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use taskbridge_domain::ports::{Clock, PublicKey, SigningError, TokenIssuer};
use taskbridge_domain::sessions::Jwt;
use taskbridge_domain::users::{User, UserImage};

use super::sources::stored_keys::StoredKeys;

/// The claims of the tokens of a [`JwtIssuer`] that do not depend on the user.
#[derive(Debug, Clone)]
pub struct JwtIssuerConfig {
    /// The claim `iss` of each token.
    pub issuer: String,
    /// The claim `aud` of each token.
    pub audience: String,
    /// Time for which a token is valid, from `iat` to `exp`, in whole seconds.
    pub lifetime: Duration,
}

/// Issues tokens with the claims of Better Auth's JWT plugin. Signs with a key pair if the configuration of the keys
/// names an algorithm, and otherwise by HS256 with the current shared secret. Publishes the keys in the table `jwks` in
/// both cases, because Better Auth may use the same database and sign with them.
pub struct JwtIssuer {
    keys: Arc<StoredKeys>,
    config: JwtIssuerConfig,
    clock: Arc<dyn Clock>,
}

impl JwtIssuer {
    /// Creates an issuer that signs with a key pair in `keys` or with the shared secret, depending on the configuration
    /// of `keys`.
    #[must_use]
    pub fn new(keys: Arc<StoredKeys>, config: JwtIssuerConfig, clock: Arc<dyn Clock>) -> Self {
        Self { keys, config, clock }
    }
}

/// The payload of a token, in Better Auth's order: `iat`, the public fields of the user, then the other registered
/// claims.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    iat: i64,
    name: &'a str,
    email: &'a str,
    email_verified: bool,
    image: Option<&'a str>,
    created_at: String,
    updated_at: String,
    id: &'a str,
    sub: &'a str,
    exp: i64,
    iss: &'a str,
    aud: &'a str,
}

#[async_trait]
impl TokenIssuer for JwtIssuer {
    async fn issue(&self, user: &User) -> Result<Jwt, SigningError> {
        let User { id, name, email, email_verified, image, created_at, updated_at, restrictions: _ } = user;
        let now = self.clock.now();
        let payload = Payload {
            iat: now.unix_seconds(),
            name: name.as_str(),
            email: email.as_str(),
            email_verified: *email_verified,
            // A long image is left out. Another program may have stored one so long that the verifier would reject the
            // token as too long.
            image: image.as_ref().and_then(UserImage::if_short),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            id: id.as_str(),
            sub: id.as_str(),
            exp: now.after(self.config.lifetime).unix_seconds(),
            iss: &self.config.issuer,
            aud: &self.config.audience,
        };
        let table = self.keys.table();
        let signed = if table.config.algorithm.is_none() {
            let key = EncodingKey::from_secret(table.secrets.current().expose());
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &payload, &key)
        } else {
            let signing_key = self.keys.signing_key().await?;
            // The header is made equal to Better Auth's, which has `alg` and `kid`, but no `typ`.
            let mut header = Header::new(signing_key.algorithm.jws());
            header.typ = None;
            header.kid = Some(signing_key.id.clone());
            jsonwebtoken::encode(&header, &payload, &signing_key.key)
        };
        signed.map(Jwt::new).map_err(|error| SigningError::NoKey(error.into()))
    }

    async fn public_keys(&self) -> Result<Vec<PublicKey>, SigningError> {
        self.keys.public_keys().await
    }
}

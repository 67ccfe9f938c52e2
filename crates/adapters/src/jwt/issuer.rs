//! Issues access tokens, if Taskbridge is the auth server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use taskbridge_domain::ports::{Clock, PublicKey, SigningError, TokenIssuer};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::sessions::Jwt;
use taskbridge_domain::users::{User, UserImage};

use super::sources::stored_keys::StoredKeys;

/// The claims of a [`JwtIssuer`] that do not depend on the user.
#[derive(Debug, Clone)]
pub struct JwtIssuerConfig {
    /// The `iss` claim.
    pub issuer: String,
    /// The `aud` claim.
    pub audience: String,
    /// Time from `iat` to `exp`, in whole seconds.
    pub lifetime: Duration,
}

/// The key that signs tokens.
pub enum TokenSigner {
    /// HS256 with the secret shared with Better Auth.
    SharedSecret {
        /// The secret.
        secret: SharedSecret,
        /// The key pairs of a Better Auth on the same database. Taskbridge publishes them, but does not sign with them.
        published: Option<Arc<StoredKeys>>,
    },
    /// A key pair, whose public half is published.
    KeyPair(Arc<StoredKeys>),
}

/// Signs tokens with the claims of Better Auth's JWT plugin.
pub struct JwtIssuer {
    signer: TokenSigner,
    config: JwtIssuerConfig,
    clock: Arc<dyn Clock>,
}

impl JwtIssuer {
    /// Creates an issuer that signs with `signer`.
    #[must_use]
    pub fn new(signer: TokenSigner, config: JwtIssuerConfig, clock: Arc<dyn Clock>) -> Self {
        Self { signer, config, clock }
    }
}

/// The payload, in Better Auth's order: `iat`, the public fields of the user, the registered claims.
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
            // Another program may have stored an image that is so long that the token would exceed the verifier's
            // maximum length.
            image: image.as_ref().and_then(UserImage::if_short),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            id: id.as_str(),
            sub: id.as_str(),
            exp: now.after(self.config.lifetime).unix_seconds(),
            iss: &self.config.issuer,
            aud: &self.config.audience,
        };
        let signed = match &self.signer {
            TokenSigner::SharedSecret { secret, published: _ } => {
                let key = EncodingKey::from_secret(secret.expose());
                jsonwebtoken::encode(&Header::new(Algorithm::HS256), &payload, &key)
            }
            TokenSigner::KeyPair(keys) => {
                let signing_key = keys.signing_key().await?;
                // Better Auth's header has `alg` and `kid`, and no `typ`.
                let mut header = Header::new(signing_key.algorithm.jws());
                header.typ = None;
                header.kid = Some(signing_key.id.clone());
                jsonwebtoken::encode(&header, &payload, &signing_key.key)
            }
        };
        signed.map(Jwt::new).map_err(|error| SigningError::NoKey(error.into()))
    }

    async fn public_keys(&self) -> Result<Vec<PublicKey>, SigningError> {
        match &self.signer {
            TokenSigner::KeyPair(keys) | TokenSigner::SharedSecret { published: Some(keys), .. } => {
                keys.public_keys().await
            }
            TokenSigner::SharedSecret { published: None, .. } => Ok(Vec::new()),
        }
    }
}

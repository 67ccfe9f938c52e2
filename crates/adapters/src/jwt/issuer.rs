//! Issuing tokens, where Taskbridge is the auth server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use taskbridge_domain::ports::{Clock, PublicKey, SigningError, TokenIssuer};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::sessions::Jwt;
use taskbridge_domain::users::{User, UserImage};

use super::key_ring::KeyRing;

/// What a [`JwtIssuer`] writes into its tokens.
#[derive(Debug, Clone)]
pub struct JwtIssuerConfig {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// From `iat` to `exp`; whole seconds.
    pub lifetime: Duration,
}

/// What tokens are signed with.
pub enum SigningKeys {
    /// HS256 with the secret shared with Better Auth.
    Secret {
        /// The secret.
        secret: SharedSecret,
        /// Key pairs that a Better Auth on the same database signs with; only published.
        published: Option<Arc<KeyRing>>,
    },
    /// A key pair, whose public half is published.
    Pairs(Arc<KeyRing>),
}

/// Signs tokens. Their claims are those of Better Auth's JWT plugin.
pub struct JwtIssuer {
    keys: SigningKeys,
    config: JwtIssuerConfig,
    clock: Arc<dyn Clock>,
}

impl JwtIssuer {
    /// An issuer that signs with these keys.
    #[must_use]
    pub fn new(keys: SigningKeys, config: JwtIssuerConfig, clock: Arc<dyn Clock>) -> Self {
        Self { keys, config, clock }
    }
}

/// The payload in Better Auth's order: `iat`, the public fields of the user, the registered claims.
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
            // A longer one, stored under other rules, would make a token that nobody takes.
            image: image.as_ref().and_then(UserImage::if_short),
            created_at: created_at.to_string(),
            updated_at: updated_at.to_string(),
            id: id.as_str(),
            sub: id.as_str(),
            exp: now.after(self.config.lifetime).unix_seconds(),
            iss: &self.config.issuer,
            aud: &self.config.audience,
        };
        let signed = match &self.keys {
            SigningKeys::Secret { secret, published: _ } => jsonwebtoken::encode(
                &Header::new(Algorithm::HS256),
                &payload,
                &EncodingKey::from_secret(secret.expose()),
            ),
            SigningKeys::Pairs(ring) => {
                let (algorithm, signer) = ring.signer().await?;
                // As Better Auth has it: alg and kid, and no typ.
                let mut header = Header::new(algorithm.jws());
                header.typ = None;
                header.kid = Some(signer.id.clone());
                jsonwebtoken::encode(&header, &payload, &signer.key)
            }
        };
        signed.map(Jwt::new).map_err(|error| SigningError::NoKey(error.into()))
    }

    async fn public_keys(&self) -> Result<Vec<PublicKey>, SigningError> {
        match &self.keys {
            SigningKeys::Pairs(keys) | SigningKeys::Secret { published: Some(keys), .. } => keys.published().await,
            SigningKeys::Secret { published: None, .. } => Ok(Vec::new()),
        }
    }
}

//! Verification of tokens.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;

/// Verifies HS256 tokens.
#[derive(Clone)]
pub struct Tokens {
    key: DecodingKey,
    rules: Validation,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl Tokens {
    pub fn new(secret: &str) -> Self {
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_aud = false;
        Self { key: DecodingKey::from_secret(secret.as_bytes()), rules }
    }

    /// Checks that the request has a token of `user`. Returns the status of the answer if it does not.
    pub fn check(&self, request: &HttpRequest, user: &str) -> Result<(), StatusCode> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
        let token = decode::<Claims>(token, &self.key, &self.rules).map_err(|_| StatusCode::UNAUTHORIZED)?;
        if token.claims.sub == user { Ok(()) } else { Err(StatusCode::FORBIDDEN) }
    }
}

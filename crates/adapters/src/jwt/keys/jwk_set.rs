//! A published JSON Web Key Set (RFC 7517). Its keys are parsed one by one, so that the others can be used even if one
//! is invalid.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::algorithm::published_algorithm;
use super::verified_tokens::VerifiedTokens;
use super::verifying_key::{SignatureCheck, VerifyingKey};
use crate::jwt::header::Header;
use crate::jwt::json::object;
use crate::jwt::report::KeyDescription;

/// Maximum length of the `kid` of a key or a token, in bytes. In Better Auth, a `kid` has 32 bytes.
pub(in crate::jwt) const MAX_KID_BYTES: usize = 256;

/// Maximum number of keys in a set. If Better Auth rotates its key every hour, it publishes about 720 keys.
const MAX_KEYS: usize = 1000;

/// Accepted sizes of an RSA modulus, in bits. RFC 7518, section 3.3, requires the minimum; the maximum is that of the
/// crate `jsonwebtoken`.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The usable keys in a key set that an issuer has published.
#[derive(Default)]
pub(in crate::jwt) struct JwkSet(Vec<PublishedKey>);

struct PublishedKey {
    kid: Option<String>,
    key: Arc<VerifyingKey>,
}

/// Errors from parsing a response as a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidJwks {
    /// The response is not a key set, but for example an HTML page.
    #[error("the response is not a JSON object with an array of keys")]
    Malformed,
    /// The set has more keys than any issuer needs.
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
}

/// Reasons why a key in a key set is not used.
#[derive(Debug, PartialEq, Eq, Error)]
pub(in crate::jwt) enum UnusableKey {
    #[error("it is not a JSON object with a kty, or a member has the wrong type")]
    Malformed,
    #[error("its kid is longer than {MAX_KID_BYTES} bytes")]
    LongKid,
    #[error("it is not for signatures: its use is not sig, or its key_ops do not include verify")]
    Purpose,
    #[error(
        "ES512 is not supported; choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({{ jwks: {{ keyPairConfig }} }})"
    )]
    Es512,
    #[error("its kty, crv and alg do not describe a key for EdDSA, ES256, RS256 or PS256")]
    Algorithm,
    #[error("it is not a valid public key of its algorithm, or it is a weak one")]
    Material,
    #[error("another key of the same algorithm has the same kid")]
    Ambiguous,
}

/// The members of a published key that are used. Members of a private key are not read, even if they are present.
///
/// `jsonwebtoken::jwk` is not used, because it rejects a key with an unrelated malformed member, such as `x5c`, does
/// not know the name `Ed25519` (RFC 9864), and accepts weak keys.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl JwkSet {
    /// Parses a key set. Returns its usable keys, and a list of the unusable ones: each is named by its index and
    /// `kid`, and has the reason.
    pub(in crate::jwt) fn parse(json: &[u8]) -> Result<(Self, Vec<(String, UnusableKey)>), InvalidJwks> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let Document { keys } = object(json).ok_or(InvalidJwks::Malformed)?;
        if keys.len() > MAX_KEYS {
            return Err(InvalidJwks::TooMany);
        }
        let verified = VerifiedTokens::new();
        let mut usable: Vec<(String, PublishedKey)> = Vec::new();
        let mut unusable = Vec::new();
        for (index, jwk) in keys.into_iter().enumerate() {
            let label = label(index, &jwk);
            match PublishedKey::parse(jwk, index, &verified) {
                Ok(key) => usable.push((label, key)),
                Err(why) => unusable.push((label, why)),
            }
        }
        let is_ambiguous = |key: &PublishedKey| usable.iter().filter(|(_, other)| key.has_same_name(other)).count() > 1;
        let ambiguous: Vec<_> = usable.iter().map(|(_, key)| is_ambiguous(key)).collect();
        let mut keys = Vec::new();
        for ((label, key), is_ambiguous) in usable.into_iter().zip(ambiguous) {
            if is_ambiguous { unusable.push((label, UnusableKey::Ambiguous)) } else { keys.push(key) }
        }
        Ok((Self(keys), unusable))
    }

    pub(in crate::jwt) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns a description of each key for the operator: its algorithm and `kid`.
    pub(in crate::jwt) fn describe(&self) -> impl Iterator<Item = KeyDescription> {
        self.0.iter().map(|PublishedKey { kid, key }| {
            let text = match kid {
                Some(kid) => format!("{:?}, kid {kid:?}", key.algorithm),
                None => format!("{:?}, without a kid", key.algorithm),
            };
            KeyDescription::Key { kid: kid.clone(), text }
        })
    }
}

/// Returns the key in `sets` that has the algorithm and `kid` in `header`.
///
/// If there is no such key, the candidates are the keys with this algorithm and without a `kid` or, if `header` has no
/// `kid`, all keys with this algorithm. If there is exactly one candidate and `verifies` returns `true` for it, it is
/// returned.
pub(in crate::jwt) fn find_key<'a>(
    sets: impl Iterator<Item = &'a JwkSet>,
    header: &Header,
    verifies: SignatureCheck<'_>,
) -> Option<Arc<VerifyingKey>> {
    let algorithm = published_algorithm(&header.alg)?;
    let mut without_kid = Vec::new();
    for published in sets.flat_map(|set| &set.0).filter(|published| published.key.algorithm == algorithm) {
        match (&published.kid, &header.kid) {
            (Some(kid), Some(wanted)) if kid == wanted => return Some(Arc::clone(&published.key)),
            (Some(_), Some(_)) => {}
            _ => without_kid.push(&published.key),
        }
    }
    match without_kid.as_slice() {
        [only] if verifies(only) => Some(Arc::clone(only)),
        _ => None,
    }
}

/// Returns the name of a key for use in the log: its index in the key set and its `kid`.
fn label(index: usize, jwk: &Value) -> String {
    match jwk.get("kid").and_then(Value::as_str) {
        Some(kid) => format!("{index}, kid {:?}", kid.chars().take(64).collect::<String>()),
        None => index.to_string(),
    }
}

impl PublishedKey {
    fn parse(jwk: Value, index: usize, verified: &VerifiedTokens) -> Result<Self, UnusableKey> {
        // An array is rejected here, because serde would accept it in place of an object.
        if !jwk.is_object() {
            return Err(UnusableKey::Malformed);
        }
        let jwk: Jwk = serde_json::from_value(jwk).map_err(|_shows_values| UnusableKey::Malformed)?;
        if jwk.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(UnusableKey::LongKid);
        }
        let is_for_verifying = jwk.purpose.as_ref().is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
        if !is_for_verifying {
            return Err(UnusableKey::Purpose);
        }
        let algorithm = jwk.algorithm()?;
        let key = match algorithm {
            Algorithm::EdDSA => jwk.ed25519(),
            Algorithm::ES256 => jwk.p256(),
            _ => jwk.rsa(),
        };
        let key = key.and_then(|key| VerifyingKey::public(algorithm, key, index, verified));
        Ok(Self { kid: jwk.kid, key: Arc::new(key.ok_or(UnusableKey::Material)?) })
    }

    /// Returns `true` if both keys have the same algorithm and the same `kid`. The header of a token cannot tell such
    /// keys apart.
    fn has_same_name(&self, other: &Self) -> bool {
        self.kid.is_some() && self.kid == other.kid && self.key.algorithm == other.key.algorithm
    }
}

impl Jwk {
    /// Returns the only algorithm that the key may verify: the one in `alg`, which must match the type of the key. If
    /// `alg` is absent, the type of the key decides. For an RSA key, this gives RS256, which RFC 7518 recommends.
    fn algorithm(&self) -> Result<Algorithm, UnusableKey> {
        let possible: &[Algorithm] = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => &[Algorithm::EdDSA],
            ("EC", Some("P-256")) => &[Algorithm::ES256],
            ("RSA", _) => &[Algorithm::RS256, Algorithm::PS256],
            ("EC", Some("P-521")) => return Err(UnusableKey::Es512),
            _ => return Err(UnusableKey::Algorithm),
        };
        match &self.alg {
            None => possible.first().copied(),
            Some(name) => published_algorithm(name).filter(|algorithm| possible.contains(algorithm)),
        }
        .ok_or(UnusableKey::Algorithm)
    }

    /// Returns the Ed25519 key (RFC 8037, section 2). Rejects points of small order, with which a signature would match
    /// almost any message.
    fn ed25519(&self) -> Option<DecodingKey> {
        let bytes: [u8; 32] = decode(self.x.as_ref())?.try_into().ok()?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok()?;
        (!key.is_weak()).then(|| DecodingKey::from_ed_der(&bytes))
    }

    /// Returns the P-256 key (RFC 7518, section 6.2.1), built from the bytes of an uncompressed point: 4, `x`, `y`.
    /// Returns `None` if a coordinate does not have 32 bytes; whether the point is on the curve is not checked here.
    fn p256(&self) -> Option<DecodingKey> {
        let (x, y) = (decode(self.x.as_ref())?, decode(self.y.as_ref())?);
        (x.len() == 32 && y.len() == 32).then(|| DecodingKey::from_ec_der(&[&[4], x.as_slice(), &y].concat()))
    }

    /// Returns the RSA key (RFC 7518, section 6.3.1). Rejects weak keys: with an exponent of 1, for example, an
    /// attacker could forge signatures.
    fn rsa(&self) -> Option<DecodingKey> {
        let (modulus, exponent) = (decode(self.n.as_ref())?, decode(self.e.as_ref())?);
        let modulus: Vec<u8> = modulus.into_iter().skip_while(|byte| *byte == 0).collect();
        let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
        let number =
            exponent.iter().try_fold(0_u32, |number, byte| number.checked_mul(256)?.checked_add((*byte).into()))?;
        let is_strong = RSA_BITS.contains(&bits) && modulus.last()? % 2 == 1 && number > 2 && number % 2 == 1;
        is_strong.then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
    }
}

fn decode(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

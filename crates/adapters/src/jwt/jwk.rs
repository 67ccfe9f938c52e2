//! Published keys: a JSON Web Key Set (RFC 7517), read key by key.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::algorithms::published;
use super::header::{Header, object};
use super::keys::{Fits, VerifyingKey};

/// The longest `kid` of a key or a token, in bytes. Better Auth's have 32.
pub(super) const MAX_KID_BYTES: usize = 256;

/// The most keys of one set. With a rotation each hour Better Auth publishes about 720.
const MAX_KEYS: usize = 1000;

/// RFC 7518, section 3.3; and the longest that the library takes.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The usable keys of one issuer.
#[derive(Default)]
pub(super) struct KeySet(Vec<PublishedKey>);

struct PublishedKey {
    kid: Option<String>,
    key: Arc<VerifyingKey>,
}

/// Why an answer is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotAKeySet {
    /// It is something else, such as a page.
    #[error("the answer is no JSON object with an array of keys")]
    Malformed,
    /// No issuer needs so many.
    #[error("more than {MAX_KEYS} keys")]
    TooMany,
}

/// Why a key is not used.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Unusable {
    #[error("it is no JSON object with a kty, or a member of it has the wrong type")]
    Malformed,
    #[error("its kid is longer than {MAX_KID_BYTES} bytes")]
    LongKid,
    #[error("it is not for signatures: its use is not sig, or verify is not among its key_ops")]
    Purpose,
    #[error(
        "ES512 is not supported; choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({{ jwks: {{ keyPairConfig }} }})"
    )]
    Es512,
    #[error("its kty, crv and alg together are none of EdDSA, ES256, RS256 and PS256")]
    Algorithm,
    #[error("it is no public key of its algorithm, or a weak one")]
    Material,
    #[error("another key of the same algorithm has the same kid")]
    Ambiguous,
}

/// A key as it is published. Private members are not even read.
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

impl KeySet {
    /// Reads a set, and why each key that cannot be used cannot; keys are told by their place and `kid`.
    pub(super) fn parse(json: &[u8]) -> Result<(Self, Vec<(String, Unusable)>), NotAKeySet> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let Document { keys } = object(json).ok_or(NotAKeySet::Malformed)?;
        if keys.len() > MAX_KEYS {
            return Err(NotAKeySet::TooMany);
        }
        let mut usable: Vec<(String, PublishedKey)> = Vec::new();
        let mut unusable = Vec::new();
        for (place, jwk) in keys.into_iter().enumerate() {
            let label = label(place, &jwk);
            match PublishedKey::parse(jwk) {
                Ok(key) => usable.push((label, key)),
                Err(why) => unusable.push((label, why)),
            }
        }
        let is_twin = |key: &PublishedKey| usable.iter().filter(|(_, other)| key.is_told_as(other)).count() > 1;
        let twins: Vec<_> = usable.iter().map(|(_, key)| is_twin(key)).collect();
        let mut keys = Vec::new();
        for ((label, key), is_twin) in usable.into_iter().zip(twins) {
            if is_twin { unusable.push((label, Unusable::Ambiguous)) } else { keys.push(key) }
        }
        Ok((Self(keys), unusable))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Algorithm and `kid` of each key.
    pub(super) fn describe(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|PublishedKey { kid, key }| match kid {
            Some(kid) => format!("{:?}, kid {kid:?}", key.algorithm),
            None => format!("{:?}, without a kid", key.algorithm),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the key a token points at, among those of all sets: the one of its algorithm and `kid`; or else, if the token
/// or the key has no `kid`, the only one of its algorithm, if it fits.
pub(super) fn find<'a>(
    sets: impl Iterator<Item = &'a KeySet>,
    header: &Header,
    fits: Fits<'_>,
) -> Option<Arc<VerifyingKey>> {
    let algorithm = published(&header.alg)?;
    let mut without_kid = Vec::new();
    for published in sets.flat_map(|set| &set.0).filter(|published| published.key.algorithm == algorithm) {
        match (&published.kid, &header.kid) {
            (Some(kid), Some(wanted)) if kid == wanted => return Some(Arc::clone(&published.key)),
            (Some(_), Some(_)) => {}
            _ => without_kid.push(&published.key),
        }
    }
    match without_kid.as_slice() {
        [only] if fits(only) => Some(Arc::clone(only)),
        _ => None,
    }
}

/// Which key of the set is meant, for the log.
fn label(place: usize, jwk: &Value) -> String {
    match jwk.get("kid").and_then(Value::as_str) {
        Some(kid) => format!("{place}, kid {:?}", kid.chars().take(64).collect::<String>()),
        None => place.to_string(),
    }
}

impl PublishedKey {
    fn parse(jwk: Value) -> Result<Self, Unusable> {
        // serde would also take an array, field by field.
        if !jwk.is_object() {
            return Err(Unusable::Malformed);
        }
        let jwk: Jwk = serde_json::from_value(jwk).map_err(|_shows_values| Unusable::Malformed)?;
        if jwk.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(Unusable::LongKid);
        }
        let is_for_verifying = jwk.purpose.as_ref().is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|name| name == "verify"));
        if !is_for_verifying {
            return Err(Unusable::Purpose);
        }
        let algorithm = jwk.algorithm()?;
        let key = match algorithm {
            Algorithm::EdDSA => jwk.ed25519(),
            Algorithm::ES256 => jwk.p256(),
            _ => jwk.rsa(),
        };
        let key = key.and_then(|key| VerifyingKey::public(algorithm, key)).ok_or(Unusable::Material)?;
        Ok(Self { kid: jwk.kid, key: Arc::new(key) })
    }

    /// Whether a token cannot point at one of the two alone.
    fn is_told_as(&self, other: &Self) -> bool {
        self.kid.is_some() && self.kid == other.kid && self.key.algorithm == other.key.algorithm
    }
}

impl Jwk {
    /// The one algorithm the key is for: what `alg` says if its material is of that kind, and without `alg` the one of
    /// its material. RSA serves two; without `alg` it is the one that RFC 7518 recommends.
    fn algorithm(&self) -> Result<Algorithm, Unusable> {
        let possible: &[Algorithm] = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => &[Algorithm::EdDSA],
            ("EC", Some("P-256")) => &[Algorithm::ES256],
            ("RSA", _) => &[Algorithm::RS256, Algorithm::PS256],
            ("EC", Some("P-521")) => return Err(Unusable::Es512),
            _ => return Err(Unusable::Algorithm),
        };
        match &self.alg {
            None => possible.first().copied(),
            Some(name) => published(name).filter(|algorithm| possible.contains(algorithm)),
        }
        .ok_or(Unusable::Algorithm)
    }

    /// RFC 8037, section 2. With a point of small order a signature would fit almost any message.
    fn ed25519(&self) -> Option<DecodingKey> {
        let bytes: [u8; 32] = decode(self.x.as_ref())?.try_into().ok()?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).ok()?;
        (!key.is_weak()).then(|| DecodingKey::from_ed_der(&bytes))
    }

    /// RFC 7518, section 6.2.1: an uncompressed point.
    fn p256(&self) -> Option<DecodingKey> {
        let (x, y) = (decode(self.x.as_ref())?, decode(self.y.as_ref())?);
        (x.len() == 32 && y.len() == 32).then(|| DecodingKey::from_ec_der(&[&[4], x.as_slice(), &y].concat()))
    }

    /// RFC 7518, section 6.3.1. With an exponent of 1 everybody could sign.
    fn rsa(&self) -> Option<DecodingKey> {
        let (modulus, exponent) = (decode(self.n.as_ref())?, decode(self.e.as_ref())?);
        let modulus: Vec<u8> = modulus.into_iter().skip_while(|byte| *byte == 0).collect();
        let bits = modulus.len() * 8 - usize::try_from(modulus.first()?.leading_zeros()).ok()?;
        let number =
            exponent.iter().try_fold(0_u32, |number, byte| number.checked_mul(256)?.checked_add((*byte).into()))?;
        let is_sound = RSA_BITS.contains(&bits) && modulus.last()? % 2 == 1 && number > 2 && number % 2 == 1;
        is_sound.then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
    }
}

fn decode(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

//! Random tokens are accepted if and only if they follow the documented rules.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};
use taskbridge_adapters::jwt::{
    ExpectedClaims, JwtIssuer, JwtIssuerConfig, JwtVerifier, KeyTable, KeyTableConfig, SharedSecretKey, SigningKeyRepo,
    StoredKey, StoredKeys, TrustedIssuer, VersionedSecrets,
};
use taskbridge_domain::ports::{AuthError, AuthPort, StoreError, TokenIssuer};
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::testing::fixtures::{clock_at, moment, user};
use taskbridge_domain::users::User;
use taskbridge_domain::{Timestamp, UserId};

use crate::config;

const SECRET: &str = "shared-hs256-secret-not-for-production-0123456789";
const URL: &str = "https://app.example.test";
const LEEWAY: f64 = 30.0;

static VERIFIER: LazyLock<JwtVerifier> = LazyLock::new(|| {
    let leeway = Duration::from_secs_f64(LEEWAY);
    let expected =
        ExpectedClaims { issuers: vec![URL.into()], audiences: vec![URL.into()], require_issuer: true, leeway };
    let keys = Arc::new(SharedSecretKey::new(&secret()));
    JwtVerifier::new(vec![TrustedIssuer { keys, expected }], Arc::new(clock_at(moment())))
});

fn secret() -> SharedSecret {
    SharedSecret::parse(SECRET).unwrap()
}

/// A table `jwks` that contains no keys.
struct EmptyTable;

#[async_trait]
impl SigningKeyRepo for EmptyTable {
    async fn next_id(&self) -> Result<String, StoreError> {
        Ok("new".into())
    }

    async fn all(&self) -> Result<Vec<StoredKey>, StoreError> {
        Ok(Vec::new())
    }

    async fn add(&self, _: &StoredKey, _: &[String]) -> Result<bool, StoreError> {
        Ok(false)
    }

    async fn expire(&self, _: &[String], _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }
}

fn signing_with_the_secret() -> Arc<StoredKeys> {
    let config = KeyTableConfig { algorithm: None, grace: Duration::ZERO };
    let secrets = VersionedSecrets::single(secret());
    let clock = Arc::new(clock_at(moment()));
    Arc::new(StoredKeys::new(KeyTable { repo: Arc::new(EmptyTable), clock, secrets, config }))
}

/// Verifies a token. Returns its subject, or `None` if the token is rejected.
fn subject(token: &str) -> Option<String> {
    match VERIFIER.verify(token).now_or_never().unwrap() {
        Ok(claims) => Some(claims.subject.to_string()),
        Err(AuthError::Rejected(..)) => None,
        Err(error @ AuthError::Unavailable(_)) => panic!("{error:?}"),
    }
}

fn signed(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    format!("{message}.{}", crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap())
}

fn good_claims() -> Value {
    json!({ "sub": "ann", "exp": moment().unix_seconds() + 60, "iss": URL, "aud": URL })
}

fn good_token() -> String {
    signed(r#"{"alg":"HS256"}"#, good_claims().to_string())
}

/// Generates times in seconds since 1970, mostly close to the time of verification and to the ends of the leeway.
fn dates() -> impl Strategy<Value = Value> {
    let now = moment().unix_seconds();
    let near = (select(vec![-31_i64, -30, -29, -1, 0, 1, 29, 30, 31, 900]), select(vec![0.0, 0.001, 0.5, 0.999]));
    prop_oneof![
        6 => near.prop_map(move |(distance, fraction)| {
            let whole = i32::try_from(now + distance).unwrap();
            if fraction == 0.0 { json!(whole) } else { json!(f64::from(whole) + fraction) }
        }),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
    ]
}

/// Generates any JSON value of limited depth.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(Value::from(URL)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,4}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Generates mostly a value of `good`, sometimes `null` or any other value, and sometimes `None`.
fn or_anything(good: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![16 => good.prop_map(Some), 1 => Just(Some(Value::Null)), 1 => option::of(json())]
}

prop_compose! {
    fn claims()(
        sub in or_anything("(ann|[^\u{1}-\u{1f}]{1,6}|.{0,2})".prop_map(Value::from)),
        exp in or_anything(dates()),
        nbf in or_anything(dates()),
        without_nbf: bool,
        iss in or_anything(prop_oneof![12 => Just(json!(URL)), 1 => Just(json!(format!("{URL}/")))]),
        aud in or_anything(prop_oneof![
            6 => Just(json!(URL)),
            6 => Just(json!([URL, "https://other.test"])),
            1 => Just(json!(["https://other.test", "*"])),
            1 => prop::collection::vec(json(), 0..3).prop_map(Value::from),
        ]),
        iat in option::of(json()),
        other in prop::collection::hash_map("[a-z]{4,6}", json(), 0..3),
    ) -> Value {
        let named = [("sub", sub), ("exp", exp), ("nbf", nbf.filter(|_| !without_nbf)), ("iss", iss), ("aud", aud), ("iat", iat)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(other.into_iter().chain(named).collect())
    }
}

/// Returns the subject if the claims follow every documented rule. This is a second implementation of the rules,
/// independent of the verifier.
fn subject_by_the_rules(claims: &Map<String, Value>) -> Option<&str> {
    let now = f64::from(i32::try_from(moment().unix_seconds()).unwrap());
    let is_good_date =
        |name: &str, rule: &dyn Fn(f64) -> bool| claims.get(name).map(|date| date.as_f64().is_some_and(rule));

    let not_expired = is_good_date("exp", &|exp| now < exp + LEEWAY) == Some(true);
    let valid_already = is_good_date("nbf", &|nbf| now >= nbf - LEEWAY) != Some(false);
    let issuer = claims.get("iss").is_some_and(|iss| iss == URL);
    let audience = match claims.get("aud") {
        Some(Value::String(only)) => only == URL,
        Some(Value::Array(all)) => all.iter().all(Value::is_string) && all.iter().any(|one| one == URL),
        _ => false,
    };
    let subject = claims.get("sub").and_then(Value::as_str).filter(|sub| !sub.is_empty() && !sub.contains('\0'));
    subject.filter(|_| not_expired && valid_already && issuer && audience)
}

prop_compose! {
    fn header()(
        alg in or_anything(prop_oneof![
            8 => Just(json!("HS256")),
            1 => select(vec!["none", "hs256", "HS384", "HS512", "RS256", "EdDSA", ""]).prop_map(Value::from),
        ]),
        kid in option::of(json()),
        typ in option::of(prop_oneof![
            4 => select(vec!["JWT", "at+jwt", "", "better-auth.session-cache+jwt", "Better-Auth.Session-Cache+JWT"]).prop_map(Value::from),
            1 => json(),
        ]),
        crit in option::weighted(0.1, json()),
        other in prop::collection::hash_map("(jku|jwk|x5u|x5c|b64|zip|[a-z]{4})", json(), 0..3),
    ) -> Value {
        let named = [("alg", alg), ("kid", kid), ("typ", typ), ("crit", crit)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(other.into_iter().chain(named).collect())
    }
}

fn is_good_header(header: &Map<String, Value>) -> bool {
    let text_or_absent = |name: &str| header.get(name).is_none_or(Value::is_string);
    let typ = header.get("typ").and_then(Value::as_str).unwrap_or_default();
    header.get("alg").is_some_and(|alg| alg == "HS256")
        && !header.contains_key("crit")
        && text_or_absent("kid")
        && text_or_absent("typ")
        && !typ.eq_ignore_ascii_case("better-auth.session-cache+jwt")
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn claims_are_accepted_when_every_rule_holds_and_only_then(claims in claims()) {
        let accepted = subject(&signed(r#"{"alg":"HS256"}"#, claims.to_string()));
        prop_assert_eq!(accepted.as_deref(), subject_by_the_rules(claims.as_object().unwrap()));
    }

    #[test]
    fn headers_are_accepted_when_every_rule_holds_and_only_then(header in header()) {
        let accepted = subject(&signed(header.to_string(), good_claims().to_string()));
        prop_assert_eq!(accepted.is_some(), is_good_header(header.as_object().unwrap()));
    }

    #[test]
    fn a_token_with_any_bit_flipped_is_rejected(at: Index, bit in 0..8_u8) {
        let mut token = good_token().into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        prop_assert_eq!(subject(&String::from_utf8_lossy(&token)), None);
    }

    #[test]
    fn a_token_with_any_part_replaced_is_rejected(from: Index, to: Index, put_in in ".{0,4}") {
        let good = good_token();
        let (from, to) = (from.index(good.len() + 1), to.index(good.len() + 1));
        let changed = format!("{}{put_in}{}", &good[..from.min(to)], &good[from.max(to)..]);
        prop_assert_eq!(subject(&changed).is_some(), changed == good);
    }

    #[test]
    fn a_token_signed_with_another_secret_is_rejected(claims in claims(), secret in "[!-~]{32,64}") {
        let verifier = |secret: &SharedSecret| {
            let expected = ExpectedClaims { issuers: vec![URL.into()], audiences: vec![URL.into()], require_issuer: true, leeway: Duration::ZERO };
            let keys = Arc::new(SharedSecretKey::new(secret));
            JwtVerifier::new(vec![TrustedIssuer { keys, expected }], Arc::new(clock_at(moment())))
        };
        let Ok(secret) = SharedSecret::parse(&secret) else { return Ok(()) };
        let token = signed(r#"{"alg":"HS256"}"#, claims.to_string());
        prop_assert!(verifier(&secret).verify(&token).now_or_never().unwrap().is_err());
    }

    #[test]
    fn text_that_is_not_a_token_is_rejected(text in prop_oneof![".{0,60}", "[A-Za-z0-9_=.-]{0,60}", "[A-Za-z0-9_-]{0,20}([.][A-Za-z0-9_-]{0,20}){2}"]) {
        prop_assert_eq!(subject(&text), None);
    }

    /// The tokens have a valid signature, but a segment that is not UTF-8, not JSON, or not an object.
    #[test]
    fn segments_that_are_not_objects_are_rejected(
        segment in prop_oneof![
            any::<Vec<u8>>(),
            json().prop_map(|json| json.to_string().into_bytes()),
            // An array of the values in the order of the fields, which serde would accept for a struct.
            Just(br#"["HS256"]"#.to_vec()),
            Just(json!(["ann", moment().unix_seconds() + 60, 0, URL, URL]).to_string().into_bytes()),
        ],
    ) {
        prop_assert_eq!(subject(&signed(&segment, good_claims().to_string())), None);
        prop_assert_eq!(subject(&signed(r#"{"alg":"HS256"}"#, segment)), None);
    }

    #[test]
    fn issued_tokens_are_accepted_for_the_same_user(id in ".{1,40}") {
        let Some(id) = UserId::parse(id) else { return Ok(()) };
        let config = JwtIssuerConfig { issuer: URL.into(), audience: URL.into(), lifetime: Duration::from_mins(15) };
        let issuer = JwtIssuer::new(signing_with_the_secret(), config, Arc::new(clock_at(moment())));
        let user = User { id: id.clone(), ..user("ann") };
        let token = issuer.issue(&user).now_or_never().unwrap().unwrap();
        prop_assert_eq!(subject(token.expose()), Some(id.to_string()));
    }
}

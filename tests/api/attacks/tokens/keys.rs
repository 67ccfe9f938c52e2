//! Algorithms and keys.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::Hmac;
use serde_json::json;
use sha2::{Digest, Sha256, Sha384, Sha512};
use support::forge::{encode, sign};
use support::server::SECRET;

use super::{HEADER, KEY, LASTING, Site, seal};

/// A token with the algorithm `none`, in any case, is rejected.
#[tokio::test]
async fn a_token_that_calls_itself_unsigned_is_refused() {
    let site = Site::open().await;
    let (_, signature) = site.honest.rsplit_once('.').unwrap();
    for algorithm in ["none", "None", "NONE", "nOnE"] {
        let header = json!({ "alg": algorithm, "typ": "JWT" }).to_string();
        let message = format!("{}.{}", encode(&header), encode(site.claims()));
        site.refuses([
            ("empty signature", format!("{message}.")),
            ("the signature of another token", format!("{message}.{signature}")),
            ("no third part", message.clone()),
            ("an empty key", sign(&header, site.claims(), b"")),
            ("the right key", sign(&header, site.claims(), KEY)),
        ])
        .await;
    }
}

/// The algorithm is that of the configured key, and a key inside the token is ignored.
#[tokio::test]
async fn another_algorithm_or_a_key_of_the_attackers_own_is_refused() {
    let site = Site::lasting();
    let eddsa = "ONorZjvyJahpL5WcDDjloE9_CSRpiyeAlzvcjHUKU8j-inZLgWGvG0bjwOw2nnwXqb77F7wiqt0Fc3j8C9CpCg";
    let es256 = "bB1uG2qjzawb0N_Akrf3ZADDSSxlccUt85rWdbi99ye7TznX5VqzilEIbfK3DqdtfZAKFWoWCa0RnTay_E_wPQ";
    let rs256 = "vS5Jmgz5hkMen5jARzNYFkBPiJeWwM-XmxVRT5neYFnjwhYt3COxaAyacbyA3D0DrMFwaSFPP5HVFkF8EQi0uplUmkdkMeBM\
                 rV7_A1J7ic8ja4qJV2cyw4rvwX6SZZPpPCqld4m9AddJ98qBdVm7ZnV8_ObBHhv7lUNCkmaTNvmzoTrvmP1wFpNZUAaR02X0tvgG\
                 OCRiWLh0LrV_Quyl_mxgU_Ys8aF6nzNPdq8dpcQdwgmgl9iQED3ySdU8zkctozfu-f90Z1WSGcRwIuNnAZD12yem1WKoSZrw6CUt\
                 0aldusqOKSvq_8m4ZjvaQEWTd40wNsDv7c52Xoll2JUNbA";
    let ps256 = "NJACUHFWjq_ehWRdEfQnTeryXcEbFxqm3Xcqo86zbBNciAEytIfQuHB8AQCqLWtw8RxczRk_JHCdS97eX8WWW44pe15ymuFn\
                 G9VeDP9uAc8eiT-W0L4j_fvS8kntYEU2yBZda7RjuFCS3DPhJ_F--EuU3aqhrHt_BKEjnmXYPmNNK3tIyaawGty-d9hijP10nv4n\
                 AD3W8rQvqn0Ortn6Z5ZaQBrOwt5aYjIG7J2-UcJj3CAt5Nsy6PIP7aH6ttQl_fu2RWIGXAqVfXIcwvtnJ5TXlvBml7grmo-Mwa2B\
                 3168UH3akz8H8KYxX2iMCHmPFvFXCuTjpOX-yTezI0ITzA";
    let jwk =
        r#"{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"Oh2rw3O-lKBK9Kj8E9QuTQaBAdfLnYwH0IV2BmRzux4"}}"#;
    let with_jwk = "Sh64s84SgJh6gEqeXJm5M0_q96OmOu0WlPnqoBsPIYUCQXbA1IEGiD_9aaTHnBRlXPp3GMaKcIxjRkxGrx-KAg";
    let x5c = r#"{"alg":"ES256","x5c":["MIIBBjCBraADAgECAgEBMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWEwIBcNMjAwMTAxMDAwMDAwWhgPMjEwMDAxMDEwMDAwMDBaMAwxCjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARBgHIeVkxLimFk+D1WpimrsiZEi78clsl784eddED6vOjrcPXrzNXGuAuZ4817AqsMxDM+4ULn83tlA/93TcZ7MAoGCCqGSM49BAMCA0gAMEUCICK+xi9gx6tP7lV28nYG4/84G/cqMTxyCa09BkI0WXlmAiEAxc/Q6ivY0SQt0QqshZ88gdhTrISP0B9ic/DftPfDx+g="]}"#;
    let with_x5c = "RxrWU4y-k-lNwr2xOowL5PqvrKztQs3tOT9FnhnvvPwKUB6_HdUlgvSjeiPGQb5u33-FHZ8sjp1aUi5JbB9wmw";
    let signed = [
        (r#"{"alg":"EdDSA","typ":"JWT"}"#, eddsa),
        (r#"{"alg":"ES256","typ":"JWT"}"#, es256),
        (r#"{"alg":"RS256","typ":"JWT"}"#, rs256),
        (r#"{"alg":"PS256","typ":"JWT"}"#, ps256),
        (jwk, with_jwk),
        (x5c, with_x5c),
    ];
    let by_hand = |(header, signature)| (header, format!("{}.{}.{signature}", encode(header), encode(LASTING)));
    site.refuses(signed.map(by_hand)).await;

    let message = |header: &str| format!("{}.{}", encode(header), encode(LASTING));
    let (hs384, hs512) = (message(r#"{"alg":"HS384"}"#), message(r#"{"alg":"HS512"}"#));
    let symmetric = json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": encode("mine") } }).to_string();
    site.refuses([
        ("HS384 by the secret", seal::<Hmac<Sha384>>(&hs384, KEY)),
        ("HS512 by the secret", seal::<Hmac<Sha512>>(&hs512, KEY)),
        ("HS512 that is HS256", seal::<Hmac<Sha256>>(&hs512, KEY)),
        ("HS256 that is HS512", seal::<Hmac<Sha512>>(&message(HEADER), KEY)),
        ("HS256 called RS256", sign(r#"{"alg":"RS256"}"#, LASTING, KEY)),
        ("HS256 called EdDSA", sign(r#"{"alg":"EdDSA"}"#, LASTING, KEY)),
        ("HS256 by a key it brings along", sign(symmetric, LASTING, b"mine")),
    ])
    .await;
}

/// Keys are only ever read from the configured source: the server never fetches a URL from a token.
#[tokio::test]
async fn an_address_in_the_header_is_never_visited() {
    let site = Site::open().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    for name in ["jku", "x5u", "kid"] {
        for algorithm in ["RS256", "EdDSA", "HS256"] {
            let header = json!({ "alg": algorithm, name: url }).to_string();
            site.refuses([(format!("{algorithm} {name}"), sign(&header, site.claims(), b"mine"))]).await;
        }
        let header = json!({ "alg": "HS256", name: url }).to_string();
        site.accepts([(name, sign(&header, site.claims(), KEY))]).await;
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    // The listener would have noticed.
    let _connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(listener.accept().is_ok());
}

/// Only a signature by exactly the configured secret is valid.
#[tokio::test]
async fn only_the_very_secret_signs() {
    let site = Site::open().await;
    let guesses = [
        "",
        "\0",
        "secret",
        "changeme",
        "change-me",
        "your-secret-key",
        "your-secret-key-here",
        "supersecret",
        "super-secret-key",
        "jwt-secret",
        "dev-secret",
        "development-secret",
        "better-auth-secret",
        "better-auth-secret-12345678901234567890",
        "better-auth-secret-123456789",
        "your-super-secret-key-change-in-production",
        "undefined",
        "null",
    ];
    site.refuses(guesses.map(|key| (key, sign(HEADER, site.claims(), key.as_bytes())))).await;
    let kids = ["../../../../../../dev/null", "/dev/null", "/proc/self/environ", "' UNION SELECT 'secret' -- "];
    for key in ["", "secret", "PATH=/usr/bin"] {
        let header = |kid| json!({ "alg": "HS256", "kid": kid }).to_string();
        site.refuses(kids.map(|kid| (kid, sign(header(kid), site.claims(), key.as_bytes())))).await;
    }

    let digest = Sha256::digest(KEY);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let variants = [
        ("newline", format!("{SECRET}\n").into_bytes()),
        ("carriage return and newline", format!("{SECRET}\r\n").into_bytes()),
        ("blank before", format!(" {SECRET}").into_bytes()),
        ("blank after", format!("{SECRET} ").into_bytes()),
        ("in quotes", format!("\"{SECRET}\"").into_bytes()),
        ("upper case", SECRET.to_uppercase().into_bytes()),
        ("one less", KEY[..KEY.len() - 1].to_vec()),
        ("without the first", KEY[1..].to_vec()),
        ("32 of it", KEY[..32].to_vec()),
        ("twice", KEY.repeat(2)),
        ("as base64", STANDARD.encode(KEY).into_bytes()),
        ("as base64url", encode(KEY).into_bytes()),
        ("read as base64", URL_SAFE_NO_PAD.decode(&SECRET[..44]).unwrap()),
        ("as hex", hex(KEY).into_bytes()),
        ("its digest", digest.to_vec()),
        ("its digest as hex", hex(&digest).into_bytes()),
    ];
    site.refuses(variants.map(|(name, key)| (name, sign(HEADER, site.claims(), &key)))).await;
}

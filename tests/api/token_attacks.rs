//! Tokens that are forged, malformed, or made for something else. Attack groups A and C; N2 to N7.
//!
//! Every refusal is the same 401, and after each table an honest token still gets the list.

use std::fmt::Display;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};
use support::forge::{encode, now, sign};
use support::server::SECRET;
use support::user::{PASSWORD, REFUSAL};
use support::{Forge, Server, User, raw};

const KEY: &[u8] = SECRET.as_bytes();
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Claims that stay good for long, for tokens that were signed beforehand.
const LASTING: &str = r#"{"sub":"mallory","iat":1700000000,"exp":4102444800,"iss":"https://app.example.test","aud":"https://app.example.test"}"#;

/// A server, and a caller whose honest token gets a list.
struct Site {
    server: Server,
    forge: Forge,
    /// The caller.
    id: String,
    honest: String,
    list: String,
}

impl Site {
    /// With a user who has one task.
    async fn open() -> Self {
        let server = Server::start();
        let ann = User::sign_up(&server, "ann").await;
        let list = json!([ann.add(json!({ "title": "for ann only" })).await]).to_string();
        let forge = Forge::of(&server);
        Self { honest: forge.token(&ann.id), id: ann.id, list, forge, server }
    }

    /// Where [`LASTING`] is acceptable.
    fn lasting() -> Self {
        let server = Server::start_with(&[("BETTER_AUTH_URL", "https://app.example.test"), ("AUTH_MODE", "server")]);
        let forge = Forge::of(&server);
        let honest = sign(HEADER, LASTING, KEY);
        Self { server, forge, id: "mallory".into(), honest, list: "[]".into() }
    }

    fn path(&self) -> String {
        format!("/api/{}/tasks", self.id)
    }

    fn claims(&self) -> String {
        self.forge.claims(&self.id).to_string()
    }

    /// Good claims and signature, but this JSON text for one claim, or without it.
    fn with(&self, claim: &str, value: Option<&str>) -> String {
        let claims = self.forge.claims(&self.id);
        let others = claims.as_object().unwrap().iter().filter(|(name, _)| *name != claim);
        let members: Vec<_> = others
            .map(|(name, value)| format!("{name:?}:{value}"))
            .chain(value.map(|value| format!("{claim:?}:{value}")))
            .collect();
        sign(HEADER, format!("{{{}}}", members.join(",")), KEY)
    }

    /// Status, challenge and body of the list under this token.
    async fn get(&self, token: &str) -> (u16, Option<String>, Value) {
        let request = reqwest::Client::new().request(Method::GET, self.server.url(&self.path()));
        let response = request.header("authorization", format!("Bearer {token}")).send().await.unwrap();
        let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, challenge, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    async fn accepts(&self, cases: impl IntoIterator<Item = (impl Display, String)>) {
        let list: Value = serde_json::from_str(&self.list).unwrap();
        for (name, token) in cases {
            assert_eq!(self.get(&token).await, (200, None, list.clone()), "{name}");
        }
    }

    async fn refuses(&self, cases: impl IntoIterator<Item = (impl Display, String)>) {
        let refusal: Value = serde_json::from_str(REFUSAL).unwrap();
        let challenge = Some(r#"Bearer error="invalid_token""#.to_owned());
        for (name, token) in cases {
            assert_eq!(self.get(&token).await, (401, challenge.clone(), refusal.clone()), "{name}");
        }
        self.accepts([("honest", self.honest.clone())]).await;
    }
}

/// Two encoded segments and their MAC.
fn seal<M: Mac + KeyInit>(message: &str, key: &[u8]) -> String {
    let mac = <M as KeyInit>::new_from_slice(key).unwrap().chain_update(message);
    format!("{message}.{}", encode(mac.finalize().into_bytes()))
}

/// The honest ways to write a token: C040, C074, C068, N6; unknown text in `kid`: C012.
#[tokio::test]
async fn honest_tokens_are_accepted_however_they_are_written() {
    let site = Site::open().await;
    let ours = json!(site.server.origin).to_string();
    let headers = [
        r#"{"alg":"HS256"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","cty":"x","x":{"y":[1]}}"#,
        r#" { "alg" : "HS256" } "#,
        r#"{"alg":"HS256","kid":""}"#,
        r#"{"alg":"HS256","kid":"nobody-knows-it"}"#,
        r#"{"alg":"HS256","kid":"\u0000"}"#,
        r#"{"alg":"HS256","jku":5,"jwk":[],"x5u":null,"x5c":"x"}"#,
    ];
    site.accepts(headers.map(|header| (header, sign(header, site.claims(), KEY)))).await;
    let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(4096));
    site.accepts([("a kid of 4 KB", sign(long, site.claims(), KEY))]).await;

    let claims = [
        ("aud", format!("[{ours}]")),
        ("aud", format!(r#"["https://other.example.test",{ours}]"#)),
        ("exp", format!("{}.75", now() + 300)),
        ("exp", "1e10".into()),
        ("nbf", format!("{}.25", now() - 300)),
        ("nbf", "0".into()),
        ("iat", (now() + 86_400).to_string()),
        ("iat", "-5".into()),
        ("iat", r#""yesterday""#.into()),
        ("jti", "[{}]".into()),
        ("name", r#""Ann 🙂""#.into()),
        ("user_id", r#""somebody else""#.into()),
    ];
    site.accepts(claims.map(|(claim, value)| (format!("{claim} {value}"), site.with(claim, Some(&value))))).await;
}

/// C001, N3.
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

/// C002, C010, C012, C020, C021, C022, C026: signed with the right secret all the same.
#[tokio::test]
async fn a_header_that_breaks_the_rules_is_refused_whoever_signed_it() {
    let site = Site::open().await;
    let headers = [
        r#"{"typ":"JWT"}"#,
        r#"{"alg":null}"#,
        r#"{"alg":""}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":256}"#,
        r#"{"alg":{"HS256":"HS256"}}"#,
        r#"{"alg":true}"#,
        r#"{"alg":" HS256"}"#,
        r#"{"alg":"HS256 "}"#,
        r#"{"alg":"hs256"}"#,
        r#"{"alg":"HS256\u0000"}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"ALG":"HS256"}"#,
        r#"{"alg":"HS256","kid":1}"#,
        r#"{"alg":"HS256","kid":["a"]}"#,
        r#"{"alg":"HS256","kid":{}}"#,
        r#"{"alg":"HS256","kid":null}"#,
        r#"{"alg":"HS256","crit":["x"],"x":1}"#,
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":["alg"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":"x"}"#,
        r#"{"alg":"HS256","crit":{}}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","crit":false}"#,
        r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"AAAA"}"#,
        r#"{"alg":"dir","enc":"A256GCM"}"#,
        r#"["HS256"]"#,
        r#"["HS256",null,null]"#,
        r#""HS256""#,
        "256",
        "null",
        "true",
        "",
        " ",
        "HS256",
        "{",
        r#"{"alg":"HS256""#,
        r#"{"alg":"HS256"}x"#,
        r#"{"alg":"HS256"}{}"#,
        r"{'alg':'HS256'}",
        "\u{feff}{\"alg\":\"HS256\"}",
        r#"{"alg":"HS256","typ":"\ud800"}"#,
    ];
    site.refuses(headers.map(|header| (header, sign(header, site.claims(), KEY)))).await;
    let bytes = [
        ("UTF-16", HEADER.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
        ("not UTF-8", b"{\"alg\":\"HS256\",\"typ\":\"\xff\"}".to_vec()),
    ];
    site.refuses(bytes.map(|(name, header)| (name, sign(header, site.claims(), KEY)))).await;
}

/// C004, C005, C009: the algorithm is the key's; a key in the token is no key.
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

/// C008, N12: keys come from the configuration alone.
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
    // It would have seen them.
    let _connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(listener.accept().is_ok());
}

/// C010, C013, C014, N8.
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

/// C016, C017: base64url without padding, blanks or stray bits, in every segment, and signed as it stands.
#[tokio::test]
async fn a_segment_in_any_other_alphabet_is_refused() {
    let site = Site::open().await;
    let (header, claims) = (encode(HEADER), encode(site.claims()));
    let message = format!("{header}.{claims}");
    let signature = &site.honest[site.honest.rfind('.').unwrap() + 1..];
    for junk in ["=", "==", "+", "/", " ", "\t", "%", "%3D", "%2E", "*", ",", "\"", "é"] {
        let within = |segment: &str| format!("{}{junk}{}", &segment[..8], &segment[8..]);
        let after = |segment: &str| format!("{segment}{junk}");
        let mut cases = vec![
            format!("{}.{claims}", within(&header)),
            format!("{}.{claims}", after(&header)),
            format!("{header}.{}", within(&claims)),
            format!("{header}.{}", after(&claims)),
        ];
        cases = cases.iter().map(|message| seal::<Hmac<Sha256>>(message, KEY)).collect();
        cases.push(format!("{message}.{}", within(signature)));
        // A header line does not keep blanks at its end.
        if !junk.trim().is_empty() {
            cases.push(format!("{message}.{}", after(signature)));
        }
        site.refuses(cases.into_iter().map(|token| (format!("{junk:?} in {token}"), token))).await;
    }

    // 32 bytes have 43 digits; the last two bits of the last one say nothing.
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = digits.find(&signature[42..]).unwrap();
    let strays = [1, 2, 3].map(|bits| (bits, format!("{message}.{}{}", &signature[..42], &digits[last ^ bits..][..1])));
    site.refuses(strays).await;
}

/// C016: what a parser of header lines may refuse by itself.
#[tokio::test]
async fn line_breaks_and_nul_in_a_token_never_get_an_answer() {
    let site = Site::open().await;
    let (before, after) = site.honest.split_at(site.honest.len() / 2);
    for junk in ["\n", "\r\n", "\r\n ", "\n\t", "\r", "\0", "\u{b}", "\u{7f}", "\u{1b}"] {
        let line = format!("GET {} HTTP/1.1", site.path());
        let answer = raw::send_as(&site.server, &format!("{before}{junk}{after}"), &line, &[], b"").await;
        assert!([0, 400, 401].contains(&answer.status), "{junk:?}: {answer:?}");
        assert!(!answer.body.contains("ann"), "{junk:?}: {answer:?}");
    }
    site.refuses([("two halves", format!("{before}.{after}"))]).await;
}

/// C018, C026, N2.
#[tokio::test]
async fn a_token_has_three_segments() {
    let site = Site::open().await;
    let (message, signature) = site.honest.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let honest = &site.honest;
    let cases = [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "....".into(),
        header.into(),
        message.into(),
        format!("{message}."),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!(".{honest}"),
        format!("{honest}."),
        format!("{honest}.x"),
        format!("{honest}.{signature}"),
        format!("{header}..{claims}.{signature}"),
        format!("{header}.{claims}..{signature}"),
        format!("{header}.{claims}.x.{signature}"),
        format!("{honest}.x.x"),
        format!("{honest}.{honest}"),
        format!("{}.x.x.x.x", encode(r#"{"alg":"dir","enc":"A256GCM"}"#)),
        honest.replace('.', ","),
        seal::<Hmac<Sha256>>(&format!("{message}.x"), KEY),
    ];
    site.refuses(cases.into_iter().map(|token| (token.clone(), token))).await;
}

/// N2: truncated and tampered tokens.
#[tokio::test]
async fn a_token_is_refused_once_anything_in_it_has_changed() {
    let site = Site::open().await;
    let honest = &site.honest;
    let (message, signature) = honest.rsplit_once('.').unwrap();
    let foreign = site.forge.token("bob");
    let (_, of_another) = foreign.rsplit_once('.').unwrap();
    let mallory = encode(site.forge.claims("mallory").to_string());
    site.refuses([
        ("another's signature", format!("{message}.{of_another}")),
        ("another's claims", format!("{}.{mallory}.{signature}", encode(HEADER))),
        ("another header", format!("{}.{}", encode(r#"{"alg":"HS256"}"#), honest.split_once('.').unwrap().1)),
        ("half a signature", format!("{message}.{}", &signature[..20])),
        ("a signature of 31 bytes", format!("{message}.{}", &signature[..42])),
        ("a signature twice", format!("{message}.{signature}{signature}")),
        ("a signature of zeros", format!("{message}.{}", encode([0; 32]))),
        ("lower case", honest.to_lowercase()),
        ("backwards", honest.chars().rev().collect()),
    ])
    .await;
    for place in [0, 10, message.len() - 1, honest.len() - 10] {
        let mut bytes = honest.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        site.refuses([(place, String::from_utf8(bytes).unwrap())]).await;
    }
}

/// C020, C021, C024, C025: payloads that are no object of claims, signed with the right secret.
#[tokio::test]
async fn a_payload_that_is_no_object_of_claims_is_refused() {
    let site = Site::open().await;
    let (id, origin, good) = (&site.id, &site.server.origin, site.claims());
    let exp = now() + 300;
    let texts = [
        String::new(),
        " ".into(),
        "null".into(),
        "1".into(),
        "true".into(),
        r#""sub""#.into(),
        "[]".into(),
        "{}".into(),
        format!(r#"["{id}",{exp},null,"{origin}","{origin}"]"#),
        format!(r#"["{id}",{exp},0,"{origin}","{origin}"]"#),
        format!("[{good}]"),
        json!(good).to_string(),
        format!("{good}x"),
        format!("{good}{good}"),
        good[..good.len() - 1].into(),
        good.replace('"', "'"),
        good.replacen('{', "{,", 1),
        format!("\u{feff}{good}"),
        good.replacen('{', r#"{"sub":"bob","#, 1),
        good.replacen('{', r#"{"exp":1,"#, 1),
        good.replacen(id.as_str(), r"\ud800", 1),
        good.replacen(id.as_str(), &format!(r"{id}\udc00"), 1),
    ];
    site.refuses(texts.map(|text| (text.clone(), sign(HEADER, text, KEY)))).await;

    let invalid = |within: &str| [within.as_bytes(), b"\xff", good.split_once(within).unwrap().1.as_bytes()].concat();
    let stored_block = {
        // DEFLATE without compression: one final block of so many bytes, and their complement.
        let length = u16::try_from(good.len()).unwrap();
        [&[1][..], &length.to_le_bytes(), &(!length).to_le_bytes(), good.as_bytes()].concat()
    };
    let bytes = [
        (HEADER, good.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        (HEADER, invalid("{")),
        (HEADER, good.replacen('{', "{\"name\":\"\u{1}\",", 1).into_bytes()),
        (r#"{"alg":"HS256","zip":"DEF"}"#, stored_block),
    ];
    let name = |payload: &[u8]| payload.escape_ascii().to_string();
    site.refuses(bytes.map(|(header, payload)| (name(&payload), sign(header, payload, KEY)))).await;

    // RFC 7797: the payload stands in the token as it is.
    for header in [r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, r#"{"alg":"HS256","b64":false}"#] {
        site.refuses([(header, seal::<Hmac<Sha256>>(&format!("{}.{good}", encode(header)), KEY))]).await;
    }
}

/// C021: header and claims are UTF-8, also where nobody reads (RFC 7519, section 7.2).
#[tokio::test]
async fn a_token_that_is_not_utf8_is_refused() {
    let site = Site::open().await;
    let claims = |text: &str| site.claims().replacen('{', &format!(r#"{{"name":"{text}","#), 1).into_bytes();
    let header = |text: &str| format!(r#"{{"alg":"HS256","x":"{text}"}}"#).into_bytes();
    let broken =
        |text: Vec<u8>| text.into_iter().map(|byte| if byte == b'?' { 0xff } else { byte }).collect::<Vec<_>>();
    site.accepts([("the same in UTF-8", sign(header("é"), claims("é"), KEY))]).await;
    site.refuses([
        ("header", sign(broken(header("?")), claims("é"), KEY)),
        ("claims", sign(header("é"), broken(claims("?")), KEY)),
    ])
    .await;
}

/// C028, DESIGN 4: what Better Auth signs with the same secret to cache a session is no token.
#[tokio::test]
async fn a_session_cache_cookie_is_no_token() {
    let site = Site::open().await;
    let (id, origin) = (&site.id, &site.server.origin);
    let cached = json!({
        "session": { "id": "s", "token": "t", "userId": id, "expiresAt": "2099-01-01T00:00:00.000Z" },
        "user": { "id": id, "email": "ann@example.test", "name": "ann", "emailVerified": false },
        "updatedAt": now() * 1000, "version": "1", "iat": now(), "exp": now() + 300,
    });
    let with = |more: Value| {
        let mut claims = cached.clone();
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims.to_string()
    };
    let purpose = "better-auth:session-cache";
    let good = json!({ "sub": id, "iss": origin, "aud": origin });
    let typed = |typ: &str| json!({ "alg": "HS256", "typ": typ }).to_string();
    site.refuses([
        ("as the cookie has it", sign(HEADER, cached.to_string(), KEY)),
        ("without typ", sign(r#"{"alg":"HS256"}"#, cached.to_string(), KEY)),
        ("with a subject", sign(HEADER, with(json!({ "sub": id })), KEY)),
        ("for its own audience", sign(HEADER, with(json!({ "sub": id, "iss": origin, "aud": purpose })), KEY)),
        ("by typ alone", sign(typed("better-auth.session-cache+jwt"), with(good.clone()), KEY)),
        ("by typ in capitals", sign(typed("Better-Auth.Session-Cache+JWT"), with(good.clone()), KEY)),
    ])
    .await;
    site.accepts([("a token that says as much", sign(HEADER, with(good), KEY))]).await;
}

/// C029, C030.
#[tokio::test]
async fn a_token_of_any_size_or_depth_is_refused_and_the_server_lives() {
    let site = Site::open().await;
    let good = site.claims();
    let nested = |depth: usize| "[".repeat(depth);
    let sized = |bytes: usize| {
        let padding = format!(r#"{{"padding":"{}","#, "x".repeat(bytes / 4 * 3));
        sign(HEADER, good.replacen('{', &padding, 1), KEY)
    };
    let fitting = [
        ("16 KB", sized(16 << 10)),
        ("60 KB", sized(60 << 10)),
        ("50,000 dots", ".".repeat(50_000)),
        ("dots at the end", format!("{}{}", site.honest, ".".repeat(50_000))),
        ("a deep payload", sign(HEADER, nested(5000), KEY)),
        ("a deep audience", site.with("aud", Some(&format!("{}{}", nested(2500), "]".repeat(2500))))),
        ("a deep audience of objects", {
            site.with("aud", Some(&format!("{}1{}", r#"{"a":"#.repeat(800), "}".repeat(800))))
        }),
        ("an open claim", sign(HEADER, good.replacen('{', &format!(r#"{{"x":{}"#, nested(5000)), 1), KEY)),
        ("a deep header", sign(nested(5000), &good, b"mine")),
        ("a deep header of objects", sign(r#"{"alg":"#.repeat(800), &good, b"mine")),
        ("a deep crit", {
            sign(format!(r#"{{"alg":"HS256","crit":{}{}}}"#, nested(2500), "]".repeat(2500)), &good, KEY)
        }),
    ];
    site.refuses(fitting).await;

    let line = format!("GET {} HTTP/1.1", site.path());
    let beyond = [
        ("120 KB", sized(120 << 10)),
        ("1 MB", "x".repeat(1 << 20)),
        ("100,000 deep payload", sign(HEADER, nested(100_000), KEY)),
        ("100,000 deep header", sign(nested(100_000), &good, b"mine")),
    ];
    for (name, token) in beyond {
        let answer = raw::send_as(&site.server, &token, &line, &[], b"").await;
        assert!(answer.status == 0 || (400..500).contains(&answer.status), "{name}: {answer:?}");
        site.accepts([(name, site.honest.clone())]).await;
    }
}

/// C061, C062, C064, C065, C066, C069, C070, C072, C073, C076, N4, N7.
#[tokio::test]
async fn a_claim_that_is_missing_wrong_or_of_another_type_is_refused() {
    let site = Site::open().await;
    let (id, ours, now) = (&site.id, &site.server.origin, now());
    let own = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let exp = [
        (now - 300).to_string(),
        (now - 120).to_string(),
        (now - 86_400).to_string(),
        format!("{}.5", now - 120),
        format!(r#""{}""#, now + 300),
        format!("[{}]", now + 300),
    ];
    let nbf = [(now + 300).to_string(), format!("{}.5", now + 120), format!(r#""{}""#, now - 300)];
    let one = [
        format!(r#"["{ours}"]"#),
        format!(r#"["{ours}","https://other.example.test"]"#),
        format!(r#"{{"{ours}":"{ours}"}}"#),
    ];
    // For `iss` and `aud` alike.
    let near = [
        format!(r#""{ours}/""#),
        format!(r#""{ours}/api/auth""#),
        format!(r#""{ours}0""#),
        format!(r#"" {ours}""#),
        format!(r#""{ours} ""#),
        format!(r#""{ours}\u0000""#),
        format!(r#""{}""#, ours.to_uppercase()),
        format!(r#""{}""#, &ours[..ours.len() - 1]),
        format!(r#""{}""#, ours.replace("http://", "https://")),
        format!(r#""{}""#, ours.replace("http://", "")),
        format!(r#""{}""#, ours.replace("localhost", "127.0.0.1")),
    ];
    let strange = own(&[r#""https://evil.example.test""#, r#""""#, "null", "5", "true", "{}", "[]"]);
    let many = [
        format!(r#"[["{ours}"]]"#),
        format!(r#"["{ours}",5]"#),
        format!(r#"["{ours}",null]"#),
        format!(r#"["{ours}/"]"#),
        format!(r#"{{"{ours}":"{ours}"}}"#),
        format!(r#""https://other.example.test,{ours}""#),
        format!(r#""https://other.example.test {ours}""#),
        r#"["https://evil.example.test"]"#.into(),
        r#"[""]"#.into(),
    ];
    let sub = [format!(r#"["{id}"]"#), format!(r#"{{"id":"{id}"}}"#), format!(r#""{id}\u0000""#)];
    let tables = [
        ("exp", exp.into()),
        ("exp", own(&["0", "-1", "-1e308", "null", "true", "{}", r#""""#, r#""never""#, "1e400", "-1e400", "NaN"])),
        ("nbf", nbf.into()),
        ("nbf", own(&["1e18", "9223372036854775807", "1e308", "1e400", "null", "true", "[]", "{}"])),
        ("iss", one.into()),
        ("iss", near.clone().into()),
        ("iss", strange.clone()),
        ("aud", near.into()),
        ("aud", strange),
        ("aud", many.into()),
        ("sub", sub.into()),
        ("sub", own(&["5", "true", "null", "[]", "{}", r#""""#, r#""\u0000""#])),
    ];
    for (claim, values) in tables {
        let token = |value: String| (format!("{claim} {value}"), site.with(claim, Some(&value)));
        site.refuses(values.into_iter().map(token)).await;
    }
    site.refuses(["exp", "iss", "aud", "sub"].map(|claim| (claim, site.with(claim, None)))).await;
}

/// C064, C065: within the leeway of 30 seconds, and as far ahead as numbers go.
#[tokio::test]
async fn times_are_numbers_of_any_size_with_a_small_leeway() {
    let site = Site::open().await;
    let times = [
        ("exp", (now() - 5).to_string()),
        ("nbf", (now() + 5).to_string()),
        ("exp", "9007199254740992".into()),
        ("exp", "9223372036854775808".into()),
        ("exp", "18446744073709551616".into()),
        ("exp", "10000000000000000000000000000000000000000".into()),
        ("exp", "1e308".into()),
        ("nbf", "-9223372036854775808".into()),
        ("nbf", "-1e308".into()),
    ];
    site.accepts(times.map(|(claim, value)| (format!("{claim} {value}"), site.with(claim, Some(&value))))).await;
}

/// C077, C078, N5: other claims, and other spellings of an id, are somebody else: 403 on the path of the first.
#[tokio::test]
async fn nobody_but_the_subject_is_the_caller() {
    let site = Site::open().await;
    let (id, first) = (&site.id, &site.id[..1]);
    let swapped: String = id
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    let wide = char::from_u32(u32::from(first.as_bytes()[0]) - 0x20 + 0xff00).unwrap();
    let subjects = [
        swapped,
        format!("{id} "),
        format!(" {id}"),
        format!("{id}\n"),
        format!("{id}\t"),
        format!("{id}\u{200b}"),
        format!("{id}\u{301}"),
        format!("\u{feff}{id}"),
        format!("\u{202e}{id}"),
        id.replacen(first, &wide.to_string(), 1),
        id[1..].to_owned(),
        format!("{id}{first}"),
        format!("{id}/"),
        format!("%{:02x}{}", first.as_bytes()[0], &id[1..]),
        format!("{id},bob"),
        "bob".to_owned(),
        "*".to_owned(),
        "%".to_owned(),
    ];
    let claims = |subject: String| site.forge.claims(&subject);
    let impostor = {
        let names = ["id", "user_id", "userId", "uid", "email", "username", "preferred_username", "azp", "act", "Sub"];
        let mut claims = site.forge.claims("bob");
        claims.as_object_mut().unwrap().extend(names.map(|name| (name.to_owned(), json!(id))));
        claims
    };
    for claims in subjects.map(claims).into_iter().chain([impostor]) {
        let (status, _, body) = site.get(&site.forge.signed(&claims)).await;
        assert_eq!((status, &body["code"]), (403, &json!("FORBIDDEN")), "{claims}");
    }
    site.accepts([("honest", site.honest.clone())]).await;
}

/// C081: whoever has no account has nothing; and a read makes none, for a write is refused before and after.
#[tokio::test]
async fn a_subject_without_an_account_has_an_empty_list_and_can_add_nothing() {
    let server = Server::start();
    let http = reqwest::Client::new();
    for subject in ["nobody", "ljJS4iTtdrTKYBTXzNu0skdZbvGQyqlR", "42"] {
        let token = Forge::of(&server).token(subject);
        let url = server.url(&format!("/api/{subject}/tasks"));
        for _ in 0..2 {
            let list = http.get(&url).bearer_auth(&token).send().await.unwrap();
            assert_eq!((list.status().as_u16(), list.text().await.unwrap().as_str()), (200, "[]"));
            let added = http.post(&url).bearer_auth(&token).json(&json!({ "title": "x" })).send().await.unwrap();
            assert_eq!((added.status().as_u16(), added.text().await.unwrap().as_str()), (401, REFUSAL));
        }
        for (method, rest) in [(Method::GET, "/1"), (Method::DELETE, "/1"), (Method::PATCH, "/1/complete")] {
            let absent = http.request(method, format!("{url}{rest}")).bearer_auth(&token).send().await.unwrap();
            assert_eq!(absent.status(), 404);
        }
    }
}

/// C082, R4, N10: what is in our own tokens, from each place that gives one; all are valid at once.
#[tokio::test]
async fn an_issued_token_says_who_it_is_for_and_nothing_secret() {
    let server = Server::start();
    let ann = User::sign_up(&server, "ann").await;
    let credentials = json!({ "email": ann.email, "password": PASSWORD });
    let sign_in = ann.anonymous(Method::POST, "/api/auth/sign-in/email").json(&credentials).send().await.unwrap();
    let signed_in = sign_in.headers()["set-auth-jwt"].to_str().unwrap().to_owned();
    let user = sign_in.json::<Value>().await.unwrap()["user"].clone();
    let fetched = ann.anonymous(Method::GET, "/api/auth/token").header("cookie", &ann.cookie).send().await.unwrap();
    let fetched = fetched.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    for token in [&ann.token, &signed_in, &fetched] {
        let segments: Vec<_> = token.split('.').map(|segment| URL_SAFE_NO_PAD.decode(segment).unwrap()).collect();
        let [header, claims, _] = segments.as_slice() else { panic!("{token}") };
        let header: Value = serde_json::from_slice(header).unwrap();
        assert_eq!(header["alg"], "HS256");
        let mut claims: Value = serde_json::from_slice(claims).unwrap();
        let (issued, expires) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
        assert_eq!(expires - issued, 900);
        assert!(issued.abs_diff(now()) < 60, "{issued}");
        for (name, expected) in [("sub", &ann.id), ("iss", &server.origin), ("aud", &server.origin)] {
            assert_eq!(claims[name], **expected);
        }
        let claims = claims.as_object_mut().unwrap();
        claims.retain(|name, _| !["iat", "exp", "sub", "iss", "aud"].contains(&name.as_str()));
        // The rest is what the user's own page shows, and so neither password, hash nor session.
        assert_eq!(json!(claims), user);
        let list = ann.anonymous(Method::GET, &ann.tasks("")).bearer_auth(token).send().await.unwrap();
        assert_eq!(list.status(), 200);
    }
}

/// An app that puts much into its tokens can raise the limit, and the log says which it is.
#[tokio::test]
async fn the_longest_token_is_a_setting() {
    for (setting, largest) in [(None, 8192), (Some("1024"), 1024), (Some("16384"), 16384)] {
        let settings: Vec<_> = setting.into_iter().map(|bytes| ("TASKBRIDGE__JWT__MAX_BYTES", bytes)).collect();
        let server = Server::start_with(&settings);
        let forge = Forge::of(&server);
        // base64 makes four characters of three bytes, so the token may be a few bytes shorter.
        let of_size = |size: usize| {
            let mut claims = forge.claims("ann");
            claims["pad"] = "x".repeat((size - forge.signed(&claims).len() - 12) * 3 / 4).into();
            forge.signed(&claims)
        };
        for (size, status) in [(largest, 200), (largest + 9, 401)] {
            let line = "GET /api/ann/tasks HTTP/1.1";
            let token = of_size(size);
            assert!((size - 8..=size).contains(&token.len()), "{size}: {}", token.len());
            assert_eq!(raw::send_as(&server, &token, line, &[], b"").await.status, status, "{setting:?} {size}");
        }
        let cause = format!("longer than {largest} bytes (jwt.max_bytes)");
        assert!(server.log.text().contains(&cause), "{}", server.log.text());
        let (_, explained) = server.run(&["token", "explain", &of_size(largest + 9)], &[]);
        assert!(explained.contains(&cause) && explained.contains("raise jwt.max_bytes"), "{explained}");
    }
}

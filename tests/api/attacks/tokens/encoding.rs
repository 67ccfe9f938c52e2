//! Segments, base64url and JSON.

use hmac::Hmac;
use serde_json::json;
use sha2::Sha256;
use support::forge::{encode, now, sign};
use support::raw;

use super::{HEADER, KEY, Site, seal};

/// Optional header fields and claims, in any form that RFC 7519 allows, are accepted.
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

/// A header that RFC 7515 forbids is rejected, even if the signature is correct.
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

/// Every segment is base64url without padding, spaces or non-zero trailing bits, and is verified as it was sent.
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
        // Trailing spaces are not part of a header value.
        if !junk.trim().is_empty() {
            cases.push(format!("{message}.{}", after(signature)));
        }
        site.refuses(cases.into_iter().map(|token| (format!("{junk:?} in {token}"), token))).await;
    }

    // 32 bytes have 43 digits; the last two bits of the last digit are not used.
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = digits.find(&signature[42..]).unwrap();
    let strays = [1, 2, 3].map(|bits| (bits, format!("{message}.{}{}", &signature[..42], &digits[last ^ bits..][..1])));
    site.refuses(strays).await;
}

/// Line breaks and NUL in a token: the HTTP parser may reject the whole request.
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

/// A token with fewer or more than three segments, or an empty one, is rejected.
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

/// A token that is truncated or modified anywhere is rejected.
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

/// A correctly signed payload that is not a JSON object is rejected.
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
        // An uncompressed DEFLATE block: its length, the complement of its length, and the bytes.
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

    // With an unencoded payload (RFC 7797).
    for header in [r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, r#"{"alg":"HS256","b64":false}"#] {
        site.refuses([(header, seal::<Hmac<Sha256>>(&format!("{}.{good}", encode(header)), KEY))]).await;
    }
}

/// Header and claims must be UTF-8, even in fields that are ignored (RFC 7519, section 7.2).
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

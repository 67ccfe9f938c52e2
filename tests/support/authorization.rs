//! Headers `Authorization`, judged by a server and by `taskbridge token explain`.

use crate::raw;
use crate::server::Server;

/// Returns values of the header `Authorization` that contain a valid access token of `ann` in many ways, each with the
/// status of a request for her tasks.
#[must_use]
pub fn values(token: &str) -> Vec<(String, u16)> {
    let (start, end) = token.split_at(30);
    let rejected = [
        String::new(),
        token.into(),
        format!("Bearer: {token}"),
        format!("Bearer:{token}"),
        format!("Bearer{token}"),
        format!("Bearer={token}"),
        format!("Bearer,{token}"),
        format!("Bearer%20{token}"),
        format!("Bearer\t{token}"),
        format!("Bearer \t{token}"),
        format!("Bearer\u{a0}{token}"),
        format!("Bearer \u{200b}{token}"),
        format!("\u{feff}Bearer {token}"),
        format!("Bearers {token}"),
        format!("JWT {token}"),
        format!("Token {token}"),
        format!("token={token}"),
        "Basic YW5uOnNlY3JldA==".into(),
        "Digest username=\"ann\"".into(),
        "Bearer".into(),
        "bearer  ".into(),
        "Bearer undefined".into(),
        "Bearer null".into(),
        "Bearer [object Promise]".into(),
        "Bearer ${token}".into(),
        format!("Bearer <{token}>"),
        format!("Bearer \"{token}\""),
        format!("Bearer '{token}'"),
        format!("\"Bearer {token}\""),
        format!("Bearer Bearer {token}"),
        format!("Authorization: Bearer {token}"),
        format!("authorization=Bearer {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {token},{token}"),
        format!("Bearer {token},"),
        format!("Bearer {token};"),
        format!("Bearer {token}="),
        format!("Bearer {token}\u{e9}"),
        format!("Bearer {start} {end}"),
        format!("Bearer {start}\t{end}"),
        format!("Bearer {start}"),
        format!("Bearer {end}"),
        format!("{{\"token\":\"{token}\"}}"),
        format!("Bearer {{\"token\": \"{token}\"}}"),
        "MRJbYmtEqQ2weOLEwerkxTXl8pTFvgyk.c2lnbmVk%3D".into(),
        "better-auth.session_token=MRJbYmtEqQ2weOLEwerkxTXl8pTFvgyk.c2lnbmVk%3D".into(),
        "Bearer MRJbYmtEqQ2weOLEwerkxTXl8pTFvgyk".into(),
        format!("Bearer {}", "a".repeat(9000)),
        format!("Bearer {token}{}", "a".repeat(9000)),
    ];
    let accepted = [
        format!("Bearer {token}"),
        format!("bearer {token}"),
        format!("BEARER {token}"),
        format!("bEaReR    {token}"),
        format!("  Bearer {token}"),
        format!("\tBearer {token}"),
        format!("Bearer {token}  "),
        format!("Bearer {token} \t"),
    ];
    let malformed = [
        format!("Bearer {token}\u{1}"),
        format!("Bearer \u{1b}[31m{token}"),
        format!("Bearer {token}\u{7f}"),
        format!("Bearer {start}\r{end}"),
    ];
    let too_large = [format!("Bearer {}", "a".repeat(70_000)), format!("Bearer {token} {}", "a".repeat(70_000))];
    let with = |values: Vec<String>, status| values.into_iter().map(move |value| (value, status));
    with(rejected.into(), 401)
        .chain(with(accepted.into(), 200))
        .chain(with(malformed.into(), 400))
        .chain(with(too_large.into(), 431))
        .collect()
}

/// Asserts that a request with this header has this status, and that `token explain`, run with the settings of the
/// server, says so.
pub async fn judged_alike(server: &Server, value: &str, expected: u16) {
    let header = format!("Authorization: {value}");
    let answer = raw::send(server, &raw::request("GET /api/ann/tasks HTTP/1.1", &[&header], b"")).await;
    assert_eq!(answer.status, expected, "{header:.200}");
    let (explained, text) = explain(server, &header);
    assert_eq!(explained, expected, "{header:.200}: {text:.2000}");
    assert!(text.starts_with("Input: the header Authorization\n"), "{text:.2000}");
}

/// Runs `token explain` with the settings of the server. Returns the status that it names, and its output. The exit code
/// is 0 only for an accepted token.
#[must_use]
pub fn explain(server: &Server, pasted: &str) -> (u16, String) {
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let (is_accepted, text) = server.run(&["token", "explain", "--", pasted], &[("PORT", port), ("RUST_LOG", "off")]);
    let verdict = |line: &str| match line.split_once(['(', ':']) {
        Some(("Accepted", _)) => Some(200),
        Some(("Rejected " | "Cannot be verified now ", rest)) => rest.split(')').next()?.parse().ok(),
        _ => None,
    };
    let status = text.lines().find_map(verdict).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(is_accepted, status == 200, "{text}");
    (status, text)
}

//! The client address behind a reverse proxy, from `X-Forwarded-For` or `Forwarded` (RFC 7239).

use serde_json::Value;
use support::Server;

use crate::limits::{BEHIND_A_PROXY, ON, exhaust, guess};

const FORWARDED: (&str, &str) = ("TASKBRIDGE__SERVER__FORWARDED_HEADER", "forwarded");

/// Returns the warnings in the log.
fn warnings(server: &Server) -> Vec<Value> {
    let lines = server.log.lines();
    let lines = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["level"] == "WARN").map(|line| line["fields"].clone()).collect()
}

#[tokio::test]
async fn entries_with_a_port_or_brackets_are_addresses() {
    let server = Server::start_with(&[ON, BEHIND_A_PROXY]);
    for (entry, same) in [
        ("203.0.113.17:5001", &["203.0.113.17:5002", "203.0.113.17", "198.51.100.9, 203.0.113.17:1"][..]),
        ("203.0.113.18:5001", &["203.0.113.18"]),
        ("[2001:db8::7]:443", &["[2001:db8::7]", "2001:db8::7", "[2001:db8::8]:1"]),
        ("[2001:db8:0:1::7]", &["[2001:db8:0:1::7]:443"]),
    ] {
        exhaust(&server, &[("x-forwarded-for", entry)]).await;
        for same in same {
            assert_eq!(guess(&server, &[("x-forwarded-for", same)]).await, 429, "{same}");
        }
    }
    assert_eq!(warnings(&server), [] as [Value; 0]);
}

#[tokio::test]
async fn the_forwarded_header_is_read_where_it_is_configured() {
    let server = Server::start_with(&[ON, BEHIND_A_PROXY, FORWARDED]);
    exhaust(&server, &[("forwarded", "for=203.0.113.17;proto=https")]).await;
    exhaust(&server, &[("forwarded", "For=\"203.0.113.18:5001\"")]).await;
    exhaust(&server, &[("forwarded", "proto=http;for=\"[2001:db8::7]:443\"")]).await;
    // The proxy appends its element to those that the client sends. X-Forwarded-For is ignored.
    for own in ["for=192.0.2.1, for=203.0.113.17", "for=unknown,for=203.0.113.17", "garbage; =, for=203.0.113.17"] {
        assert_eq!(guess(&server, &[("forwarded", own)]).await, 429, "{own}");
    }
    for own in ["for=192.0.2.1", "for=\"192.0.2.1", "for=\"192.0.2.1\\"] {
        let lines = [("forwarded", own), ("forwarded", "for=203.0.113.17"), ("x-forwarded-for", "192.0.2.2")];
        assert_eq!(guess(&server, &lines).await, 429, "{own}");
    }
    assert_eq!(warnings(&server), [] as [Value; 0]);
}

/// An unterminated quote from the client neither hides the proxy's element nor replaces it. Such a header has no
/// address, and clients without one share a limit.
#[tokio::test]
async fn an_open_quote_does_not_choose_the_address() {
    let server = Server::start_with(&[ON, BEHIND_A_PROXY, FORWARDED]);
    exhaust(&server, &[("forwarded", "for=\"192.0.2.1, for=203.0.113.17")]).await;
    for line in [
        "for=192.0.2.2;x=\", for=203.0.113.17",
        "for=192.0.2.3, x=\", for=\"[2001:db8::7]\"",
        "for=192.0.2.4, x=\"a\" b, for=203.0.113.17",
        "for=unknown",
        "for=_hidden",
        "proto=https",
        "",
    ] {
        assert_eq!(guess(&server, &[("forwarded", line)]).await, 429, "{line}");
    }
    exhaust(&server, &[("forwarded", "for=203.0.113.17")]).await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_warned_of_once() {
    let long = format!("x\t{}", "x".repeat(300));
    for (settings, name, sent) in [
        (&[ON, BEHIND_A_PROXY][..], "X-Forwarded-For", "unknown"),
        (&[ON, BEHIND_A_PROXY], "X-Forwarded-For", &*long),
        (&[ON, BEHIND_A_PROXY, FORWARDED], "Forwarded", "for=\"192.0.2.1"),
        (&[ON, BEHIND_A_PROXY, FORWARDED], "Forwarded", "for=_hidden"),
    ] {
        let server = Server::start_with(settings);
        let header = if name == "Forwarded" { "forwarded" } else { "x-forwarded-for" };
        for _ in 0..3 {
            assert_eq!(guess(&server, &[(header, &format!("{sent} "))]).await, 401);
        }
        let warnings = warnings(&server);
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        assert_eq!(warnings[0]["header"], name);
        let entry = warnings[0]["entry"].as_str().unwrap();
        assert_eq!(entry, sent.chars().take(100).collect::<String>());
        assert!(!server.log.text().contains(['\t', '\u{1b}']), "escaped");
        let message = warnings[0]["message"].as_str().unwrap();
        assert!(message.contains("server.forwarded_header"), "{message}");
        assert!(message.contains("server.trusted_proxies"), "{message}");
    }
}

#[tokio::test]
async fn the_warning_of_an_untrusted_peer_names_the_configured_header() {
    for (settings, header, other) in
        [(&[ON][..], "X-Forwarded-For", "forwarded"), (&[ON, FORWARDED], "Forwarded", "x-forwarded-for")]
    {
        let server = Server::start_with(settings);
        assert_eq!(guess(&server, &[(other, "for=192.0.2.1")]).await, 401);
        assert_eq!(warnings(&server), [] as [Value; 0]);
        let configured = if header == "Forwarded" { "forwarded" } else { "x-forwarded-for" };
        for _ in 0..2 {
            assert_eq!(guess(&server, &[(configured, "for=192.0.2.1")]).await, 401);
        }
        let warnings = warnings(&server);
        assert_eq!(warnings.len(), 1, "{warnings:#?}");
        let message = warnings[0]["message"].as_str().unwrap();
        assert!(message.contains("TRUSTED_PROXIES"), "{message}");
        assert_eq!(warnings[0]["header"], header);
    }
}

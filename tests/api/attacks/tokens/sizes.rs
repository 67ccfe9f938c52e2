//! Long and deeply nested tokens.

use support::forge::sign;
use support::{Forge, Server, raw};

use super::{HEADER, KEY, Site};

/// A token of any size or depth is rejected without harm to the server.
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

/// The maximum token length can be configured, and the log names the setting.
#[tokio::test]
async fn the_longest_token_is_a_setting() {
    for (setting, largest) in [(None, 8192), (Some("1024"), 1024), (Some("16384"), 16384)] {
        let settings: Vec<_> = setting.into_iter().map(|bytes| ("TASKBRIDGE__JWT__MAX_BYTES", bytes)).collect();
        let server = Server::start_with(&settings);
        let forge = Forge::of(&server);
        // base64 encodes three bytes as four characters, so the token may be a few bytes shorter.
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

//! Bodies without end, and compressed bodies.

use futures_util::future::join_all;
use support::raw::{Connection, send_as};

use super::{JSON, SIGN_IN, SIGN_UP, Site};

/// On every route that reads a body, endless chunks are answered once they exceed the limit, and the connection closes.
#[tokio::test]
async fn a_body_without_end_is_answered_and_its_connection_closed() {
    let site = Site::open().await;
    let sign_in = format!("POST {SIGN_IN} HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\nTransfer-Encoding: chunked");
    let sign_up = sign_in.replace(SIGN_IN, SIGN_UP);
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for head in [site.post("Transfer-Encoding: chunked"), sign_in, sign_up] {
        let mut connection = Connection::open(&site.server).await;
        connection.write(format!("{head}\r\n\r\n").as_bytes()).await;
        let answer = connection.answer_to_a_trickle(chunk.repeat(4).as_bytes()).await;
        assert_eq!((answer.status, answer.header("connection")), (413, Some("close")), "{answer:?}");
        let more = connection.answer_to_a_trickle(chunk.as_bytes()).await;
        assert_eq!(more.status, 0, "{more:?}");
    }
}

/// Compressed bodies are rejected without decompressing them: 64 concurrent ones take no memory.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn compressed_bodies_are_refused_and_not_inflated() {
    let site = Site::open().await;
    let bombs: [(&str, &[u8]); 4] = [
        ("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
        ("deflate", b"\x78\x01"),
        ("br", b""),
        ("gzip, gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03"),
    ];
    let zeros = deflated_zeros();
    let before = site.server.memory();
    let attempts = (0..64).map(|number| {
        let (encoding, start) = bombs[number % bombs.len()];
        let body = [start, &zeros].concat();
        let (server, bob) = (&site.server, &site.bob);
        async move {
            let line = format!("POST {} HTTP/1.1", bob.tasks(""));
            let encoding = format!("Content-Encoding: {encoding}");
            send_as(server, &bob.token, &line, &[JSON, &encoding], &body).await.status
        }
    });
    let statuses = join_all(attempts).await;
    assert_eq!(statuses, [415; 64]);
    let grown = site.server.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    site.assert_well().await;
}

/// Returns 9 MB of zeros in 58 kB: one, and then 35,000 copies of the previous 258 (RFC 1951, section 3.2.6).
fn deflated_zeros() -> Vec<u8> {
    let bits = format!("110{}{}0000000", "00110000", "1100010100000".repeat(35_000));
    let bytes = bits.as_bytes().chunks(8);
    bytes.map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | (bit - b'0'))).collect()
}

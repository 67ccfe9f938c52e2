//! Bodies that are too large, compressed, or not JSON.

use serde_json::json;
use support::raw::{request, send, send_unfinished};

use crate::site::{JSON, OneUser, assert_error, parsed};

/// A body above the limit is not read, whether its length is announced or it arrives in chunks.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let site = OneUser::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "stays" })).await["id"]);
    let before = site.ann.list().await;
    let of_size = |size: usize| {
        let frame = json!({ "title": "x", "more": "" }).to_string().len();
        json!({ "title": "x", "more": "y".repeat(size - frame) }).to_string().into_bytes()
    };
    let bearer = format!("Authorization: Bearer {}", site.ann.token);
    let chunked = "Transfer-Encoding: chunked";
    for (method, rest) in [("POST", ""), ("PUT", &*task), ("PATCH", &task), ("POST", &format!("{task}/complete"))] {
        let line = format!("{method} {} HTTP/1.1", site.ann.tasks(rest));
        let mut requests = Vec::new();
        for (name, body) in [
            ("one more byte", of_size(65_537)),
            ("1 MB", of_size(1 << 20)),
            ("100,000 arrays", [vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
            ("not JSON at all", vec![0; 100_000]),
        ] {
            // A single chunk without the last, empty one.
            let length = format!("{:x}\r\n", body.len());
            let endless =
                [&request(&line, &[&bearer, JSON, chunked], b"")[..], length.as_bytes(), &body, b"\r\n"].concat();
            requests.push((format!("{name}, chunked"), endless));
            requests.push((name.to_owned(), request(&line, &[&bearer, JSON], &body)));
        }
        for length in ["65537", "10000000000"] {
            let announced = format!("Content-Length: {length}");
            requests.push((announced.clone(), request(&line, &[&bearer, JSON, &announced], b"")));
        }
        for (name, bytes) in requests {
            let answer = send_unfinished(&site.server, &bytes).await;
            assert_error(&answer, 413, "PAYLOAD_TOO_LARGE", &format!("{line} {name}"));
        }
    }
    assert_eq!(site.ann.list().await, before);
    assert_eq!(site.create(of_size(65_536)).await.status, 201, "the largest that is read");
    let mut in_chunks = request(&format!("POST {} HTTP/1.1", site.ann.tasks("")), &[&bearer, JSON, chunked], b"");
    in_chunks.extend_from_slice(b"5\r\n{\"tit\r\na\r\nle\":\"in ch\r\n6\r\nunks\"}\r\n0\r\n\r\n");
    let answer = send(&site.server, &in_chunks).await;
    assert_eq!(parsed(&answer)["title"], "in chunks", "{answer:?}");
}

/// Only uncompressed JSON in UTF-8 is accepted, and nothing that an HTML form of another site could send.
#[tokio::test]
async fn a_body_of_another_media_type_is_refused() {
    let site = OneUser::open().await;
    let task = format!("/{}", site.ann.add(json!({ "title": "stays" })).await["id"]);
    let before = site.ann.list().await;
    let body = br#"{"title":"changed","completed":true}"#.as_slice();
    // `{"title":"zipped"}`.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\xabV*\xc9,\xc9IU\xb2R\xaa\xca,(HMQ\xaa\x05\0i\xab\x13W\x12\0\0\0";
    let deflate = b"x\x9c\xabV*\xc9,\xc9IU\xb2R\xaa\xca,(HMQ\xaa\x05\0<\xdd\x06i";
    let multipart = b"--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nx\r\n--b--\r\n".as_slice();
    let utf16: Vec<u8> = r#"{"title":"x"}"#.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let cases = [
        (vec![], body),
        (vec!["Content-Type:"], body),
        (vec!["Content-Type: text/plain"], body),
        (vec!["Content-Type: text/plain; application/json"], body),
        (vec!["Content-Type: text/json"], body),
        (vec!["Content-Type: application/xml"], body),
        (vec!["Content-Type: application/vnd.api+json"], body),
        (vec!["Content-Type: application/json-patch+json"], body),
        (vec!["Content-Type: application/jsonx"], body),
        (vec!["Content-Type: application/json, text/plain"], body),
        (vec!["Content-Type: application"], body),
        (vec!["Content-Type: */*"], body),
        (vec!["Content-Type: application/octet-stream"], body),
        (vec!["Content-Type: application/x-www-form-urlencoded"], b"title=changed&completed=true"),
        (vec!["Content-Type: application/x-www-form-urlencoded"], body),
        (vec!["Content-Type: multipart/form-data; boundary=b"], multipart),
        (vec!["Content-Type: application/json; charset=utf-16"], &utf16),
        (vec!["Content-Type: application/json; charset=iso-8859-1"], body),
        (vec!["Content-Type: application/json; charset=utf-7"], body),
        (vec!["Content-Type: application/json; charset="], body),
        (vec!["Content-Type: application/json; a=b; Charset=\"us-ascii\""], body),
        (vec!["Content-Type: application/json\u{e9}"], body),
        (vec![JSON, "Content-Encoding: gzip"], gzip),
        (vec![JSON, "Content-Encoding: x-gzip"], gzip),
        (vec![JSON, "Content-Encoding: deflate"], deflate),
        (vec![JSON, "Content-Encoding: br"], body),
        (vec![JSON, "Content-Encoding: gzip, gzip"], gzip),
        (vec![JSON, "Content-Encoding: identity, gzip"], gzip),
        (vec![JSON, "Content-Encoding: gzip"], body),
        (vec![JSON, "Content-Encoding: unknown"], body),
    ];
    for (headers, body) in &cases {
        for (method, rest) in [("POST", ""), ("PUT", &*task), ("PATCH", &task), ("PATCH", &format!("{task}/complete"))]
        {
            let answer = site.send(method, rest, headers, body).await;
            assert_error(&answer, 415, "UNSUPPORTED_MEDIA_TYPE", &format!("{method} {rest} {headers:?}"));
        }
    }
    assert_eq!(site.ann.list().await, before);
    for headers in [
        [JSON, "X: 1"],
        ["Content-Type: Application/JSON", "X: 1"],
        ["Content-Type: application/json;charset=utf-8", "X: 1"],
        ["Content-Type: application/json ; charset=\"UTF-8\"", "X: 1"],
        ["Content-Type: application/json; charset=utf8; v=1", "X: 1"],
        [JSON, "Content-Encoding: identity"],
    ] {
        assert_eq!(site.send("POST", "", &headers, body).await.status, 201, "{headers:?}");
    }
}

//! The redirect from `/` to the API documentation.

use support::Server;
use support::raw::{request, send_unfinished};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn a_browser_that_opens_the_root_gets_to_the_page() {
    let server = Server::start();
    for accept in [BROWSER, "Accept: TEXT/HTML", "Accept: application/json, text/html;q=0.5"] {
        let answer = send_unfinished(&server, &request("GET / HTTP/1.1", &[accept], b"")).await;
        assert_eq!((answer.status, answer.header("location")), (307, Some("docs")), "{accept}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    for (line, accept) in [
        ("GET / HTTP/1.1", "Accept: */*"),
        ("GET / HTTP/1.1", "Accept: application/json"),
        ("GET / HTTP/1.1", "Accept: text/html;q=0"),
        ("GET / HTTP/1.1", "Accept: text/html; q=0.000"),
        ("GET / HTTP/1.1", "X: y"),
        ("POST / HTTP/1.1", BROWSER),
        ("GET // HTTP/1.1", BROWSER),
        ("GET /nowhere HTTP/1.1", BROWSER),
    ] {
        let answer = send_unfinished(&server, &request(line, &[accept], b"")).await;
        assert_eq!((answer.status, answer.header("location")), (404, None), "{line} {accept}");
    }
    let head = send_unfinished(&server, &request("HEAD / HTTP/1.1", &[BROWSER], b"")).await;
    assert_eq!((head.status, head.header("location")), (307, Some("docs")));
    let page = reqwest::Client::new().get(server.url("/")).header("accept", "text/html").send().await.unwrap();
    assert_eq!((page.status().as_u16(), page.url().path()), (200, "/docs/"));
}

#[tokio::test]
async fn without_the_page_the_root_is_not_found() {
    for setting in ["TASKBRIDGE__DOCS__PAGE", "TASKBRIDGE__DOCS__OPENAPI"] {
        let server = Server::start_with(&[(setting, "off")]);
        assert_eq!(
            send_unfinished(&server, &request("GET / HTTP/1.1", &[BROWSER], b"")).await.status,
            404,
            "{setting}"
        );
    }
}

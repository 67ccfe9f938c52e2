//! The limits of open connections, and the separate listener for health checks.

use reqwest::StatusCode;
use support::Server;
use support::metrics::Scrape;
use support::raw::{Answer, Connection};
use support::server::{SECRET, refuse_to_start};

use crate::lifecycle::{until_logged, within_patience};
use crate::refusals::series;

const LIVE: &str = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
const SIGN_IN: &str = "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
    Content-Length: 53\r\nExpect: 100-continue\r\n\r\n";
const CREDENTIALS: &[u8] = br#"{"email":"ann@example.test","password":"xxxxxxxxxxx"}"#;

/// Two clients of different networks.
const NEAR: &str = "127.0.0.1";
const ELSEWHERE: &str = "127.0.1.1";

const CONNECTIONS: &str = "taskbridge_http_connections";
const REFUSED: &str = "taskbridge_http_connections_refused_total";
const CLOSED: &str = "taskbridge_http_connections_closed_to_make_room_total";

/// Starts a server with these limits, and with timeouts so long that they close no connection.
fn limited(total: &str, per_network: &str, more: &[(&str, &str)]) -> Server {
    let limits = [
        ("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0"),
        ("TASKBRIDGE__SERVER__MAX_CONNECTIONS", total),
        ("TASKBRIDGE__SERVER__MAX_CONNECTIONS_PER_NETWORK", per_network),
        ("TASKBRIDGE__SERVER__KEEP_ALIVE_SECONDS", "600"),
        ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "600"),
    ];
    Server::start_with(&[&limits, more].concat())
}

async fn ask(connection: &mut Connection) -> Answer {
    connection.write(LIVE.as_bytes()).await;
    connection.answer().await
}

/// Opens connections that have been answered and then wait for the next request.
async fn idle(client: &str, server: &Server, count: usize) -> Vec<Connection> {
    let mut idle = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open_from(client, &server.address).await;
        assert_eq!(ask(&mut connection).await.status, 200);
        idle.push(connection);
    }
    idle
}

/// Opens connections with a request whose body has not been sent.
async fn busy(client: &str, server: &Server, count: usize) -> Vec<Connection> {
    let mut busy = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open_from(client, &server.address).await;
        connection.write(SIGN_IN.as_bytes()).await;
        assert_eq!(connection.answer().await.status, 100);
        busy.push(connection);
    }
    busy
}

/// Asserts that these requests are answered once their bodies have arrived.
async fn assert_answered(busy: Vec<Connection>) {
    for mut connection in busy {
        connection.write(CREDENTIALS).await;
        let answer = connection.answer().await;
        // The queue of the password hashes may be full.
        assert!([401, 503].contains(&answer.status), "{answer:?}");
    }
}

/// If all connections are idle, new clients are answered at once, and the connections that have been idle for longest
/// are closed.
#[tokio::test]
async fn idle_connections_make_room_for_new_ones() {
    let server = limited("64", "1000", &[]);
    let mut idle = idle(NEAR, &server, 64).await;
    for (number, connection) in idle.iter_mut().enumerate() {
        if number < 8 {
            assert_eq!(connection.answers().await, [], "{number}");
        } else {
            assert_eq!(ask(connection).await.status, 200, "{number}");
        }
    }
    let mut new = Vec::new();
    for _ in 0..200 {
        let mut connection = Connection::open_from(ELSEWHERE, &server.address).await;
        assert_eq!(ask(&mut connection).await.status, 200);
        new.push(connection);
    }
    let scrape = Scrape::of(&server).await;
    assert!((56..=64).contains(&scrape.count(CONNECTIONS)) && scrape.count(REFUSED) == 0);
    assert_eq!(scrape.count(CLOSED), 208);
}

/// Neither do clients that send nothing, or the head of a request only in part.
#[tokio::test]
async fn unfinished_heads_make_room_for_new_connections() {
    let server = limited("32", "1000", &[]);
    let mut held = Vec::new();
    for start in ["", "GET /hea", "GET /health/live HTTP/1.1\r\nHost: x\r\n"].repeat(40) {
        let mut connection = Connection::open_from(NEAR, &server.address).await;
        connection.write(start.as_bytes()).await;
        held.push(connection);
    }
    assert!(Scrape::of(&server).await.count(CLOSED) > 0);
    // The second requests of these connections are unfinished.
    let mut second = idle(NEAR, &server, 28).await;
    for connection in &mut second {
        connection.write(b"GET /hea").await;
    }
    // All of them stay open, so those with a second request have to make room.
    assert_eq!(idle(ELSEWHERE, &server, 40).await.len(), 40);
}

/// However many new connections there are, a request that is being sent or answered is not disturbed.
#[tokio::test]
async fn connections_with_a_request_are_not_closed() {
    let server = limited("32", "1000", &[]);
    let busy = busy(NEAR, &server, 28).await;
    for _ in 0..100 {
        let mut connection = Connection::open_from(ELSEWHERE, &server.address).await;
        assert_eq!(ask(&mut connection).await.status, 200);
    }
    assert_answered(busy).await;
}

/// A request that has been sent when its connection is asked to close is answered, and the answer says that the
/// connection closes.
#[tokio::test]
async fn a_request_on_its_way_is_answered_although_its_connection_makes_room() {
    let server = limited("64", "1000", &[]);
    let mut is_said = false;
    // The server may answer all requests before it makes room, so that no answer says it.
    within_patience(async {
        while !is_said {
            let mut idle = idle(NEAR, &server, 56).await;
            server.signal("STOP");
            let mut new = Vec::new();
            for _ in 0..8 {
                new.push(Connection::open_from(ELSEWHERE, &server.address).await);
            }
            for connection in idle.iter_mut().chain(&mut new) {
                connection.write(LIVE.as_bytes()).await;
            }
            server.signal("CONT");
            for connection in idle.iter_mut().chain(&mut new) {
                let answer = connection.answer().await;
                assert_eq!(answer.status, 200);
                if answer.header("connection") == Some("close") {
                    assert_eq!(connection.answers().await, []);
                    is_said = true;
                }
            }
        }
    })
    .await;
}

/// A network that has reached its limit is refused while all of its connections have requests. Other networks are not
/// affected.
#[tokio::test]
async fn one_network_cannot_take_all_connections() {
    let server = limited("64", "16", &[]);
    let mut held = busy(NEAR, &server, 16).await;
    for neighbour in [NEAR, "127.0.0.2", "127.0.0.3"] {
        let mut refused = Connection::open_from(neighbour, &server.address).await;
        let answer = ask(&mut refused).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, ""), "{neighbour}");
        assert_eq!((answer.header("retry-after"), answer.header("connection")), (Some("1"), Some("close")));
        assert_eq!(refused.answers().await, []);
    }
    let mut elsewhere = Connection::open_from(ELSEWHERE, &server.address).await;
    assert_eq!(ask(&mut elsewhere).await.status, 200);
    let scrape = Scrape::of(&server).await;
    assert_eq!((scrape.count(CONNECTIONS), scrape.count(REFUSED), scrape.count(CLOSED)), (17, 3, 0));
    let log = server.log.lines();
    let logged: Vec<_> = log.iter().filter(|line| line.contains("server.max_connections_per_network")).collect();
    assert!(logged.len() == 1 && logged[0].contains(r#""peer":"127.0.0.1""#), "{logged:#?}");
    let cause = "too_many_connections";
    assert!(logged[0].contains(&format!(r#""cause":"{cause}""#)), "{logged:#?}");
    assert_eq!(scrape.count(&series(503, cause)), 3);

    // A connection without a request makes room for another one of its network.
    held.truncate(15);
    Scrape::until(&server, |scrape| scrape.count(CONNECTIONS) == 16).await;
    let mut waiting = idle(NEAR, &server, 1).await.remove(0);
    // The server searches for it only from time to time.
    let _another = within_patience(async {
        loop {
            let mut another = Connection::open_from("127.0.0.2", &server.address).await;
            if ask(&mut another).await.status == 200 {
                return another;
            }
        }
    })
    .await;
    assert_eq!(waiting.answers().await, []);
    assert_answered(held).await;
    assert_eq!(ask(&mut elsewhere).await.status, 200);
}

/// Trusted proxies have the connections of many clients.
#[tokio::test]
async fn trusted_proxies_are_not_limited_as_one_network() {
    let server = limited("64", "8", &[("TRUSTED_PROXIES", NEAR)]);
    let mut proxy = idle(NEAR, &server, 40).await;
    let _client = busy(ELSEWHERE, &server, 8).await;
    let mut refused = Connection::open_from(ELSEWHERE, &server.address).await;
    assert_eq!(ask(&mut refused).await.status, 503);
    for connection in &mut proxy {
        assert_eq!(ask(connection).await.status, 200);
    }
    assert_eq!(Scrape::of(&server).await.count(CLOSED), 0);
}

/// The separate listener answers health checks while clients hold all connections to the API, and itself has room for
/// new connections. It stops last.
#[tokio::test]
async fn health_checks_have_connections_of_their_own() {
    let settings = [
        ("TASKBRIDGE__HEALTH__ADDRESS", "127.0.0.1:0"),
        ("TASKBRIDGE__SERVER__DRAIN_SECONDS", "600"),
        ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "1"),
    ];
    let mut server = limited("32", "1000", &settings);
    let health = server.health.clone().unwrap();
    let status = async |path: &str| reqwest::get(format!("http://{health}{path}")).await.unwrap().status().as_u16();
    assert_eq!(reqwest::get(server.url("/health/ready")).await.unwrap().status(), StatusCode::OK);
    let _held = busy(NEAR, &server, 32).await;
    let mut waiting = Connection::open_from(ELSEWHERE, &server.address).await;
    waiting.write(LIVE.as_bytes()).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        let mut connection = Connection::open_from(NEAR, &health).await;
        assert_eq!(ask(&mut connection).await.status, 200);
        idle.push(connection);
    }
    for (path, expected) in
        [("/health/live", 200), ("/health/ready", 200), ("/", 404), ("/metrics", 404), ("/api/x/tasks", 404)]
    {
        assert_eq!(status(path).await, expected, "{path}");
    }
    assert!(!waiting.has_more(), "the API has room");

    server.terminate();
    until_logged(&server, "stopping").await;
    within_patience(async { while status("/health/ready").await != 503 {} }).await;
    assert_eq!(status("/health/live").await, 200);
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert!(server.log.lines().last().unwrap().contains("stopped"));
}

/// The message is that of the API port.
#[test]
fn a_health_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (status, message) =
        refuse_to_start(&[("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE__HEALTH__ADDRESS", &address)]);
    assert_eq!(status.code(), Some(1));
    assert!(message.contains(&format!("health.address: cannot listen on {address}")), "{message}");
}

//! `taskbridge health`.

use std::net::TcpListener;

use reqwest::StatusCode;
use support::server::{Server, outcome};

use crate::lifecycle::within_patience;

/// Runs the command in an empty folder, without the secret and with a database that does not exist, and checks that it
/// creates no file.
fn health(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = [("BETTER_AUTH_SECRET", ""), ("DATABASE_URL", "postgres://taskbridge@127.0.0.1:1/none")];
    let result = outcome(folder.path(), &[&["health"], arguments].concat(), &[&elsewhere, variables].concat());
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    result
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').unwrap().1
}

#[test]
fn a_running_server_is_ready_until_it_stops() {
    let mut server = Server::start();
    let address = server.address.clone();
    let variables = [("PORT", port(&address))];
    let answer = |state: &str| (Some(0), format!("{state} at {address}\n"));
    assert_eq!(health(&[], &variables), answer("ready"));
    assert_eq!(health(&["--live"], &variables), answer("live"));

    server.terminate();
    server.wait();
    let refused = format!("taskbridge: no answer from {address}: Connection refused (os error 111)\n");
    assert_eq!(health(&[], &variables), (Some(1), refused.clone()));
    assert_eq!(health(&["--live"], &variables), (Some(1), refused));
}

#[tokio::test]
async fn a_server_that_shuts_down_is_live_and_not_ready() {
    let server = Server::start_with(&[("TASKBRIDGE__SERVER__DRAIN_SECONDS", "600")]);
    server.terminate();
    let status = async || reqwest::get(server.url("/health/ready")).await.unwrap().status();
    within_patience(async { while status().await != StatusCode::SERVICE_UNAVAILABLE {} }).await;
    let variables = [("PORT", port(&server.address))];
    let not_ready = format!(
        "taskbridge: not ready at {}: the server is shutting down, or its database does not respond\n",
        server.address
    );
    assert_eq!(health(&[], &variables), (Some(1), not_ready));
    assert_eq!(health(&["--live"], &variables), (Some(0), format!("live at {}\n", server.address)));
}

#[test]
fn the_separate_listener_is_asked_if_there_is_one() {
    let server = Server::start_with(&[("TASKBRIDGE__HEALTH__ADDRESS", "0.0.0.0:0"), ("HOST", "0.0.0.0")]);
    let (listener, api) = (server.health.clone().unwrap(), port(&server.address).to_owned());
    let ready = |port: &str| (Some(0), format!("ready at 127.0.0.1:{port}\n"));
    assert_eq!(health(&[], &[("HOST", "0.0.0.0"), ("PORT", &api)]), ready(&api));
    // Nothing listens at port 1.
    let variables = [("TASKBRIDGE__HEALTH__ADDRESS", listener.as_str()), ("PORT", "1")];
    assert_eq!(health(&[], &variables), ready(port(&listener)));
}

/// The listener of the metrics does not serve health checks.
#[test]
fn another_server_is_not_ready() {
    let server = Server::start_with(&[("TASKBRIDGE__METRICS__ADDRESS", "127.0.0.1:0")]);
    let metrics = server.metrics.clone().unwrap();
    let expected = format!("taskbridge: not ready at {metrics}: status 404\n");
    assert_eq!(health(&[], &[("PORT", port(&metrics))]), (Some(1), expected));
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let expected = format!("taskbridge: no answer from {address}: timed out after 5 seconds\n");
    assert_eq!(health(&[], &[("PORT", port(&address))]), (Some(1), expected));
}

#[test]
fn an_address_that_is_unknown_or_invalid_is_an_error() {
    for (variables, expected) in [
        (
            &[("PORT", "0")][..],
            "taskbridge: the system chooses the port of the server; set PORT to the port that its log names\n",
        ),
        (
            &[("PORT", "none")],
            "taskbridge: server.port (from PORT in the environment): must be a number from 0 to 65535\n",
        ),
    ] {
        assert_eq!(health(&[], variables), (Some(1), expected.to_owned()));
    }
    assert_eq!(health(&["--dead"], &[]).0, Some(2));
}

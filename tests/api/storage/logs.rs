//! User data in logs and answers.

use std::collections::BTreeMap;

use serde_json::Value;
use support::Server;
use support::user::PASSWORD;

use crate::everything::Everything;
use crate::logs::{Line, SHORT, assert_time, json_lines, text_lines, whole_log};

/// The log contains no secret, at the most verbose level and in both formats, and has exactly one line per request.
#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    for (format, lines) in [("text", text_lines as fn(&str) -> Vec<Line>), ("json", json_lines)] {
        let keys = [
            ("JWT_ALGORITHM", "EdDSA"),
            ("TASKBRIDGE__JWT__ACCEPT_HS256", "on"),
            ("TASKBRIDGE__AUTH__DELETE_USER", "on"),
        ];
        let all = [("RUST_LOG", "trace"), ("TASKBRIDGE__LOG__FORMAT", format), SHORT];
        let mut server = Server::start_with(&[&keys[..], &all].concat());
        let run = Everything::run(&server).await;
        assert!(run.leak("x mail-canary-1@example.test").is_some() && run.leak(PASSWORD).is_none());
        let log = whole_log(&mut server);
        assert_eq!(run.leak(&log), None, "{format}");
        assert!(log.contains("TRACE"), "this is not the whole log");

        let mut by_id: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for line in lines(&log).into_iter().filter(|line| line.message == "request") {
            by_id.entry(line.request_id.clone().unwrap()).or_default().push(line);
        }
        assert!(run.answers.len() > 300, "this is not the whole run");
        let mut with_user = 0;
        for (asked, answer) in &run.answers {
            let id = answer.header("x-request-id").unwrap_or_else(|| panic!("{asked}: {answer:?}"));
            let [line] = by_id[id].as_slice() else { panic!("{asked}: {id}") };
            assert_eq!(line.fields["status"], answer.status.to_string(), "{asked}");
            let method = asked.split(' ').next().unwrap();
            let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&method);
            assert_eq!(line.fields["method"], if known { method } else { "other" });
            line.fields["microseconds"].parse::<u64>().unwrap();
            if asked.contains("/tasks") && answer.status < 300 && asked.contains(&run.user_id) {
                assert_eq!(line.fields["route"].split('/').nth(2), Some("{user_id}"), "{asked}");
                assert_eq!(line.fields["user_id"], run.user_id, "{asked}");
                with_user += 1;
            }
        }
        assert!(with_user > 10, "{with_user}");
    }
}

/// Timestamps are RFC 3339 in UTC, and the only numbers in answers are those of tasks.
#[tokio::test]
async fn answers_hold_times_in_utc_and_no_internal_numbers() {
    let server = Server::start_with(&[SHORT]);
    let run = Everything::run(&server).await;
    let (mut times, mut numbers) = (0, 0);
    for (asked, answer) in run.answers.iter().filter(|(_, answer)| answer.status < 300) {
        let mut open: Vec<(String, Value)> =
            serde_json::from_str(&answer.body).map(|body| (String::new(), body)).into_iter().collect();
        while let Some((key, value)) = open.pop() {
            match value {
                Value::Object(fields) => open.extend(fields),
                Value::Array(list) => open.extend(list.into_iter().map(|value| (key.clone(), value))),
                Value::Number(_) => {
                    assert!(asked.contains("/tasks"), "{key} is a number in the answer to {asked}");
                    numbers += 1;
                }
                Value::String(text) if key.ends_with("_at") || key.ends_with("At") => {
                    assert_time(&text);
                    times += 1;
                }
                _ => {}
            }
        }
    }
    assert!(times > 20 && numbers > 10, "{times} {numbers}");
}

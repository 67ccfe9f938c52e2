//! The configuration: what operators set, what they see, and errors.

use std::fs;
use std::path::Path;

use support::server::{SECRET, outcome, run};
use tempfile::TempDir;

type Variables<'a> = &'a [(&'a str, &'a str)];

/// Part of each secret. It must not appear in any output.
const CANARY: &str = "hunter2";

/// Returns the error of `config check`, which must be the error of `serve`.
fn refusal(folder: &Path, variables: Variables<'_>) -> String {
    let [checked, served] = [&["config", "check"][..], &["serve"]].map(|command| outcome(folder, command, variables));
    assert_eq!(checked, served);
    let (code, message) = checked;
    assert_eq!(code, Some(1), "{message}");
    assert!(!message.contains(CANARY) && !message.contains(SECRET), "{message}");
    message
}

fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// Each error has the key, the source and the rule, but not the value.
#[test]
fn a_wrong_configuration_stops_the_start_and_says_what_is_wrong() {
    let with_line_break = format!("{SECRET}\n");
    let in_environment = |name: &str| format!("(from {name} in the environment): ");
    for (name, value, key, problem) in [
        ("BETTER_AUTH_SECRET", "", "auth.secret", "is missing; set BETTER_AUTH_SECRET"),
        ("BETTER_AUTH_SECRET", " ", "auth.secret", "white space"),
        ("BETTER_AUTH_SECRET", "hunter2-", "auth.secret", "at least 32 characters"),
        ("BETTER_AUTH_SECRET", "better-auth-secret-12345678901234567890", "auth.secret", "a known example"),
        ("BETTER_AUTH_SECRET", "please-change-me-hunter2-hunter2-hunter2", "auth.secret", "a known example"),
        ("BETTER_AUTH_SECRET", &with_line_break, "auth.secret", "the line break of a file"),
        (
            "DATABASE_URL",
            "mysql://root:hunter2@localhost/db",
            "database.url",
            "the scheme mysql, which is not supported; MySQL",
        ),
        ("DATABASE_URL", "postgres://ann:hunter2@localhost:port/db", "database.url", "has a port that is not a number"),
        ("DATABASE_URL", "postgres://ann:1/hunter2@localhost/db", "database.url", "has a raw # / ? or @"),
        ("DATABASE_URL", "hunter2", "database.url", "must be"),
        ("PORT", "hunter2", "server.port", "must be a number from 0 to 65535"),
        ("PORT", "65536", "server.port", "must be a number from 0 to 65535"),
        ("PORT", "-1", "server.port", "must be a number from 0 to 65535"),
        ("HOST", "hunter2.example.test", "server.host", "must be an IP address"),
        ("AUTH_MODE", "hunter2", "auth.mode", "AUTH_MODE must be"),
        ("AUTH_SIGN_UP", "hunter2", "auth.sign_up", "on, true, off, false"),
        ("RUST_LOG", "taskbridge=hunter2", "log.filter", "must be a level"),
        ("TASKBRIDGE__LOG__FORMAT", "hunter2", "log.format", "text, json"),
        ("TASKBRIDGE__HEALTH__ADDRESS", "hunter2:8001", "health.address", "must be an IP address and a port"),
        ("TASKBRIDGE__METRICS__ADDRESS", "hunter2:9464", "metrics.address", "must be an IP address and a port"),
        ("TASKBRIDGE__SERVER__BODY_LIMIT", "64k", "server.body_limit", "must be a number"),
        ("TASKBRIDGE__SERVER__DRAIN_SECONDS", "1.5", "server.drain_seconds", "must be a number"),
        ("TASKBRIDGE__DATABASE__POOLED", "hunter2", "database.pooled", "auto, on, off"),
        ("TASKBRIDGE__JWT__LIFETIME_SECONDS", "0", "jwt.lifetime_seconds", "must be a number from 1"),
        ("TASKBRIDGE__PASSWORDS__WRITE", "hunter2", "passwords.write", "must be one of bcrypt, scrypt"),
        ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "31", "passwords.bcrypt_cost", "must be a number from 10 to 16"),
        ("TASKBRIDGE__PASSWORDS__QUEUE", "18446744073709551616", "passwords.queue", "must be a number"),
        ("TASKBRIDGE__SERVER__PROT", "hunter2", "server.prot", "unknown key; did you mean server.port?"),
        ("TASKBRIDGE__JWT__LIFETIME", "9", "jwt.lifetime", "unknown key; did you mean jwt.lifetime_seconds?"),
        ("TASKBRIDGE__NOWHERE", "hunter2", "nowhere", "unknown key; config/default.toml lists all keys"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let message = refusal(folder.path(), &[(name, value)]);
        let from = if value.is_empty() { String::new() } else { in_environment(name) };
        assert!(message.contains("the configuration has 1 error:"), "{message}");
        assert!(message.contains(format!("\n  {key} {from}").trim_end()), "{name}={value}: {message}");
        assert!(message.contains(problem), "{name}={value}: {message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let message = refusal(folder.path(), &[("BETTER_AUTH_URL", "https://app.example.test")]);
    assert!(
        message.contains("auth.mode") && message.contains("BETTER_AUTH_URL is set, so AUTH_MODE must be"),
        "{message}"
    );
    let message = refusal(folder.path(), &[("BETTER_AUTH_URL", "ftp://ann:hunter2@x"), ("AUTH_MODE", "server")]);
    assert!(message.contains("auth.url (from BETTER_AUTH_URL in the environment)"), "{message}");
}

#[test]
fn errors_of_all_sources_are_reported_at_once() {
    let folder = folder_with(&[
        (".env", "TASKBRIDGE_PROFILE=staging\nAUTH_SIGN_UP=hunter2\nTASKBRIDGE__SESION__LIFETIME_SECONDS=1\n"),
        (
            "config/staging.toml",
            "[server]\nworkers = \"hunter2\"\ntimeout = 1\n[passwords]\nqueue = [0]\n[log]\nfilter = [1]\n",
        ),
    ]);
    let message = refusal(folder.path(), &[("BETTER_AUTH_SECRET", "hunter2"), ("HOST", "hunter2")]);
    for expected in [
        "the configuration has 8 errors:",
        "\n  sesion.lifetime_seconds (from TASKBRIDGE__SESION__LIFETIME_SECONDS in .env, line 3): unknown key; did you mean session.lifetime_seconds?",
        "\n  server.timeout (from config/staging.toml): unknown key",
        "\n  server.workers (from config/staging.toml): must be a number",
        "\n  passwords.queue (from config/staging.toml): must be one value",
        "\n  log.filter (from config/staging.toml): must be one value, not a list",
        "\n  auth.sign_up (from AUTH_SIGN_UP in .env, line 2): ",
        "\n  auth.secret (from BETTER_AUTH_SECRET in the environment): ",
        "\n  server.host (from HOST in the environment): ",
    ] {
        assert!(message.contains(expected), "{expected} in {message}");
    }
}

#[test]
fn files_that_cannot_be_parsed_are_named_without_their_lines() {
    for (file, text, expected) in [
        (
            "config/staging.toml",
            "[auth]\nsecret = hunter2\n",
            "config/staging.toml: TOML parse error at line 2, column 10",
        ),
        ("config/staging.toml", "secret = \"hunter2", "config/staging.toml: TOML parse error at line 1"),
        ("config/other.toml", "", "config/staging.toml\" not found"),
    ] {
        let folder = folder_with(&[(file, text)]);
        let message = refusal(folder.path(), &[("TASKBRIDGE_PROFILE", "staging")]);
        assert!(message.contains(expected), "{expected} in {message}");
    }
}

/// Returns the value and the source of a key.
fn line<'a>(list: &'a str, key: &str) -> Vec<&'a str> {
    let line =
        list.lines().find(|line| line.starts_with(&format!("{key} ="))).unwrap_or_else(|| panic!("{key}: {list}"));
    let (setting, source) = line.split_once(" # ").unwrap();
    vec![setting.split_once('=').unwrap().1.trim(), source]
}

#[test]
fn config_check_shows_every_setting_and_no_secret() {
    let folder = folder_with(&[
        (".env", "TASKBRIDGE_PROFILE=staging\nAUTH_SIGN_UP=off\nHOST=127.0.0.3\n"),
        ("config/staging.toml", "[server]\nworkers = 3\n[passwords]\nqueue = 7\n"),
    ]);
    let secret = "hunter2-é-hunter2-not-for-production-0123456789";
    let variables = [
        ("BETTER_AUTH_SECRET", secret),
        ("DATABASE_URL", "postgresql://ann:hunter2@ep-x-pooler.example.test/tasks?sslmode=require&password=hunter2"),
        ("BETTER_AUTH_URL", "https://app.example.test/path?hunter2#hunter2"),
        ("AUTH_MODE", "server"),
        ("HOST", "0.0.0.0"),
        ("RUST_LOG", ""),
    ];
    let (succeeded, list) = run(folder.path(), &["config", "check"], &variables);
    assert!(succeeded, "{list}");
    assert!(!list.contains(CANARY), "{list}");
    for (key, value, source) in [
        ("auth.secret", "(set, 47 characters)", "BETTER_AUTH_SECRET in the environment"),
        (
            "database.url",
            "postgres://ep-x-pooler.example.test:5432/tasks, pooled: auto",
            "DATABASE_URL in the environment",
        ),
        ("auth.url", "https://app.example.test", "BETTER_AUTH_URL in the environment"),
        ("auth.sign_up", "off", "AUTH_SIGN_UP in .env, line 2"),
        ("server.host", "0.0.0.0", "HOST in the environment"),
        ("server.workers", "3", "config/staging.toml"),
        ("passwords.queue", "7", "config/staging.toml"),
        ("log.filter", "info", "config/default.toml"),
        ("health.address", "", "config/default.toml"),
        ("metrics.address", "", "config/default.toml"),
    ] {
        assert_eq!(line(&list, key), [value, source]);
    }
    // All keys of the file that documents them, and no other key.
    let manual = include_str!("../../config/default.toml");
    let mut section = "";
    let mut keys = Vec::new();
    for text in manual.lines().filter(|text| !text.starts_with('#')) {
        match text.split_once(" = ") {
            Some((key, _)) => keys.push(format!("{section}.{key}")),
            None if text.is_empty() => {}
            None => section = text.trim_matches(['[', ']']),
        }
    }
    keys.sort();
    let shown: Vec<_> = list.lines().map(|line| line.split_once(" =").unwrap().0.to_owned()).collect();
    assert_eq!(shown, keys);

    let directly = [("DATABASE_URL", "postgres://ann:hunter2@localhost/tasks"), ("BETTER_AUTH_SECRET", secret)];
    let (_, list) = run(folder.path(), &["config", "check"], &directly);
    assert_eq!(line(&list, "database.url")[0], "postgres://localhost:5432/tasks, pooled: auto");
    let (_, list) = run(folder.path(), &["config", "check"], &[]);
    assert_eq!(line(&list, "database.url"), ["sqlite://./data/taskbridge.db", "config/default.toml"]);
    assert!(!folder.path().join("data").exists(), "nothing is opened");
}

/// The lines of other programs do not stop the start, and the values are those that Next.js reads.
#[test]
fn a_dot_env_file_is_shared_with_next_js() {
    let file = "\u{feff}APP_NAME=My Tasks\r\nSMTP_FROM=T <a@x.test>\r\nX=a\\b\r\nnot a line\r\nAUTH_SIGN_UP=off#not on\r\n\
                DATABASE_URL=`sqlite://./data/$NAME.db`\r\nNAME='hunter2'\r\n";
    let folder = folder_with(&[(".env", file), (".env.local", "HOST=127.0.0.3\n"), (".env.test", "HOST=127.0.0.4\n")]);
    let (code, text) = outcome(folder.path(), &["config", "check"], &[]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(line(&text, "auth.sign_up"), ["off", "AUTH_SIGN_UP in .env, line 5"]);
    assert_eq!(line(&text, "database.url"), ["sqlite://./data/hunter2.db", "DATABASE_URL in .env, line 6"]);
    assert_eq!(line(&text, "server.host"), ["127.0.0.3", "HOST in .env.local, line 1"]);
    let warnings: Vec<_> = text.lines().filter(|line| line.contains("as in Next.js")).collect();
    let [sign_up, url] = warnings.as_slice() else { panic!("{text}") };
    assert!(sign_up.contains(".env, line 5: AUTH_SIGN_UP has 3 characters"), "{sign_up}");
    assert!(url.contains(".env, line 6: DATABASE_URL has 26 characters") && !url.contains(CANARY), "{url}");
    let (_, text) = outcome(folder.path(), &["config", "check"], &[("NODE_ENV", "test")]);
    assert_eq!(line(&text, "server.host"), ["127.0.0.4", "HOST in .env.test, line 1"]);
}

#[test]
fn a_secret_in_a_file_is_not_shown() {
    let folder = folder_with(&[("secret", "hunter2-not-for-production-0123456789\n")]);
    let variables = [("BETTER_AUTH_SECRET", ""), ("BETTER_AUTH_SECRET_FILE", "secret")];
    let (code, text) = outcome(folder.path(), &["config", "check"], &variables);
    assert_eq!(code, Some(0), "{text}");
    let source = "secret, BETTER_AUTH_SECRET_FILE in the environment";
    assert_eq!(line(&text, "auth.secret"), ["(set, 37 characters)", source]);
    assert!(!text.contains(CANARY), "{text}");
    let message = refusal(folder.path(), &variables[1..]);
    let both =
        "auth.secret (from BETTER_AUTH_SECRET in the environment): is also set by BETTER_AUTH_SECRET_FILE in the";
    assert!(message.contains(both), "{message}");
}

#[test]
fn help_and_mistakes_show_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = [
        ("BETTER_AUTH_SECRET", "hunter2-hunter2-hunter2-hunter2-hunter2"),
        ("DATABASE_URL", "postgres://ann:hunter2@localhost/tasks"),
        ("TASKBRIDGE__HUNTER", "hunter2"),
    ];
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["-h"], 0),
        (&["serve", "--help"], 0),
        (&["config", "check", "--help"], 0),
        (&["migrate", "--help"], 0),
        (&["--version"], 0),
        (&[], 2),
        (&["serv"], 2),
        (&["config"], 2),
        (&["config", "chekc"], 2),
        (&["serve", "--port"], 2),
        (&["migrate", "status"], 1),
        (&["tasks", "assign", "x"], 1),
    ] {
        let (exited, text) = outcome(folder.path(), arguments, &secrets);
        assert_eq!(exited, Some(code), "{arguments:?}: {text}");
        assert!(!text.is_empty() && !text.contains(CANARY), "{arguments:?}: {text}");
    }
}

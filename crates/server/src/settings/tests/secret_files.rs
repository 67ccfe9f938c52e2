//! Tests of secrets in files.

use std::fs;

use super::super::sources::Environment;
use super::*;

const OTHER: &str = "settings-secret-not-for-production-9876543210";

#[test]
fn secrets_and_the_database_url_can_be_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret").to_str().unwrap().to_owned();
    for (content, expected) in [
        (SECRET.to_owned(), SECRET),
        (format!("{SECRET}\n"), SECRET),
        (format!("{SECRET}\r\n"), SECRET),
        (format!("{SECRET}$HOME#'\n"), "settings-secret-not-for-production-0123456789$HOME#'"),
    ] {
        fs::write(&path, content).unwrap();
        for name in ["BETTER_AUTH_SECRET_FILE", "TASKBRIDGE__AUTH__SECRET_FILE"] {
            let Valid { mode, .. } = read(&[(name, &path)]).unwrap();
            let AuthMode::Server(ServerMode { secrets, .. }) = mode else { panic!() };
            assert_eq!(secrets.current().expose(), expected.as_bytes());
        }
    }
    fs::write(&path, format!("2:{OTHER}\n")).unwrap();
    for name in ["BETTER_AUTH_SECRETS_FILE", "TASKBRIDGE__AUTH__SECRETS_FILE"] {
        let Valid { mode, .. } = read(&[(name, &path)]).unwrap();
        let AuthMode::Server(ServerMode { secrets, .. }) = mode else { panic!() };
        assert_eq!(secrets.current().expose(), OTHER.as_bytes());
    }
    fs::write(&path, "postgres://ann@db.example.test/tasks\n").unwrap();
    for name in ["DATABASE_URL_FILE", "TASKBRIDGE__DATABASE__URL_FILE"] {
        let Valid { settings, .. } = read(&[("BETTER_AUTH_SECRET", SECRET), (name, &path)]).unwrap();
        assert!(settings.database.url().to_string().contains("db.example.test"), "{name}");
    }
}

/// The file replaces the value of the profile. Its path is relative to the working directory, and is the source.
#[test]
fn the_path_is_the_source() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/staging.toml"), "[auth]\nsecret = \"of the profile\"\n").unwrap();
    fs::write(folder.path().join(".env"), "TASKBRIDGE_PROFILE=staging\nBETTER_AUTH_SECRET_FILE=here\n").unwrap();
    fs::write(folder.path().join("here"), SECRET).unwrap();
    let configuration = Configuration::read(folder.path(), Environment::new()).unwrap();
    assert!(configuration.errors.is_empty(), "{:?}", configuration.errors);
    assert_eq!(configuration.sources.name("auth.secret"), "here, BETTER_AUTH_SECRET_FILE in .env, line 2");
    let lines: Vec<_> = configuration.lines().map(|line| line.to_string()).collect();
    assert!(lines.iter().any(|line| line.starts_with("auth.secret = (set, 45 characters)")), "{lines:?}");
}

/// Two sources of one secret are an error, whichever names and places they have.
#[test]
fn a_value_and_a_file_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("here"), OTHER).unwrap();
    for (dot_env, variables, sources) in [
        (
            "",
            &[("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_SECRET_FILE", "here")][..],
            ["BETTER_AUTH_SECRET in the environment", "BETTER_AUTH_SECRET_FILE in the environment"],
        ),
        (
            "\nBETTER_AUTH_SECRET_FILE=here\n",
            &[("TASKBRIDGE__AUTH__SECRET", SECRET)],
            ["TASKBRIDGE__AUTH__SECRET in the environment", "BETTER_AUTH_SECRET_FILE in .env, line 2"],
        ),
        (
            "BETTER_AUTH_SECRET=short\n",
            &[("BETTER_AUTH_SECRET_FILE", "missing")],
            ["BETTER_AUTH_SECRET in .env, line 1", "BETTER_AUTH_SECRET_FILE in the environment"],
        ),
    ] {
        fs::write(folder.path().join(".env"), dot_env).unwrap();
        let errors = read_in(folder.path(), variables).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert_eq!((error.key.as_str(), error.source.as_deref()), ("auth.secret", Some(sources[0])));
        assert_eq!(error.message, format!("is also set by {}; remove one of the two", sources[1]));
    }
    // An empty variable is not set.
    fs::write(folder.path().join(".env"), "BETTER_AUTH_SECRET=\n").unwrap();
    read_in(folder.path(), &[("BETTER_AUTH_SECRET_FILE", "here"), ("DATABASE_URL_FILE", "")]).unwrap();
}

#[test]
fn files_that_cannot_be_used_are_errors_that_show_no_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    // In both modes, the file is the only error: the secret is not missing as well.
    let bridge = ["bridge", "https://app.example.test", "off"];
    let bridge: Vec<_> = ["AUTH_MODE", "BETTER_AUTH_URL", "JWKS_URL"].into_iter().zip(bridge).collect();
    for mode in [&bridge[..], &[]] {
        for name in ["BETTER_AUTH_SECRET_FILE", "BETTER_AUTH_SECRETS_FILE"] {
            let errors = read(&[mode, &[(name, "/nonexistent/secret")]].concat()).unwrap_err();
            let [_] = errors.as_slice() else { panic!("{errors:?}") };
        }
    }
    let cases = [
        (file("empty", b"\n"), "is empty"),
        (file("binary", b"hunter2\xFF"), "is not UTF-8"),
        (file("large", &b"h".repeat(65_537)), "is larger than 65536 bytes"),
        (folder.path().to_str().unwrap().to_owned(), "cannot read the file"),
        ("/nonexistent/secret".to_owned(), "cannot read the file"),
    ];
    for (path, problem) in &cases {
        for (name, key) in [("BETTER_AUTH_SECRET_FILE", "auth.secret"), ("DATABASE_URL_FILE", "database.url")] {
            let secret = (key != "auth.secret").then_some(("BETTER_AUTH_SECRET", SECRET));
            let variables: Vec<_> = secret.into_iter().chain([(name, path.as_str())]).collect();
            let errors = read(&variables).unwrap_err();
            let [error] = errors.as_slice() else { panic!("{errors:?}") };
            assert_eq!(error.key, key);
            assert_eq!(error.source, Some(format!("{name} in the environment")));
            assert!(error.message.contains(problem) && error.message.contains(path.as_str()), "{}", error.message);
            assert!(!error.message.contains("hunter2"), "{}", error.message);
        }
    }
    // At most one line break is removed, so that the rest is reported as with any other source.
    let two = file("two", format!("{SECRET}\n\n").as_bytes());
    let errors = read(&[("BETTER_AUTH_SECRET_FILE", &two)]).unwrap_err();
    assert!(errors[0].message.contains("white space"), "{errors:?}");
}

/// Only secrets can be in files.
#[test]
fn other_settings_have_no_files() {
    let errors = read(&[("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE__SERVER__PORT_FILE", "/dev/null")]).unwrap_err();
    assert!(errors[0].message.contains("unknown key"), "{errors:?}");
    read(&[("BETTER_AUTH_SECRET", SECRET), ("PORT_FILE", "/dev/null")]).unwrap();
}

//! Tests of invalid settings: all errors are reported at once, each with the key and the source, but without the value.

use super::super::error::format_errors;
use super::super::sources::Environment;
use super::*;

/// Environment variables, each with an invalid value and the key that the error must name.
const INVALID_VALUES: &[(&str, &str, &str)] = &[
    ("BETTER_AUTH_SECRET", "short-secret-value", "auth.secret"),
    ("BETTER_AUTH_SECRET", "better-auth-secret-12345678901234567890", "auth.secret"),
    ("BETTER_AUTH_SECRET", "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", "auth.secret"),
    ("BETTER_AUTH_SECRET", "settings-secret-not-for-production-0123456789\n", "auth.secret"),
    ("DATABASE_URL", "mysql://root:hunter2@localhost/db", "database.url"),
    ("PORT", "65536", "server.port"),
    ("PORT", "-1", "server.port"),
    ("PORT", "http", "server.port"),
    ("HOST", "example.test", "server.host"),
    ("RUST_LOG", "taskbridge=loud", "log.filter"),
    ("AUTH_MODE", "proxy", "auth.mode"),
    ("JWKS_URL", "file:///etc/passwd", "jwt.jwks_url"),
    ("JWKS_URL", "/api/auth/jwks", "jwt.jwks_url"),
    ("JWKS_URL", "https://ann:hunter2@app.example.test/jwks", "jwt.jwks_url"),
    ("JWKS_URL", "https://app.example.test/jwks,ftp://app.example.test/jwks", "jwt.jwks_url"),
    ("JWKS_URL", "http://169.254.169.254/", "jwt.jwks_url"),
    ("TASKBRIDGE__JWT__JWKS_CA_FILE", "/nonexistent", "jwt.jwks_ca_file"),
    ("TASKBRIDGE__JWT__JWKS_REFRESH_SECONDS", "0", "jwt.jwks_refresh_seconds"),
    ("TASKBRIDGE__JWT__JWKS_COOLDOWN_SECONDS", "0", "jwt.jwks_cooldown_seconds"),
    ("TASKBRIDGE__JWT__JWKS_TIMEOUT_SECONDS", "61", "jwt.jwks_timeout_seconds"),
    ("TASKBRIDGE__JWT__REQUIRE_ISSUER", "maybe", "jwt.require_issuer"),
    // The next two settings are only for bridge mode, so they are errors in server mode.
    ("TASKBRIDGE__JWT__ISSUER", "https://app.example.test", "jwt.issuer"),
    ("TASKBRIDGE__JWT__AUDIENCE", "https://app.example.test", "jwt.audience"),
    ("BETTER_AUTH_URL", "https://app.example.test", "auth.mode"),
    ("AUTH_SIGN_UP", "maybe", "auth.sign_up"),
    ("BETTER_AUTH_TRUSTED_ORIGINS", "https://good.example.test, bad.example.test", "auth.trusted_origins"),
    ("TASKBRIDGE__SERVER__WORKERS", "many", "server.workers"),
    ("TASKBRIDGE__SERVER__WORKERS", "513", "server.workers"),
    ("TASKBRIDGE__SERVER__REQUEST_SECONDS", "0", "server.request_seconds"),
    ("TASKBRIDGE__SERVER__UNREAD_SECONDS", "0", "server.unread_seconds"),
    ("TASKBRIDGE__SERVER__UNSENT_BYTES", "16777215", "server.unsent_bytes"),
    ("TASKBRIDGE__SERVER__UNSENT_BYTES_PER_NETWORK", "-1", "server.unsent_bytes_per_network"),
    ("TASKBRIDGE__SERVER__KEEP_ALIVE_SECONDS", "601", "server.keep_alive_seconds"),
    ("TASKBRIDGE__SERVER__MAX_CONNECTIONS", "0", "server.max_connections"),
    ("TASKBRIDGE__SERVER__MAX_CONNECTIONS_PER_NETWORK", "-1", "server.max_connections_per_network"),
    ("TASKBRIDGE__SERVER__BODY_LIMIT", "1", "server.body_limit"),
    ("TASKBRIDGE__SERVER__SHUTDOWN_SECONDS", "1.5", "server.shutdown_seconds"),
    ("TASKBRIDGE__SERVER__DRAIN_SECONDS", "601", "server.drain_seconds"),
    ("TASKBRIDGE__HEALTH__ADDRESS", "localhost", "health.address"),
    ("TASKBRIDGE__METRICS__ADDRESS", "localhost:9465", "metrics.address"),
    ("TASKBRIDGE__LOG__FORMAT", "xml", "log.format"),
    ("TASKBRIDGE__DOCS__OPENAPI", "maybe", "docs.openapi"),
    ("TASKBRIDGE__DOCS__PAGE", "maybe", "docs.page"),
    ("DATABASE_URL", "postgres://ann:hunter2@:x/", "database.url"),
    ("TASKBRIDGE__DATABASE__POOLED", "maybe", "database.pooled"),
    ("TASKBRIDGE__DATABASE__MIGRATE", "later", "database.migrate"),
    ("TASKBRIDGE__DATABASE__MAX_CONNECTIONS", "1001", "database.max_connections"),
    ("TASKBRIDGE__DATABASE__CONNECT_SECONDS", "0", "database.connect_seconds"),
    ("TASKBRIDGE__DATABASE__STATEMENT_SECONDS", "0", "database.statement_seconds"),
    ("TASKBRIDGE__DATABASE__START_SECONDS", "601", "database.start_seconds"),
    ("TASKBRIDGE__DATABASE__ACQUIRE_SECONDS", "0", "database.acquire_seconds"),
    ("TASKBRIDGE__TASKS__PREFIX", "v2/rest", "tasks.prefix"),
    ("TASKBRIDGE__TASKS__PREFIX", "/api/{user}", "tasks.prefix"),
    ("TASKBRIDGE__TASKS__PREFIX", "/api/auth/v1", "tasks.prefix"),
    ("TASKBRIDGE__TASKS__WITHOUT_USER_ID", "yes", "tasks.without_user_id"),
    ("TASKBRIDGE__TASKS__LIST_ENVELOPE", "yes", "tasks.list_envelope"),
    ("TASKBRIDGE__TASKS__IS_COMPLETED", "yes", "tasks.is_completed"),
    ("TASKBRIDGE__TASKS__DELETE_MESSAGE", "yes", "tasks.delete_message"),
    ("TASKBRIDGE__TASKS__CONCURRENT_PER_USER", "1001", "tasks.concurrent_per_user"),
    ("TASKBRIDGE__TASKS__CONCURRENT_SEARCHES", "1001", "tasks.concurrent_searches"),
    ("TASKBRIDGE__TASKS__REQUESTS_PER_MINUTE", "-1", "tasks.requests_per_minute"),
    ("TASKBRIDGE__TASKS__MAX_PER_USER", "100000001", "tasks.max_per_user"),
    ("TASKBRIDGE__JWT__LIFETIME_SECONDS", "0", "jwt.lifetime_seconds"),
    ("TASKBRIDGE__JWT__LEEWAY_SECONDS", "301", "jwt.leeway_seconds"),
    ("TASKBRIDGE__JWT__MAX_BYTES", "1023", "jwt.max_bytes"),
    ("TASKBRIDGE__JWT__MAX_BYTES", "65537", "jwt.max_bytes"),
    ("TASKBRIDGE__JWT__ACCEPT_HS256", "maybe", "jwt.accept_hs256"),
    ("TASKBRIDGE__AUTH__REQUIRE_EMAIL_VERIFICATION", "maybe", "auth.require_email_verification"),
    ("TASKBRIDGE__SESSION__ACCEPT_UNSIGNED_BEARER", "maybe", "session.accept_unsigned_bearer"),
    ("TASKBRIDGE__SESSION__LIFETIME_SECONDS", "34560001", "session.lifetime_seconds"),
    ("TASKBRIDGE__SESSION__UNREMEMBERED_LIFETIME_SECONDS", "0", "session.unremembered_lifetime_seconds"),
    ("TASKBRIDGE__SESSION__UPDATE_AGE_SECONDS", "a day", "session.update_age_seconds"),
    ("TASKBRIDGE__SESSION__FRESH_AGE_SECONDS", "-1", "session.fresh_age_seconds"),
    ("TASKBRIDGE__SESSION__PURGE_SECONDS", "86401", "session.purge_seconds"),
    ("TASKBRIDGE__SESSION__COOKIE_PREFIX", "my app", "session.cookie_prefix"),
    ("TASKBRIDGE__SESSION__COOKIE_PREFIX", "__Secure-app", "session.cookie_prefix"),
    ("TASKBRIDGE__SESSION__COOKIE_PREFIX", "__Host-app", "session.cookie_prefix"),
    ("TASKBRIDGE__SESSION__SECURE_COOKIES", "always", "session.secure_cookies"),
    ("TASKBRIDGE__SESSION__COOKIE_DOMAIN", "https://example.test", "session.cookie_domain"),
    ("TASKBRIDGE__SESSION__COOKIE_DOMAIN", "other.test", "session.cookie_domain"),
    ("TASKBRIDGE__SESSION__COOKIE_DOMAIN", "mple.test", "session.cookie_domain"),
    ("RATE_LIMIT", "maybe", "rate_limit.enabled"),
    ("TASKBRIDGE__RATE_LIMIT__MAX", "0", "rate_limit.max"),
    ("TASKBRIDGE__RATE_LIMIT__WINDOW_SECONDS", "601", "rate_limit.window_seconds"),
    ("TASKBRIDGE__RATE_LIMIT__STORAGE", "redis", "rate_limit.storage"),
    ("TRUSTED_PROXIES", "10.0.0.0/33", "server.trusted_proxies"),
    ("TRUSTED_PROXIES", "proxy.example.test", "server.trusted_proxies"),
    ("TRUSTED_PROXIES", "10.0.0.1,0.0.0.0/0", "server.trusted_proxies"),
    ("TRUSTED_PROXIES", "::/0", "server.trusted_proxies"),
    ("TASKBRIDGE__SERVER__FORWARDED_HEADER", "x-real-ip", "server.forwarded_header"),
    ("TASKBRIDGE__PASSWORDS__WRITE", "argon2", "passwords.write"),
    ("TASKBRIDGE__PASSWORDS__REHASH", "maybe", "passwords.rehash"),
    ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "9", "passwords.bcrypt_cost"),
    ("TASKBRIDGE__PASSWORDS__THREADS", "65", "passwords.threads"),
    ("TASKBRIDGE__PASSWORDS__QUEUE", "0", "passwords.queue"),
    ("TASKBRIDGE__SERVER__PROT", "8000", "server.prot"),
    ("TASKBRIDGE__NOWHERE", "x", "nowhere"),
];

#[test]
fn every_invalid_value_is_reported_with_its_key_and_source_and_not_shown() {
    for &(name, value, key) in INVALID_VALUES {
        let mut variables = vec![("BETTER_AUTH_SECRET", SECRET)];
        if key == "session.cookie_domain" {
            variables.extend([("AUTH_MODE", "server"), ("BETTER_AUTH_URL", "https://app.example.test")]);
        }
        if key.starts_with("jwt.jwks") {
            variables.extend([("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "https://app.example.test")]);
        }
        variables.retain(|(given, _)| *given != name);
        variables.push((name, value));
        let errors = read(&variables).unwrap_err();
        let [SettingError { key: found, source, message }] = errors.as_slice() else { panic!("{name}: {errors:?}") };
        assert_eq!(found, key);
        // `BETTER_AUTH_URL` without `AUTH_MODE` causes an error about the missing `auth.mode`. No variable sets a
        // missing setting, so no variable is named as its source.
        if name != "BETTER_AUTH_URL" {
            assert_eq!(*source, Some(format!("{name} in the environment")));
        }
        assert!(!message.contains(value) || value.len() < 3, "{message}");
    }
}

#[test]
fn invalid_secrets_and_signing_keys_are_reported_and_not_shown() {
    let twice = "2:settings-secret-not-for-production-9876543210,2:older";
    for (name, value, key) in [
        ("BETTER_AUTH_SECRETS", "not-versions-but-a-secret-0123456789", "auth.secrets"),
        ("BETTER_AUTH_SECRETS", "2:short-secret-value", "auth.secrets"),
        ("BETTER_AUTH_SECRETS", twice, "auth.secrets"),
        ("TASKBRIDGE__AUTH__DELETE_USER", "maybe", "auth.delete_user"),
        ("JWT_ALGORITHM", "none", "jwt.algorithm"),
        ("JWT_ALGORITHM", "RS256", "jwt.algorithm"),
        ("TASKBRIDGE__JWT__KEY_GRACE_SECONDS", "34560001", "jwt.key_grace_seconds"),
    ] {
        let errors = read(&[("BETTER_AUTH_SECRET", SECRET), (name, value)]).unwrap_err();
        let [SettingError { key: found, message, .. }] = errors.as_slice() else { panic!("{name}: {errors:?}") };
        assert!(found == key && !message.contains(value), "{key}: {message}");
    }
}

#[test]
fn each_mode_has_required_and_foreign_settings() {
    for (variables, key, message) in [
        (
            &[("BETTER_AUTH_URL", "https://app.example.test"), ("BETTER_AUTH_SECRET", SECRET)][..],
            "auth.mode",
            "server (Taskbridge signs users in) or bridge (the app's Better Auth does)",
        ),
        (&[("AUTH_MODE", "bridge")], "auth.url", "BETTER_AUTH_URL"),
        (
            &[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "app.example.test")],
            "auth.url",
            "must be the http or https URL",
        ),
        (
            &[
                ("AUTH_MODE", "bridge"),
                ("BETTER_AUTH_URL", "https://app.example.test"),
                ("BETTER_AUTH_SECRET", "short"),
            ],
            "auth.secret",
            "at least 32",
        ),
        (
            &[("BETTER_AUTH_SECRET", SECRET), ("JWKS_URL", "https://app.example.test/jwks")],
            "jwt.jwks_url",
            "AUTH_MODE=bridge",
        ),
        (
            &[
                ("AUTH_MODE", "bridge"),
                ("BETTER_AUTH_URL", "https://app.example.test"),
                ("TASKBRIDGE__JWT__ACCEPT_HS256", "on"),
            ],
            "jwt.accept_hs256",
            "is for AUTH_MODE=server",
        ),
        (&[("AUTH_MODE", "server")], "auth.secret", "is missing; set BETTER_AUTH_SECRET"),
    ] {
        let errors = read(variables).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert!(error.key == key && error.message.contains(message), "{error:?}");
    }
}

/// Browsers give cookies with these prefixes a meaning of their own, in any case of the letters.
#[test]
fn the_prefix_of_cookies_is_not_one_of_browsers() {
    for (prefix, reason) in [
        ("__Host-", "must not begin with __Host-, because"),
        ("__host-app", "must not begin with __Host-, because"),
        ("__Secure-app", "must not begin with __Secure-, which session.secure_cookies adds"),
        ("__SECURE-", "must not begin with __Secure-, which session.secure_cookies adds"),
        ("__app", "must be letters, digits, '-', '_' and '.', without '__' at the beginning"),
    ] {
        let variables = [("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE__SESSION__COOKIE_PREFIX", prefix)];
        let errors = read(&variables).unwrap_err();
        assert!(errors[0].message.starts_with(reason), "{prefix}: {errors:?}");
    }
    let variables = [("BETTER_AUTH_SECRET", SECRET), ("TASKBRIDGE__SESSION__COOKIE_PREFIX", "_Host-app")];
    assert_eq!(read(&variables).unwrap().settings.session.cookie_prefix, "_Host-app");
}

#[test]
fn all_errors_are_reported_at_once() {
    let errors = read(&[("PORT", "x"), ("HOST", "x"), ("TASKBRIDGE__A__B", "x")]).unwrap_err();
    let message = format_errors(&errors, &["a warning".into(), "another".into()]);
    for expected in [
        "the configuration has 4 errors:",
        "server.port (from PORT in the environment)",
        "server.host (from HOST in the environment)",
        "a.b (from TASKBRIDGE__A__B in the environment): unknown key",
        "auth.secret: is missing; set BETTER_AUTH_SECRET",
        "\nand 2 warnings:\n  a warning\n  another",
    ] {
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_broken_profile_is_an_error_that_does_not_show_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(folder.path().join("config/staging.toml"), "[auth]\nsecret = hunter2\n").unwrap();
    let environment = Environment::from([("TASKBRIDGE_PROFILE".into(), "staging".into())]);
    let error = Configuration::read(folder.path(), environment).unwrap_err().to_string();
    assert!(error.contains("staging.toml") && error.contains("line 2"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

/// An invalid setting is replaced by its default, so that `taskbridge doctor` can still check everything that does not
/// depend on it.
#[test]
fn the_default_replaces_an_invalid_value() {
    let environment = [("PORT", "x"), ("BETTER_AUTH_SECRET", SECRET), ("HOST", "0.0.0.0")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let configuration = Configuration::read(Path::new("/nonexistent"), environment.into()).unwrap();
    assert_eq!(configuration.settings.server.port.get(), 8000);
    assert_eq!(configuration.settings.server.host.to_string(), "0.0.0.0");
    assert!(configuration.mode.is_some() && configuration.has_error("server.") && !configuration.has_error("auth."));
}

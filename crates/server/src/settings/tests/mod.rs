//! Tests of the settings, with values from different sources.

mod dot_env;
mod errors;
mod names;
mod page;
mod secret_files;

use std::path::Path;
use std::time::Duration;

use taskbridge_adapters::database::Pooler;
use taskbridge_adapters::jwt::SigningAlgorithm;
use taskbridge_domain::secret::SharedSecret;
use taskbridge_domain::users::HashAlgorithm;
use url::Url;

use super::rate_limit::RateLimitSettings;
use super::*;

/// The settings and the auth mode of a configuration without errors.
#[derive(Debug)]
struct Valid {
    settings: Settings,
    mode: AuthMode,
}

const SECRET: &str = "settings-secret-not-for-production-0123456789";

fn read(variables: &[(&str, &str)]) -> Result<Valid, Vec<SettingError>> {
    read_in(Path::new("/nonexistent"), variables)
}

fn read_in(folder: &Path, variables: &[(&str, &str)]) -> Result<Valid, Vec<SettingError>> {
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let configuration = Configuration::read(folder, environment.collect()).unwrap();
    if configuration.validate().is_err() {
        return Err(configuration.errors);
    }
    Ok(Valid { settings: configuration.settings, mode: configuration.mode.unwrap() })
}

#[test]
fn only_a_secret_is_required() {
    let Valid { settings, mode } = read(&[("BETTER_AUTH_SECRET", SECRET)]).unwrap();
    assert_eq!((settings.server.host.to_string().as_str(), settings.server.port.get()), ("127.0.0.1", 8000));
    assert_eq!(format!("{:?}", settings.database.url()), "DatabaseUrl(sqlite)");
    assert!(settings.database.migrate.is_on());
    assert!((8..=32).contains(&settings.database.max_connections()));
    let AuthMode::Server(ServerMode { origin, .. }) = mode else { panic!() };
    assert_eq!((origin, settings.jwt.lifetime_seconds.get()), (None, Duration::from_mins(15)));
    assert_eq!(settings.session.lifetime_seconds.get(), Duration::from_hours(7 * 24));
    assert_eq!((settings.passwords.write, settings.passwords.bcrypt_cost.get()), (HashAlgorithm::Bcrypt, 12));
    assert!(settings.passwords.threads.get() > 0 && settings.server.workers.get() > 0);
    let RateLimitSettings { enabled, window_seconds, max, storage } = settings.rate_limit;
    assert_eq!((enabled.is_on(), storage), (true, RateLimitStorage::Memory));
    let default = taskbridge_web::RateLimits::DEFAULT;
    assert_eq!((window_seconds.get(), max.get()), (default.window, default.max));
    assert!(settings.server.trusted_proxies.is_empty() && !settings.passwords.rehash.is_on());
}

#[test]
fn the_levels_of_the_log_may_have_spaces_between_them() {
    let read = |text| read(&[("BETTER_AUTH_SECRET", SECRET), ("RUST_LOG", text)]).unwrap().settings.log.filter;
    let levels = read("info, taskbridge_web=debug, ");
    assert_eq!(levels, read("taskbridge_web=debug,info"));
    assert!(levels.would_enable("taskbridge_web", &tracing::Level::DEBUG));
    assert!(levels.would_enable("sqlx", &tracing::Level::INFO) && !levels.would_enable("sqlx", &tracing::Level::DEBUG));
}

/// Docker kills a process ten seconds after SIGTERM. Up to two of them go to the database and to the log.
#[test]
fn the_default_times_to_stop_suit_docker() {
    let Valid { settings, .. } = read(&[("BETTER_AUTH_SECRET", SECRET)]).unwrap();
    let (drain, shutdown) = (settings.server.drain_seconds.get(), settings.server.shutdown_seconds.get());
    assert!(drain > Duration::ZERO && drain + shutdown <= Duration::from_secs(8));
}

/// One client network cannot use up all connections, even if the system allows only a few. The health checks have no
/// listener of their own by default.
#[test]
fn connections_are_shared_between_networks_by_default() {
    let Valid { settings, .. } = read(&[("BETTER_AUTH_SECRET", SECRET)]).unwrap();
    let per_network = |total| settings.server.max_connections_per_network(total);
    assert_eq!(per_network(settings.server.max_connections.get()), 2048);
    assert_eq!([512, 4, 1].map(per_network), [128, 1, 1]);
    assert_eq!(settings.health.address, None);
    let number = ("TASKBRIDGE__SERVER__MAX_CONNECTIONS_PER_NETWORK", "1000");
    let Valid { settings, .. } = read(&[("BETTER_AUTH_SECRET", SECRET), number]).unwrap();
    assert_eq!(settings.server.max_connections_per_network(512), 1000);
}

#[test]
fn short_and_long_names_override_the_file_and_an_empty_one_does_not() {
    let Valid { settings, mode } = read(&[
        ("BETTER_AUTH_SECRET", SECRET),
        ("PORT", "9000"),
        ("HOST", ""),
        ("AUTH_SIGN_UP", "off"),
        ("TASKBRIDGE__LOG__FORMAT", "json"),
        ("TASKBRIDGE__PASSWORDS__WRITE", "scrypt"),
        ("RATE_LIMIT", "off"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,fd00::/8"),
        ("TASKBRIDGE__PASSWORDS__BCRYPT_COST", "10"),
        ("BETTER_AUTH_URL", "https://App.example.test:443/some/path/"),
        ("AUTH_MODE", "server"),
        ("UNRELATED", "x"),
    ])
    .unwrap();
    assert_eq!((settings.server.host.to_string().as_str(), settings.server.port.get()), ("127.0.0.1", 9000));
    assert!(!settings.auth.sign_up.is_on());
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!((settings.passwords.write, settings.passwords.bcrypt_cost.get()), (HashAlgorithm::Scrypt, 10));
    assert!(!settings.rate_limit.enabled.is_on());
    let proxies = settings.server.trusted_proxies.iter().map(ToString::to_string);
    assert_eq!(proxies.collect::<Vec<_>>(), ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]);
    let AuthMode::Server(mode) = mode else { panic!() };
    assert_eq!(mode.origin.as_deref(), Some("https://app.example.test"));
}

fn bridge(variables: &[(&str, &str)]) -> (BridgeMode, JwtSettings) {
    let variables = [&[("AUTH_MODE", "bridge")], variables].concat();
    let Valid { settings, mode } = read(&variables).unwrap();
    let AuthMode::Bridge(mode) = mode else { panic!("the mode is not bridge") };
    (mode, settings.jwt)
}

fn texts(urls: &[Url]) -> Vec<&str> {
    urls.iter().map(Url::as_str).collect()
}

/// In bridge mode, the issuer, the audience and the URL of the keys are derived from `BETTER_AUTH_URL`.
#[test]
fn a_bridge_only_requires_a_url() {
    let (mode, jwt) = bridge(&[("BETTER_AUTH_URL", "https://App.example.test/")]);
    assert_eq!(mode.origin, "https://app.example.test");
    assert_eq!(
        (mode.issuers.as_slice(), mode.audiences.as_slice()),
        ([mode.origin.clone()].as_slice(), mode.issuers.as_slice())
    );
    assert_eq!(texts(&mode.jwks_urls), ["https://app.example.test/api/auth/jwks"]);
    assert!(mode.secret.is_none() && !jwt.requires_issuer(AuthModeName::Bridge));
    assert_eq!(jwt.jwks_refresh_seconds.get(), Duration::from_mins(5));
    assert_eq!(jwt.jwks_cooldown_seconds.get(), Duration::from_secs(10));
    assert_eq!(jwt.jwks_timeout_seconds.get(), Duration::from_secs(5));
}

/// If `BETTER_AUTH_URL` has a path, Better Auth serves its endpoints below that path, including the one with its keys.
#[test]
fn the_keys_are_where_better_auth_is_mounted() {
    for (url, keys) in [
        ("http://localhost:3000", "http://localhost:3000/api/auth/jwks"),
        ("http://localhost:3000//", "http://localhost:3000/api/auth/jwks"),
        ("https://app.example.test/api/auth", "https://app.example.test/api/auth/jwks"),
        ("https://app.example.test/base/auth/?x#y", "https://app.example.test/base/auth/jwks"),
    ] {
        assert_eq!(texts(&bridge(&[("BETTER_AUTH_URL", url)]).0.jwks_urls), [keys], "{url}");
    }
}

#[test]
fn a_bridge_accepts_other_issuers_and_addresses() {
    let (mode, jwt) = bridge(&[
        ("BETTER_AUTH_URL", "http://web:3000"),
        ("BETTER_AUTH_SECRET", SECRET),
        ("JWKS_URL", "http://web:3000/jwks, https://old.example.test/jwks?key=1"),
        ("TASKBRIDGE__JWT__JWKS_HTTP_HOSTS", "other,web"),
        ("TASKBRIDGE__JWT__ISSUER", "https://a.test/, b"),
        ("TASKBRIDGE__JWT__AUDIENCE", "api"),
        ("TASKBRIDGE__JWT__REQUIRE_ISSUER", "on"),
    ]);
    assert_eq!(texts(&mode.jwks_urls), ["http://web:3000/jwks", "https://old.example.test/jwks?key=1"]);
    assert_eq!(mode.issuers, ["https://a.test/", "b"]);
    assert_eq!(mode.audiences, ["api"]);
    assert!(mode.secret.is_some() && jwt.requires_issuer(AuthModeName::Bridge));
}

/// In server mode, `BETTER_AUTH_URL` may be an http URL of any host, because no keys are fetched from it.
#[test]
fn the_url_of_server_mode_may_be_plain_http() {
    for url in ["http://192.168.1.5:3000", "http://app.test", "https://app.test"] {
        let settings = read(&[("AUTH_MODE", "server"), ("BETTER_AUTH_URL", url), ("BETTER_AUTH_SECRET", SECRET)]);
        assert_eq!(settings.unwrap().mode.origin(1), url);
    }
}

#[test]
fn a_bridge_can_work_with_the_secret_alone() {
    let url = ("BETTER_AUTH_URL", "https://app.test");
    assert!(bridge(&[url, ("JWKS_URL", "off"), ("BETTER_AUTH_SECRET", SECRET)]).0.jwks_urls.is_empty());
    for jwks_url in ["off", "off,https://app.test/jwks"] {
        let errors = read(&[("AUTH_MODE", "bridge"), url, ("JWKS_URL", jwks_url)]).unwrap_err();
        assert_eq!(errors[0].key, "jwt.jwks_url", "{jwks_url}: {errors:?}");
    }
}

/// By default, keys may be fetched over plain http only from this computer, because an attacker on the network path
/// could replace them.
#[test]
fn keys_are_fetched_over_https_or_from_this_computer() {
    let message = |url: &str| match read(&[
        ("AUTH_MODE", "bridge"),
        ("BETTER_AUTH_URL", "https://app.test"),
        ("JWKS_URL", url),
    ]) {
        Ok(_) => None,
        Err(errors) => Some(errors[0].message.clone()),
    };
    for safe in
        ["https://web/jwks", "http://localhost:1/", "http://a.localhost/", "http://127.9.9.9/", "http://[::1]:1/"]
    {
        assert_eq!(message(safe), None, "{safe}");
    }
    for unsafe_url in [
        "http://web/jwks",
        "http://localhost.test/",
        "http://10.0.0.1/",
        "http://[::2]/",
        "https://a.test,http://b.test",
    ] {
        assert!(message(unsafe_url).unwrap().contains("jwt.jwks_http_hosts"), "{unsafe_url}");
    }
    let own = read(&[("AUTH_MODE", "bridge"), ("BETTER_AUTH_URL", "http://web:3000")]).unwrap_err();
    assert_eq!(own[0].key, "auth.url");
    assert!(own[0].message.contains("https"));
}

#[test]
fn a_pooler_is_detected_and_can_be_declared() {
    for (url, setting, pooler) in [
        ("postgres://u@h/db", "auto", Pooler::Detect),
        ("postgres://u@h-pooler.example.test/db?sslmode=require&channel_binding=require", "auto", Pooler::Detect),
        ("postgres://u@h/db?pgbouncer=true", "", Pooler::Present),
        ("postgres://u@h/db?pgbouncer=true", "off", Pooler::Absent),
        ("postgres://u@h/db", "on", Pooler::Present),
    ] {
        let variables =
            [("BETTER_AUTH_SECRET", SECRET), ("DATABASE_URL", url), ("TASKBRIDGE__DATABASE__POOLED", setting)];
        assert_eq!(read(&variables).unwrap().settings.database.url().pooler(), pooler, "{url} {setting}");
    }
}

#[test]
fn the_environment_wins_over_dot_env_and_dot_env_over_the_profile() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("config")).unwrap();
    std::fs::write(
        folder.path().join("config/staging.toml"),
        "[server]\nport = 1\nbody_limit = 4096\nworkers = 3\n[log]\nformat = \"json\"\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join(".env"),
        format!("# comment\nTASKBRIDGE_PROFILE=staging\nBETTER_AUTH_SECRET=\"{SECRET}\"\nPORT=2\nTASKBRIDGE__SERVER__WORKERS=4\n"),
    )
    .unwrap();
    let Valid { settings, .. } = read_in(folder.path(), &[("PORT", "3")]).unwrap();
    assert_eq!(settings.server.port.get(), 3);
    assert_eq!(settings.server.workers.get(), 4);
    assert_eq!(settings.server.body_limit.get(), 4096);
    assert_eq!(settings.log.format, LogFormat::Json);
}

#[test]
fn the_first_of_several_secrets_is_in_use() {
    let list = "2:settings-secret-not-for-production-9876543210, 1:older";
    let server = [("BETTER_AUTH_SECRETS", list), ("BETTER_AUTH_SECRET", "before"), ("JWT_ALGORITHM", "ES256")];
    let Valid { settings, mode } = read(&server).unwrap();
    let AuthMode::Server(ServerMode { secrets, .. }) = mode else { panic!() };
    assert_eq!(secrets.current().expose(), b"settings-secret-not-for-production-9876543210");
    let found = [Some(1), None].map(|version| secrets.find(version).map(SharedSecret::expose));
    assert_eq!(found, [Some(&b"older"[..]), Some(&b"before"[..])]);
    assert_eq!(settings.jwt.algorithm, Some(SigningAlgorithm::Es256));
    assert_eq!(settings.jwt.key_grace_seconds.get(), Duration::from_hours(30 * 24));
    let (bridge, _) = bridge(&[("BETTER_AUTH_URL", "https://app.example.test"), ("BETTER_AUTH_SECRETS", list)]);
    assert_eq!(bridge.secret.unwrap().expose(), b"settings-secret-not-for-production-9876543210");
}

#[test]
fn trusted_origins_are_read_as_browsers_write_them() {
    for (text, expected) in [
        ("", &[][..]),
        (" , ", &[]),
        ("https://app.example.test", &["https://app.example.test"]),
        ("https://App.Example.test/ ,http://localhost:3000", &["https://app.example.test", "http://localhost:3000"]),
        ("HTTPS://app.example.test:443,", &["https://app.example.test"]),
        ("http://[0:0::1]:80,http://127.1:8080", &["http://[::1]", "http://127.0.0.1:8080"]),
        ("https://bücher.example", &["https://xn--bcher-kva.example"]),
        (
            "https://*.example.test,preview-?.example.test,myapp://",
            &["https://*.example.test", "preview-?.example.test", "myapp://"],
        ),
    ] {
        let variables = [("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_TRUSTED_ORIGINS", text)];
        assert_eq!(read(&variables).unwrap().settings.auth.trusted_origins, expected, "{text}");
    }
    for text in [
        "app.example.test",
        "https:app.example.test",
        "https:///app.example.test",
        "https://",
        "https://app.example.test/path",
        "https://app.example.test//",
        "https://app.example.test#fragment",
        "https://user@app.example.test",
        "https://app.example.test\\@evil.example.test",
        "https://*",
        "*",
        "null",
        "ftp://app.example.test",
        "file:///app",
        "https://app.example.test:99999",
        "https://app.exa\tmple.test",
        "https://app.example.test https://other.example.test",
        "https://app.example.test;https://other.example.test",
        "https://good.example.test,https://bad.example.test/path",
    ] {
        let variables = [("BETTER_AUTH_SECRET", SECRET), ("BETTER_AUTH_TRUSTED_ORIGINS", text)];
        let errors = read(&variables).unwrap_err();
        assert_eq!(errors[0].key, "auth.trusted_origins", "{text}: {errors:?}");
    }
}

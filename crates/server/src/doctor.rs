//! `taskbridge doctor`: whether everything that the server needs is as it must be, and what to do where it is not.
//!
//! It has the server's own settings and parts, and changes nothing. Whatever it asks must answer within [`LIMIT`].

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};
use taskbridge_adapters::clock::SystemClock;
use taskbridge_adapters::database::{
    ConnectionLimits, DatabaseProblem, ExposedPath, Inspection, OpenError, Pooler, PostgresFacts, RestrictionReport,
    SqliteFacts, Store, StoreConfig, Transport, inspect,
};
use taskbridge_adapters::jwt::{JwksClient, JwksInspection, StoredKeyStatus};
use taskbridge_adapters::passwords::ThreadedPasswordHasherConfig;
use taskbridge_domain::ports::PasswordHasher;
use taskbridge_domain::users::Password;
use taskbridge_migrations::{MigrateError, Readiness, Users};
use tokio::time::timeout;
use url::Url;

use crate::settings::{
    AuthMode, BridgeMode, DatabaseSettings, Draft, Fault, Origin, ServerMode, ServerSettings, SettingsError,
    is_loopback,
};
use crate::{compose, keys};

/// Time limit of each request over a network.
const LIMIT: Duration = Duration::from_secs(5);
/// The oldest PostgreSQL that is tested.
const OLDEST_POSTGRES: u32 = 14;
/// A hash that takes less is guessed too quickly; one that takes more keeps people waiting, and a core busy.
const HASH: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_secs(1);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// The server works, but perhaps not as intended.
    Warn,
    /// The server does not start, or does not work.
    Fail,
    /// There was nothing to check, or no way to.
    Skip,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// One line.
#[derive(Debug)]
struct Check {
    name: &'static str,
    state: State,
    /// The finding.
    found: String,
    /// Advice for the operator, if there is any.
    advice: Option<String>,
}

fn ok(name: &'static str, found: impl Into<String>) -> Check {
    Check { name, state: State::Ok, found: line(found), advice: None }
}

fn skip(name: &'static str, why: impl Into<String>) -> Check {
    Check { state: State::Skip, ..ok(name, why) }
}

fn warn(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { state: State::Warn, advice: Some(line(advice)), ..ok(name, found) }
}

fn fail(name: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Check {
    Check { state: State::Fail, ..warn(name, found, advice) }
}

/// Others' messages may have several lines.
fn line(text: impl Into<String>) -> String {
    text.into().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All checks, in an order that never changes.
#[derive(Debug)]
pub(crate) struct Report(Vec<Check>);

impl Report {
    /// Returns `true` if the server would not start or not work.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.iter().any(|check| check.state == State::Fail)
    }

    /// `{"ok", "checks": [{"name", "state", "found", "advice"}]}`; `advice` is null where there is nothing to do.
    pub(crate) fn json(&self) -> Value {
        let check = |check: &Check| {
            let Check { name, state, found, advice } = check;
            json!({ "name": name, "state": state.name(), "found": found, "advice": advice })
        };
        json!({ "ok": !self.has_failed(), "checks": self.0.iter().map(check).collect::<Vec<_>>() })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { name, state, found, advice } in &self.0 {
            write!(f, "{:<4} {name:<12} {found}", state.name())?;
            if let Some(advice) = advice {
                write!(f, ". To do: {advice}")?;
            }
            writeln!(f)?;
        }
        let count = |state| self.0.iter().filter(|check| check.state == state).count();
        write!(f, "{} failed, {} to think about", count(State::Fail), count(State::Warn))
    }
}

/// Runs all checks.
pub(crate) async fn examine(draft: Result<Draft, SettingsError>) -> Report {
    let draft = match draft {
        Ok(draft) => draft,
        Err(error) => return Report(vec![fail("settings", error.to_string(), "mend the file, then ask again")]),
    };
    let (database, keys, hash) = tokio::join!(databases(&draft), keys(&draft), hash(&draft));
    let found = [vec![settings(&draft), secret(&draft)], database, keys, vec![cors(&draft), proxy(&draft), hash]];
    let mut checks: Vec<Check> = Vec::new();
    for check in found.into_iter().flatten() {
        // A fault says more than what could be found in spite of it.
        let faults = draft.faults.iter().filter(|fault| name_of(fault) == check.name);
        let told: Vec<_> = faults.map(|fault| fault_in(check.name, fault)).collect();
        if told.is_empty() {
            checks.push(check);
        } else if !checks.iter().any(|other| other.name == check.name) {
            checks.extend(told);
        }
    }
    Report(checks)
}

/// The check that a key belongs to.
fn name_of(fault: &Fault) -> &'static str {
    let is_in = |prefix: &str| fault.key.starts_with(prefix);
    match fault.key.as_str() {
        "auth.secret" | "auth.secrets" => "secret",
        "auth.trusted_origins" => "cors",
        "server.trusted_proxies" => "proxy",
        "database.max_connections" => "pool",
        "database.migrate" => "migrations",
        "jwt.leeway_seconds" => "clock",
        _ if is_in("database.") => "database",
        _ if is_in("jwt.jwks") => "jwks",
        _ if is_in("passwords.") => "hash",
        _ => "settings",
    }
}

/// Most faults say themselves what to do.
fn fault_in(name: &'static str, fault: &Fault) -> Check {
    let Fault { key, origin, problem } = fault;
    let (problem, advice) = problem.split_once("; ").unwrap_or((problem, "config/default.toml explains the key"));
    fail(name, format!("{key} (from {origin}): {problem}"), advice)
}

fn settings(draft: &Draft) -> Check {
    let given = draft.list.iter().filter(|setting| setting.origin != "config/default.toml").count();
    let mode = draft.mode.as_ref().map_or("unknown", AuthMode::name);
    ok("settings", format!("mode {mode}; {given} of {} keys are given, the others are as usual", draft.list.len()))
}

fn secret(draft: &Draft) -> Check {
    let given = |key: &str| draft.list.iter().find(|setting| setting.key == key && !setting.value.is_empty());
    match (given("auth.secrets"), given("auth.secret")) {
        (Some(secrets), _) => ok("secret", format!("several, with versions, from {}", secrets.origin)),
        (None, Some(secret)) => {
            ok("secret", format!("{}, from {}", secret.value.trim_matches(['(', ')']), secret.origin))
        }
        (None, None) => ok("secret", "none, and none is needed: tokens of the published keys alone are accepted"),
    }
}

/// The database, its migrations, and the pool.
async fn databases(draft: &Draft) -> Vec<Check> {
    let Some(database) = &draft.database else {
        return ["database", "tls", "migrations", "pool", "restrictions"]
            .map(|name| skip(name, "its settings have a fault"))
            .into();
    };
    let DatabaseSettings { store, migrate } = database;
    let inspection = match inspect(store, LIMIT).await {
        Ok(inspection) => inspection,
        Err(problem) => {
            let DatabaseProblem { found, advice } = problem;
            let found = [fail("database", format!("{}: {found}", store.url), advice), tls(store)];
            let others = ["migrations", "pool", "restrictions"].map(|name| skip(name, "the database fails"));
            return found.into_iter().chain(others).collect();
        }
    };
    let is_there = !matches!(inspection, Inspection::Sqlite(SqliteFacts { exists: false, .. }));
    let restrictions = match draft.users {
        Some(Users::Here) if is_there => restrictions(store).await,
        Some(Users::Here) => ok("restrictions", "there are no users yet"),
        Some(Users::Elsewhere) => skip("restrictions", "the app's Better Auth signs users in"),
        None => skip("restrictions", "the mode is not known"),
    };
    let migrations = match draft.users {
        None => skip("migrations", "the mode is not known"),
        Some(users) if !is_there => to_come(&creates(&taskbridge_migrations::tables(users)), *migrate),
        Some(users) => migrations(store, users, *migrate).await,
    };
    match inspection {
        Inspection::Sqlite(facts) => {
            let pool = format!("{} connections at the most, of which one writes at a time", store.max_connections);
            vec![sqlite(store, &facts), tls(store), migrations, ok("pool", pool), restrictions]
        }
        Inspection::Postgres(facts) => {
            vec![postgres(store, &facts), tls(store), migrations, pool(store, &facts), restrictions]
        }
    }
}

/// Reports whether an attacker on the network path can read or change what is sent to the database.
fn tls(store: &StoreConfig) -> Check {
    const NAME: &str = "tls";
    let advice = "write sslmode=verify-full, with sslrootcert=system or the file of the authority; or channel_binding=require \
                  where the password is checked by SCRAM";
    match store.url.transport() {
        Transport::Local => skip(NAME, "the database is on this machine"),
        Transport::Verified { is_for_host: true } => {
            ok(NAME, "the certificate of the database is verified for its host")
        }
        Transport::Verified { is_for_host: false } => {
            ok(NAME, "the certificate of the database is verified, for any host of its authority")
        }
        Transport::ChannelBound => {
            ok(NAME, "the password is bound to the certificate of the database (channel binding)")
        }
        Transport::Unverified => warn(
            NAME,
            "the certificate of the database is not verified: another server can take its place and read the password",
            advice,
        ),
        Transport::Opportunistic => {
            warn(NAME, "TLS is not required: an attacker on the network path can read and change everything", advice)
        }
        Transport::Plain => {
            warn(NAME, "TLS is off: an attacker on the network path can read and change everything", advice)
        }
    }
}

fn sqlite(store: &StoreConfig, facts: &SqliteFacts) -> Check {
    const NAME: &str = "database";
    let SqliteFacts { version, exists, missing_folder, is_wal, unwritable, exposed } = facts;
    let state = match missing_folder {
        Some(folder) => format!(
            "does not exist yet; the server creates the folder {}, the file, and the tables in it",
            folder.display()
        ),
        None if !exists => "does not exist yet; the server creates the file, and the tables in it".into(),
        None if *is_wal => "is there, in WAL mode".into(),
        None => "is there, not in WAL mode; the server changes that".into(),
    };
    let found = format!("{}: SQLite {version}; the file {state}", store.url);
    if let Some(place) = unwritable {
        return fail(
            NAME,
            format!("{found}; {} may not be written to", place.display()),
            "let the user that the server runs as write there: SQLite needs both file and folder",
        );
    }
    if exposed.is_empty() {
        return ok(NAME, found);
    }
    let access = exposed.iter().map(|ExposedPath { path, is_folder, mode }| {
        let access = if *is_folder { "can replace the files in it" } else { "have access to it" };
        format!("{} has the mode {mode:04o}: other users {access}", path.display())
    });
    let remedies = exposed.iter().map(|ExposedPath { path, is_folder, .. }| {
        let mode = if *is_folder { "go-w" } else { "600" };
        format!("chmod {mode} {}", path.display())
    });
    let join = |lines: Vec<String>| lines.join("; ");
    warn(NAME, format!("{found}; {}", join(access.collect())), join(remedies.collect()))
}

fn postgres(store: &StoreConfig, facts: &PostgresFacts) -> Check {
    let PostgresFacts { version, version_number, schema, connected_in, round_trip, .. } = facts;
    let PostgresFacts { is_read_only, is_proved_direct, shares_processes, .. } = facts;
    let between = match (shares_processes, is_proved_direct) {
        (true, _) => "behind a pooler: one server process answered two connections",
        (false, true) => "no pooler in between",
        (false, false) => "a pooler, a proxy or address translation may be in between",
    };
    let found = format!(
        "{}: {version}, schema {}, {between}; connected in {}, a round trip takes {}",
        store.url,
        schema.as_deref().unwrap_or("missing"),
        millis(*connected_in),
        millis(*round_trip)
    );
    if version_number / 10_000 < OLDEST_POSTGRES {
        let advice = format!("PostgreSQL {OLDEST_POSTGRES} or newer is needed");
        return fail("database", found, advice);
    }
    if *is_read_only {
        let found = format!("{found}; nothing can be written to it");
        return fail("database", found, "name the primary in DATABASE_URL, not a standby");
    }
    if store.url.pooler() == Pooler::Absent && !is_proved_direct {
        let advice =
            "set database.pooled to auto: behind a pooler in transaction mode, statements of different clients mix";
        if *shares_processes {
            return fail("database", found, advice);
        }
        return warn("database", found, advice);
    }
    ok("database", found)
}

async fn migrations(store: &StoreConfig, users: Users, migrate: bool) -> Check {
    match timeout(2 * LIMIT, readiness(store, users, migrate)).await {
        Err(_elapsed) => {
            fail("migrations", "reading the schema timed out", "check for sessions that hold locks on its tables")
        }
        Ok(Err(error)) => match error.downcast_ref() {
            Some(MigrateError::Refused(line)) => {
                let (found, advice) = line.split_once("; ").unwrap_or((line, "change the table"));
                fail("migrations", found, advice)
            }
            _ => fail("migrations", format!("{error:#}"), "see the log of the database"),
        },
        Ok(Ok(Readiness { migrations: steps, missing_tables })) => {
            let pending: Vec<_> = steps.iter().filter(|step| !step.applied).map(|step| step.name.as_str()).collect();
            if pending.is_empty() {
                return ok("migrations", format!("all {} steps have been applied", steps.len()));
            }
            let found = format!("{} to come, and nothing in their way", pending.join(", "));
            let found =
                if missing_tables.is_empty() { found } else { format!("{found}; {}", creates(&missing_tables)) };
            to_come(&found, migrate)
        }
    }
}

fn creates(tables: &[&str]) -> String {
    format!("tables that will be created: {}", tables.join(", "))
}

/// Opens the store for reading, with one connection.
pub(crate) async fn opened(store: &StoreConfig) -> Result<Store, OpenError> {
    let config = StoreConfig {
        max_connections: 1,
        acquire_timeout: LIMIT,
        connect_timeout: LIMIT,
        start_timeout: Duration::ZERO,
        ..store.clone()
    };
    Store::open_to_read(&config).await
}

async fn readiness(store: &StoreConfig, users: Users, migrate: bool) -> anyhow::Result<Readiness> {
    let store = opened(store).await?;
    let readiness = taskbridge_migrations::check(&store.dedicated().await?, users, migrate).await;
    store.close().await;
    Ok(readiness?)
}

/// Reports users who cannot sign in, and columns that are not enforced.
async fn restrictions(store: &StoreConfig) -> Check {
    match timeout(2 * LIMIT, restriction_report(store)).await {
        Err(_elapsed) => warn(
            "restrictions",
            "counting the restricted users took too long",
            "run the doctor when the database is idle",
        ),
        Ok(Err(error)) => fail("restrictions", format!("{error:#}"), "see the log of the database"),
        Ok(Ok(RestrictionReport { banned, second_factor, ignored })) => {
            let counted = [(banned, "banned"), (second_factor, "with a second factor")];
            let counted = counted.iter().filter_map(|(users, what)| Some(format!("{} {what}", (*users)?)));
            let counted = counted.collect::<Vec<_>>().join(", ");
            let found =
                if counted.is_empty() { "no plugin of Better Auth restricts users".to_owned() } else { counted };
            if !ignored.is_empty() {
                let columns = ignored.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let found = format!("{found}; columns of the table user that seem to restrict users: {columns}");
                return warn(
                    "restrictions",
                    found,
                    "Taskbridge does not enforce these columns; restrict users by `banned` instead",
                );
            }
            if second_factor.is_some_and(|users| users > 0) {
                let advice = "users with a second factor cannot sign in here, only by the app's Better Auth";
                return warn("restrictions", found, advice);
            }
            ok("restrictions", found)
        }
    }
}

async fn restriction_report(store: &StoreConfig) -> anyhow::Result<RestrictionReport> {
    let store = opened(store).await?;
    let report = store.restrictions().await;
    store.close().await;
    Ok(report?)
}

fn to_come(found: &str, migrate: bool) -> Check {
    if migrate {
        warn("migrations", found, "nothing if the server may do it at its start; else run: taskbridge migrate up")
    } else {
        fail("migrations", found, "run: taskbridge migrate up (database.migrate is off)")
    }
}

fn pool(store: &StoreConfig, facts: &PostgresFacts) -> Check {
    let (ours, limits) = (store.max_connections, facts.limits);
    if store.url.pooler() == Pooler::Present || facts.shares_processes {
        let found = format!(
            "{ours} connections to the pooler, which has its own limit; the database behind it takes {}",
            limits.usable()
        );
        return ok("pool", found);
    }
    let found = against(ours, limits);
    if ours > limits.usable() {
        fail("pool", found, "lower database.max_connections, or raise max_connections of the database")
    } else if ours > limits.free() {
        let advice =
            "nothing if those in use are of this server; else lower database.max_connections, or end what holds them";
        warn("pool", found, advice)
    } else {
        ok("pool", found)
    }
}

fn against(ours: u32, limits: ConnectionLimits) -> String {
    let ConnectionLimits { max, reserved, in_use } = limits;
    let (fit, more) = (limits.usable() / ours.max(1), limits.free() / ours.max(1));
    format!(
        "{ours} connections of each replica; the database takes {max}, {reserved} of them reserved, {in_use} in use now: \
         {fit} replicas fit, {more} beside what is there"
    )
}

/// Each address of keys, and its clock.
async fn keys(draft: &Draft) -> Vec<Check> {
    match &draft.mode {
        None => ["jwks", "clock"].map(|name| skip(name, "the mode has a fault")).into(),
        Some(mode @ AuthMode::Server(_)) => {
            vec![own_keys(mode, draft.database.as_ref()).await, skip("clock", "no other one counts")]
        }
        Some(AuthMode::Bridge(mode)) if mode.jwks_urls.is_empty() => vec![
            ok("jwks", "none is asked, as JWKS_URL says: tokens of the secret alone are accepted"),
            skip("clock", "no other one is asked"),
        ],
        Some(AuthMode::Bridge(mode)) => {
            let mut looks: Vec<_> = compose::key_addresses(mode).map(|address| tokio::spawn(look(address))).collect();
            let (mut keys, mut clocks) = (Vec::new(), Vec::new());
            for look in &mut looks {
                let Ok((address, answer)) = look.await else { continue };
                clocks.push(clock(&address, answer.as_ref().ok(), draft.jwt_leeway));
                keys.push(jwks(&address, &answer, mode));
            }
            keys.into_iter().chain(clocks).collect()
        }
    }
}

/// The keys in the database.
async fn own_keys(mode: &AuthMode, database: Option<&DatabaseSettings>) -> Check {
    const NAME: &str = "jwks";
    let Some(database) = database else { return skip(NAME, "the database has a fault") };
    let keys = async {
        let store = opened(&database.store).await?;
        let ring = compose::key_ring(mode, &store).context("there are none")?;
        let keys = if store.has_table("jwks").await? { Some(ring.table().list().await) } else { None };
        store.close().await;
        anyhow::Ok(keys.transpose()?)
    };
    let keys = match timeout(2 * LIMIT, keys).await {
        Ok(Ok(Some(keys))) => keys,
        Ok(Ok(None)) => return ok(NAME, "there is no table jwks yet"),
        Ok(Err(error)) => return skip(NAME, line(format!("the table jwks cannot be read: {error:#}"))),
        Err(_elapsed) => return skip(NAME, "it took too long to read the table jwks"),
    };
    let unreadable: Vec<_> =
        keys.iter().filter(|key| matches!(key.status, StoredKeyStatus::Undecryptable(_))).collect();
    match keys.iter().find(|key| key.status == StoredKeyStatus::Signs) {
        _ if !unreadable.is_empty() => warn(
            NAME,
            unreadable.into_iter().map(keys::line).collect::<Vec<_>>().join("; "),
            "set BETTER_AUTH_SECRET or BETTER_AUTH_SECRETS as in the Better Auth that made them; or, if none uses this \
             database, replace them by: taskbridge keys rotate",
        ),
        Some(key) => ok(NAME, format!("in the table jwks; {} signs, with {}", key.id, key.algorithm)),
        None if matches!(mode, AuthMode::Server(ServerMode { keys, .. }) if keys.algorithm.is_none()) => {
            ok(NAME, format!("tokens are signed with the secret; {} keys in the table jwks verify, too", keys.len()))
        }
        None => ok(NAME, "in the table jwks; the first token makes one that signs"),
    }
}

async fn look(address: JwksClient) -> (String, Result<JwksInspection, String>) {
    let answer = match timeout(LIMIT, address.inspect(&SystemClock)).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_elapsed) => Err(format!("no answer within {} seconds", LIMIT.as_secs())),
    };
    (address.to_string(), answer)
}

fn jwks(address: &str, answer: &Result<JwksInspection, String>, mode: &BridgeMode) -> Check {
    const NAME: &str = "jwks";
    let JwksInspection { status, latency, keys, .. } = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let authority = if address.starts_with("https:") {
                "; jwt.jwks_ca_file names authorities other than those of the web"
            } else {
                ""
            };
            let advice = format!(
                "see that the app runs and that this address is reached from here; JWKS_URL gives another, as containers \
                 need{authority}"
            );
            return fail(NAME, format!("{address}: {error}"), advice);
        }
    };
    let found = format!("{address}: {status} in {}", millis(*latency));
    let keys = match keys {
        Ok(keys) => keys,
        Err(error) => {
            let advice = match status {
                200 => {
                    "something else is there: set JWKS_URL to the address of the keys, $BETTER_AUTH_URL/api/auth/jwks unless Better Auth is mounted elsewhere"
                }
                300..=399 => "redirects are not followed: set JWKS_URL to where it leads",
                401 | 403 => "something before it asks who we are: let this path through",
                404 => "add the plugin jwt() to Better Auth, or set JWKS_URL to where it publishes its keys",
                _ => "see the log of the app",
            };
            return fail(NAME, format!("{found}: {error}"), advice);
        }
    };
    let list = |keys: &[String]| if keys.is_empty() { "none".into() } else { keys.join("; ") };
    let found = format!("{found}; keys that are used: {}", list(&keys.usable));
    if keys.usable.is_empty() && keys.unusable.is_empty() {
        let found = if mode.secret.is_some() { format!("{found} (tokens of the secret are accepted)") } else { found };
        return warn(NAME, found, "get a first token from /api/auth/token: Better Auth makes its key then");
    }
    if keys.unusable.is_empty() {
        return ok(NAME, found);
    }
    let found = format!("{found}; not used: {}", list(&keys.unusable));
    let advice =
        "choose EdDSA, ES256, RS256 or PS256 in Better Auth: jwt({ jwks: { keyPairConfig: { alg: \"EdDSA\" } } })";
    if keys.usable.is_empty() { fail(NAME, found, advice) } else { warn(NAME, found, advice) }
}

fn clock(address: &str, answer: Option<&JwksInspection>, leeway: Option<Duration>) -> Check {
    const NAME: &str = "clock";
    let (Some(answer), Some(leeway)) = (answer, leeway) else { return skip(NAME, format!("{address} tells no time")) };
    let Some(ahead) = answer.ahead_seconds else { return skip(NAME, format!("{address} tells no time")) };
    let distance = ahead.unsigned_abs();
    let found = match ahead {
        -1..=1 => format!("{address} has the same time"),
        2.. => format!("{address} is {distance} seconds ahead"),
        _ => format!("{address} is {distance} seconds behind"),
    };
    if distance <= leeway.as_secs().max(1) {
        ok(NAME, found)
    } else {
        let advice = format!("set both clocks right (NTP); jwt.leeway_seconds forgives {}", leeway.as_secs());
        warn(NAME, format!("{found}, or this computer is wrong"), advice)
    }
}

fn cors(draft: &Draft) -> Check {
    const NAME: &str = "cors";
    let Some(trusted) = &draft.trusted_origins else { return skip(NAME, "its settings have a fault") };
    let own = match (&draft.mode, &draft.server) {
        (Some(mode), Some(server)) => Some(mode.origin(server.port)),
        _ => None,
    };
    let origins: Vec<_> = own.iter().chain(trusted).map(String::as_str).collect();
    let found = match origins.as_slice() {
        [] => "no page is trusted beside those of the auth server".into(),
        origins => format!("pages of {} may call the API", origins.join(", ")),
    };
    let open: Vec<_> = origins.iter().filter(|origin| is_open(origin)).copied().collect();
    let is_alone =
        trusted.is_empty() && matches!(&draft.mode, Some(AuthMode::Server(ServerMode { origin: Origin::Local, .. })));
    if !open.is_empty() {
        let advice = format!("serve {} over https: whoever is on the way can be such a page", open.join(", "));
        warn(NAME, found, advice)
    } else if is_alone {
        let advice = "set BETTER_AUTH_TRUSTED_ORIGINS to the origin of the app, such as http://localhost:3000, if its pages \
            call the API from the browser";
        warn(NAME, found, advice)
    } else {
        ok(NAME, found)
    }
}

/// Returns `true` if an attacker on the network path could serve a page of this origin.
fn is_open(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    url.scheme() == "http" && !is_loopback(&url)
}

fn proxy(draft: &Draft) -> Check {
    match &draft.server {
        Some(ServerSettings { host, port, trusted_proxies, forwarded_header, .. }) => {
            let header = forwarded_header.title();
            let client = if trusted_proxies.is_empty() {
                format!("a client's address is that of its connection, and {header} is not believed")
            } else {
                let proxies: Vec<_> = trusted_proxies.iter().map(ToString::to_string).collect();
                format!("{header} is believed from {}", proxies.join(", "))
            };
            ok("proxy", format!("listens on {host}:{port}; {client}"))
        }
        None => skip("proxy", "the settings have a fault"),
    }
}

/// The time of one hash, measured.
async fn hash(draft: &Draft) -> Check {
    const NAME: &str = "hash";
    let config = match (draft.users, draft.passwords) {
        (Some(Users::Elsewhere), _) => return skip(NAME, "passwords are the app's"),
        (_, None) => return skip(NAME, "its settings have a fault"),
        (_, Some(config)) => config,
    };
    let (Ok(hasher), Ok(password)) = (compose::hasher(config), Password::parse("how long does it take")) else {
        return fail(NAME, "the system gives no threads", "let the server have more threads");
    };
    let started = Instant::now();
    if hasher.verify(password, None).await.is_err() {
        return fail(NAME, "a password could not be hashed", "see the log");
    }
    time_of_refusal(started.elapsed(), config)
}

fn time_of_refusal(took: Duration, config: ThreadedPasswordHasherConfig) -> Check {
    let cost = config.bcrypt_cost;
    let found = format!("a refused sign-in takes {} (bcrypt, cost {cost}, and scrypt)", millis(took));
    if took < *HASH.start() {
        warn("hash", found, "raise passwords.bcrypt_cost: each step doubles the time of a guess")
    } else if took > *HASH.end() {
        warn("hash", found, "lower passwords.bcrypt_cost: each step halves the time of a sign-in")
    } else {
        ok("hash", found)
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use taskbridge_domain::users::HashAlgorithm;

    use super::*;

    #[test]
    fn a_hash_is_neither_too_quick_nor_too_slow() {
        let config =
            ThreadedPasswordHasherConfig { write: HashAlgorithm::Bcrypt, bcrypt_cost: 12, threads: 1, queue: 1 };
        for (millis, state) in
            [(49, State::Warn), (50, State::Ok), (350, State::Ok), (1000, State::Ok), (1001, State::Warn)]
        {
            assert_eq!(time_of_refusal(Duration::from_millis(millis), config).state, state, "{millis}");
        }
    }

    #[test]
    fn replicas_are_counted_within_what_the_database_leaves() {
        let limits = ConnectionLimits { max: 100, reserved: 3, in_use: 40 };
        let found = against(10, limits);
        assert!(found.contains("9 replicas fit, 5 beside"), "{found}");
        assert!(against(0, limits).contains("97 replicas fit"));
        let full = ConnectionLimits { max: 3, reserved: 3, in_use: 4 };
        assert_eq!((full.usable(), full.free()), (0, 0));
    }

    #[test]
    fn an_origin_is_open_over_plain_http_unless_it_is_here() {
        for (origin, expected) in [
            ("https://app.test", false),
            ("http://app.test", true),
            ("http://10.0.0.1:3000", true),
            ("http://localhost:3000", false),
            ("http://app.localhost", false),
            ("http://127.0.0.1:3000", false),
            ("http://[::1]", false),
            ("http://localhost.test", true),
        ] {
            assert_eq!(is_open(origin), expected, "{origin}");
        }
    }

    #[test]
    fn others_messages_become_one_line() {
        assert_eq!(ok("x", "a\n  b\tc").found, "a b c");
    }
}

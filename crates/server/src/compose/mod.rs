//! Builds adapters and services from settings. No other module creates an adapter.

mod metrics;
mod sign_in;
mod store;
mod tasks;
mod tokens;
mod users;

use std::sync::Arc;

use anyhow::{Context, anyhow};
use prometheus_client::registry::Registry;
use taskbridge_adapters::database::Store;
use taskbridge_domain::Authenticator;
use taskbridge_domain::ports::Clock;
use taskbridge_domain::services::TaskService;
use taskbridge_web::{
    BodyLimit, Compatibility, Docs, DocsConfig, HttpMetrics, RequestTimeout, Services, Stopping, TasksApi, TasksMount,
    TrustedOrigins, TrustedProxies, UnsentLimits, UnsentResponses,
};

pub(crate) use taskbridge_adapters::clock::SystemClock;

pub(crate) use self::sign_in::{cookie_config, hasher};
pub(crate) use self::store::{
    READ_TIMEOUT, RUN_MIGRATE_UP, bridge_mode_works, is_missing, migrations, pending, require_current, store_config,
    up, use_and_close, with_store, with_store_to_read, with_tables_to_read,
};
pub(crate) use self::tokens::{describe_key, key_addresses, stored_keys, verifier, verifier_for_command};
pub(crate) use self::users::{is_unknown_user, user_admin};

use self::metrics::CurrentValues;
use self::sign_in::sign_in;
use self::tasks::{repositories, user_rate_limit};
use crate::cleanup::Cleanup;
use crate::connection_table::ConnectionTable;
use crate::resources;
use crate::settings::{AuthMode, Settings};
use crate::telemetry::LogQueue;

/// The parts of the server, as built by `compose`.
pub(crate) struct Composition {
    pub(crate) services: Services,
    /// The store that the services use. The caller of `compose` must close it after the last request.
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) cleanup: Option<Cleanup>,
}

/// Opens the store, applies or checks the migrations, and builds the services. `origin` is the origin of the auth
/// server. `log` is the queue of the log, if there is one. `connections` are those of the API.
pub(crate) async fn compose(
    settings: &Settings,
    mode: &AuthMode,
    origin: &str,
    log: Option<&LogQueue>,
    connections: Arc<ConnectionTable>,
) -> anyhow::Result<Composition> {
    let Settings { server, database, tasks, .. } = settings;
    let store = store::open_for_server(database, &migrations(settings, mode.name().users())).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let keys = stored_keys(mode, &settings.jwt, &store);
    let (auth, hashing, mut cleanup) = match (mode, &keys) {
        (AuthMode::Server(mode), Some(keys)) => {
            warn_of_ignored_columns(store.clone());
            let (server, hashing, cleanup) = sign_in(settings, mode, origin, &store, &clock, Arc::clone(keys))?;
            (Some(server), Some(hashing), cleanup)
        }
        _ => (None, None, None),
    };
    let (task_repo, repositories) = repositories(settings, &store, &clock).await?;
    let resources: Vec<_> = resources::further()
        .iter()
        .map(|resource| (resource.api)(&repositories))
        .collect::<Result<_, _>>()
        .map_err(|cause| anyhow!(cause))
        .context("cannot serve a resource of the program")?;
    let user_rate_limit = user_rate_limit(settings, &store, &clock).await?.map(|(limit, limiter)| {
        if let Some(cleanup) = &mut cleanup {
            cleanup.limiters.push(limiter);
        }
        limit
    });
    let http_metrics = Arc::new(HttpMetrics::default());
    let unsent = Arc::new(UnsentResponses::new(UnsentLimits {
        total: server.unsent_bytes.get(),
        per_network: server.unsent_bytes_per_network.get(),
    }));
    let current = CurrentValues {
        hashing,
        task_load: repositories.permits.load(),
        store: store.clone(),
        unsent: Arc::clone(&unsent),
        log: log.cloned(),
        connections,
    };
    let registry = metrics::registry(clock.now(), &http_metrics, current);
    let tasks_mount = TasksMount { prefix: tasks.prefix.clone(), without_user_id: tasks.without_user_id.is_on() };
    let compatibility = Compatibility {
        list_envelope: tasks.list_envelope.is_on(),
        is_completed: tasks.is_completed.is_on(),
        delete_message: tasks.delete_message.is_on(),
    };
    let docs = DocsConfig { openapi: settings.docs.openapi.is_on(), page: settings.docs.page.is_on() };
    let docs = Docs::new(docs, auth.as_ref(), &tasks_mount, compatibility, &resources)
        .context("cannot generate the OpenAPI document")?;
    let requires_issuer = settings.jwt.requires_issuer(mode.name());
    let verifier = verifier(mode, &settings.jwt, origin, keys.map(|keys| keys as _), requires_issuer);
    let services = Services {
        authenticator: Arc::new(Authenticator::new(Arc::new(verifier))),
        tasks: TasksApi::new(Arc::new(TaskService::new(task_repo, clock)))?,
        resources,
        user_rate_limit,
        auth,
        store: Arc::new(store.clone()),
        body_limit: BodyLimit(server.body_limit.get()),
        request_timeout: RequestTimeout(server.request_seconds.get()),
        unsent,
        trusted_origins: Arc::new(trusted_origins(&settings.auth.trusted_origins, origin)?),
        trusted_proxies: Arc::new(TrustedProxies::new(server.trusted_proxies.clone(), server.forwarded_header)),
        tasks_mount,
        compatibility,
        docs,
        stopping: Stopping::default(),
        metrics: http_metrics,
    };
    Ok(Composition { services, store, registry, cleanup })
}

/// Starts a task that logs a warning if columns of the table `user` seem to mark users as restricted, but are not
/// enforced by Taskbridge.
fn warn_of_ignored_columns(store: Store) {
    tokio::spawn(async move {
        match store.ignored_columns().await {
            Ok(ignored) if ignored.is_empty() => {}
            Ok(ignored) => {
                let columns: Vec<_> = ignored.iter().map(ToString::to_string).collect();
                tracing::warn!(
                    columns = columns.join(", "),
                    "columns of the table user seem to restrict users; Taskbridge does not enforce them"
                );
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot check for restricted users");
            }
        }
    });
}

/// Returns all trusted origins: the configured ones, and `origin`, which is the origin of the auth server.
fn trusted_origins(configured: &[String], origin: &str) -> anyhow::Result<TrustedOrigins> {
    let mut trusted = TrustedOrigins::default();
    for origin in configured.iter().map(String::as_str).chain([origin]) {
        trusted.add(origin).with_context(|| format!("cannot trust the origin {origin:?}"))?;
    }
    Ok(trusted)
}

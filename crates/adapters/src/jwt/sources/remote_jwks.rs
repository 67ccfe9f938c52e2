//! The keys that an issuer publishes. They are fetched regularly, before a token needs them, and stay in use while the
//! issuer does not respond.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use taskbridge_domain::Cause;
use thiserror::Error;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::KeySource;
use super::jwks_client::FetchJwks;
use crate::jwt::header::Header;
use crate::jwt::keys::algorithm::PUBLISHED_ALGORITHMS;
use crate::jwt::keys::jwk_set::{InvalidJwks, JwkSet, MAX_KID_BYTES, find_key};
use crate::jwt::keys::verifying_key::{SignatureCheck, VerifyingKey};
use crate::jwt::report::KeyDescription;

/// The schedule on which [`RemoteJwks`] fetches keys.
#[derive(Debug, Clone, Copy)]
pub struct RemoteJwksConfig {
    /// Time between two scheduled fetches. A key that the issuer withdraws can remain accepted for that long.
    pub refresh: Duration,
    /// Minimum time between two fetches that are caused by tokens with unknown keys, and time after which a failed
    /// fetch is repeated.
    pub cool_down: Duration,
    /// Maximum duration of a fetch, and maximum time that a token waits for a fetch.
    pub timeout: Duration,
}

/// The keys of one issuer, published at one or more endpoints. A new key set replaces the whole previous key set of the
/// same endpoint, by these rules:
///
/// - A response with usable keys takes effect at once. Each endpoint is fetched again after
///   [`refresh`](RemoteJwksConfig::refresh), so that a withdrawn key is accepted for at most that long.
/// - A response without usable keys takes effect only if the responses have contained no usable keys for at least the
///   time `refresh`, because an issuer that suddenly publishes no keys is probably broken.
/// - A failed fetch, or a response that is not a key set, changes nothing, however long this lasts. The fetch is
///   repeated after `cool_down`.
/// - A token with an unknown key causes a fetch, unless another token caused one less than `cool_down` ago. The token
///   waits for the fetch, and so do other tokens with unknown keys that arrive before the fetch has finished. They wait
///   for at most `timeout`, or for one second while fetches fail. Between the end of the fetch and the end of
///   `cool_down`, tokens with unknown keys are rejected at once.
/// - At most [`MAX_WAITING`](Self::MAX_WAITING) tokens wait at the same time, because anyone can send tokens with unknown
///   keys. Further ones fail at once.
///
/// Each endpoint has its own task, so that no endpoint is fetched twice at the same time. Tokens with known keys never
/// wait. Time is measured by the clock of the runtime, so that changes of the system clock have no effect.
pub struct RemoteJwks {
    shared: Arc<Shared>,
    /// The tasks that fetch keys. They are kept here so that they are aborted when the [`RemoteJwks`] is dropped.
    _tasks: JoinSet<()>,
}

struct Shared {
    config: RemoteJwksConfig,
    endpoints: Vec<Endpoint>,
    /// The state of each endpoint, in the order of `endpoints`.
    states: watch::Sender<Vec<EndpointState>>,
    /// One permit for each token that may still wait for a fetch.
    waiting: Semaphore,
}

struct Endpoint {
    client: Box<dyn FetchJwks>,
    fetch_requested: Notify,
    /// When a token with an unknown key last caused a fetch, and the number of that fetch.
    last_request: Mutex<Option<(Instant, u64)>>,
}

#[derive(Default)]
struct EndpointState {
    keys: Arc<JwkSet>,
    /// Number of fetches of this endpoint that have started. The initial value is 1, so that a token which arrives
    /// before the first fetch waits for it.
    started: u64,
    /// Number of fetches of this endpoint that have finished, with or without an error.
    finished: u64,
    /// The error of the last fetch, if it failed.
    failure: Option<FetchError>,
    /// The time since which the endpoint has returned only key sets without usable keys. `None` if its last key set had
    /// a usable key, or if it has not returned a key set yet.
    empty_since: Option<Instant>,
}

/// Maximum time that a token waits for a fetch while fetches fail.
const MAX_WAIT_WHILE_FAILING: Duration = Duration::from_secs(1);

/// The error of a fetch: [`UnexpectedStatus`](crate::jwt::UnexpectedStatus), [`InvalidJwks`], or an I/O error.
type FetchError = Arc<dyn Error + Send + Sync>;

/// The error if the key of a token is unknown and the keys at some endpoints cannot be fetched. Contains the URL of
/// each such endpoint, without the query, and the error of its fetch.
#[derive(Debug, Error)]
#[error("the key is not known, and the issuer's keys cannot be fetched now ({})", list(.0))]
pub struct JwksUnavailable(pub Vec<(String, FetchError)>);

fn list(endpoints: &[(String, FetchError)]) -> String {
    endpoints.iter().map(|(address, why)| format!("{address}: {why}")).collect::<Vec<_>>().join("; ")
}

impl RemoteJwks {
    /// Maximum number of tokens that wait for a fetch. Their requests keep their heads in memory, at most 64 KiB each. One
    /// client can send all of these tokens. Tokens of known keys are not affected.
    pub const MAX_WAITING: usize = 1000;

    /// Starts tasks that fetch the keys at `endpoints` regularly, until the returned value is dropped.
    ///
    /// All endpoints must belong to the same user directory: a key of any endpoint can sign tokens for every user.
    ///
    /// # Panics
    /// Panics if it is called outside a tokio runtime.
    #[must_use]
    pub fn start(endpoints: Vec<Box<dyn FetchJwks>>, config: RemoteJwksConfig) -> Self {
        let endpoints: Vec<_> = endpoints
            .into_iter()
            .map(|client| Endpoint { client, fetch_requested: Notify::new(), last_request: Mutex::default() })
            .collect();
        let state = |_: &Endpoint| EndpointState { started: 1, ..EndpointState::default() };
        let states = watch::Sender::new(endpoints.iter().map(state).collect());
        let waiting = Semaphore::new(Self::MAX_WAITING);
        let shared = Arc::new(Shared { config, endpoints, states, waiting });
        let mut tasks = JoinSet::new();
        for index in 0..shared.endpoints.len() {
            tasks.spawn(Arc::clone(&shared).fetch_repeatedly(index));
        }
        Self { shared, _tasks: tasks }
    }
}

#[async_trait]
impl KeySource for RemoteJwks {
    fn algorithms(&self) -> &'static [&'static str] {
        &PUBLISHED_ALGORITHMS
    }

    async fn find_key(
        &self,
        header: &Header,
        verifies: SignatureCheck<'_>,
    ) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        if header.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Ok(None);
        }
        let Shared { config, endpoints, states, waiting } = &*self.shared;
        let find = |states: &Vec<EndpointState>| find_key(states.iter().map(|state| &*state.keys), header, verifies);
        if let Some(key) = find(&states.borrow()) {
            return Ok(Some(key));
        }
        let _permit =
            waiting.try_acquire().map_err(|_none_left| "too many tokens already wait for the issuer's keys")?;
        let mut states = states.subscribe();
        let is_failing = |states: &Vec<EndpointState>| states.iter().any(|state| state.failure.is_some());
        let max_wait =
            if is_failing(&states.borrow()) { MAX_WAIT_WHILE_FAILING.min(config.timeout) } else { config.timeout };
        let search = async {
            loop {
                let awaited: Vec<_> = {
                    let states = states.borrow();
                    let each = endpoints.iter().zip(states.iter());
                    each.map(|(endpoint, state)| endpoint.request_fetch(state, config.cool_down)).collect()
                };
                let is_over = |states: &Vec<EndpointState>| {
                    states.iter().zip(&awaited).all(|(state, fetch)| fetch.is_none_or(|fetch| state.finished >= fetch))
                };
                let states = states.wait_for(|states| is_over(states) || find(states).is_some()).await?;
                match find(&states) {
                    None if awaited.iter().any(Option::is_some) => {}
                    None if is_failing(&states) => return Err(self.shared.unavailable(&states)),
                    found => return Ok(found),
                }
            }
        };
        timeout(max_wait, search)
            .await
            .unwrap_or_else(|_elapsed| Err(self.shared.unavailable(&self.shared.states.borrow())))
    }

    fn describe(&self) -> Vec<KeyDescription> {
        let states = self.shared.states.borrow();
        let each = self.shared.endpoints.iter().zip(states.iter());
        each.flat_map(|(endpoint, state)| {
            let address = &endpoint.client;
            let keys: Vec<_> = state.keys.describe().map(|key| key.at(address)).collect();
            match &state.failure {
                _ if !keys.is_empty() => keys,
                Some(why) => vec![KeyDescription::NoKey(format!("from {address}: {why}"))],
                None => vec![KeyDescription::NoKey(format!("from {address}"))],
            }
        })
        .collect()
    }
}

impl Endpoint {
    /// Returns the number of the fetch that a token with an unknown key has to wait for. Returns `None` if the token
    /// does not have to wait, because `cool_down` has not passed since a token last caused a fetch.
    ///
    /// The token waits for an unfinished fetch that another token has caused, for a scheduled fetch that is under way,
    /// or else for a new fetch. A scheduled fetch may have started before the key was published; if it does not return
    /// the key, the next call causes a new fetch.
    fn request_fetch(&self, state: &EndpointState, cool_down: Duration) -> Option<u64> {
        let mut last_request = self.last_request.lock().unwrap_or_else(PoisonError::into_inner);
        match *last_request {
            Some((_, fetch)) if state.finished < fetch => Some(fetch),
            Some((at, _)) if at.elapsed() < cool_down => None,
            _ if state.finished < state.started => Some(state.started),
            _ => {
                let fetch = state.started + 1;
                *last_request = Some((Instant::now(), fetch));
                self.fetch_requested.notify_one();
                Some(fetch)
            }
        }
    }
}

impl Shared {
    /// Returns an error that names the endpoints whose last fetch failed or is still under way.
    fn unavailable(&self, states: &[EndpointState]) -> Cause {
        let each = self.endpoints.iter().zip(states);
        let failing = each.filter_map(|(endpoint, state)| {
            let is_fetching = state.finished < state.started;
            let pending = || is_fetching.then(|| Cause::from("it has not responded yet").into());
            Some((endpoint.client.to_string(), state.failure.clone().or_else(pending)?))
        });
        JwksUnavailable(failing.collect()).into()
    }

    async fn fetch_repeatedly(self: Arc<Self>, index: usize) {
        let RemoteJwksConfig { refresh, cool_down, timeout: max_duration } = self.config;
        let Endpoint { client, fetch_requested, .. } = &self.endpoints[index];
        let address = client.to_string();
        let mut previous = (Vec::new(), Arc::default());
        loop {
            let response = timeout(max_duration, client.fetch()).await.unwrap_or_else(|_| Err("it timed out".into()));
            let keys = response.and_then(|body| Ok(parse(&address, body, &mut previous)?));
            let pause = if keys.is_err() { cool_down.min(refresh) } else { refresh };
            let keys = keys.inspect_err(|error| {
                tracing::warn!(address, error, "cannot fetch keys; the keys known so far stay in use");
            });
            self.states.send_modify(|states| states[index].apply(keys, refresh));
            let _ = timeout(pause, fetch_requested.notified()).await;
            self.states.send_modify(|states| states[index].started += 1);
        }
    }
}

/// Parses the body of a response. If it equals the previous body, returns the previous key set, whose keys remember the
/// tokens that they have verified.
fn parse(address: &str, body: Vec<u8>, previous: &mut (Vec<u8>, Arc<JwkSet>)) -> Result<Arc<JwkSet>, InvalidJwks> {
    if body != previous.0 {
        let (set, unusable) = JwkSet::parse(&body)?;
        tracing::info!(address, usable = set.len(), unusable = unusable.len(), "fetched the issuer's keys");
        for (key, why) in unusable {
            tracing::warn!(address, key, %why, "a key is not used");
        }
        *previous = (body, Arc::new(set));
    }
    Ok(Arc::clone(&previous.1))
}

impl EndpointState {
    /// Records the result of a fetch, and replaces the keys if the result takes effect.
    fn apply(&mut self, fetched: Result<Arc<JwkSet>, Cause>, refresh: Duration) {
        self.finished += 1;
        self.failure = None;
        match fetched {
            Err(why) => self.failure = Some(why.into()),
            Ok(keys) if keys.len() > 0 => (self.keys, self.empty_since) = (keys, None),
            Ok(empty) if self.empty_since.get_or_insert_with(Instant::now).elapsed() >= refresh => self.keys = empty,
            Ok(_empty) => {}
        }
    }
}

//! Keys that an issuer publishes at an address: fetched ahead of need, and kept while the address does not answer.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use taskbridge_domain::Cause;
use thiserror::Error;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::algorithms::PUBLISHED;
use super::fetch::FetchKeys;
use super::header::Header;
use super::jwk::{KeySet, MAX_KID_BYTES, NotAKeySet, find};
use super::keys::{Fits, KeySource, VerifyingKey};

/// When published keys are fetched.
#[derive(Debug, Clone, Copy)]
pub struct PublishedKeysConfig {
    /// The time from one fetch to the next, whether anybody asks or not: for so long a key that was withdrawn may still
    /// be accepted.
    pub refresh: Duration,
    /// The least time between two fetches that tokens of unknown keys cause, and until a fetch that failed is repeated.
    pub cool_down: Duration,
    /// How long a fetch may take, and a token wait for one.
    pub timeout: Duration,
}

/// The keys of one issuer, at one address or several. A new set is built whole, then takes the place of the old one:
///
/// - An answer with usable keys is believed at once. Each address is asked again after
///   [`refresh`](PublishedKeysConfig::refresh), so a withdrawn key is accepted for that long at the most.
/// - An answer without any is believed once there have been no others for a whole `refresh`: an issuer that has just
///   lost its keys is more likely broken than empty.
/// - No answer, or one that is no key set, changes nothing, for however long. It is asked for again after `cool_down`.
/// - A token whose key is not known causes a fetch if none has been caused so for `cool_down`, and waits for it, as do
///   those that come meanwhile: not for longer than `timeout`, and while fetches fail not for longer than a second. The
///   next ones are refused at once.
///
/// Each address is fetched from by one task, so never twice at a time. Tokens of known keys wait for nothing. Time is the
/// runtime's, which no change of the computer's clock moves.
pub struct PublishedKeys {
    shared: Arc<Shared>,
    /// They end with this.
    _tasks: JoinSet<()>,
}

struct Shared {
    config: PublishedKeysConfig,
    addresses: Vec<Address>,
    /// Of each address.
    known: watch::Sender<Vec<Known>>,
}

struct Address {
    source: Box<dyn FetchKeys>,
    wanted: Notify,
    /// The last fetch that a token caused: when, and which it is.
    caused: Mutex<Option<(Instant, u64)>>,
}

/// What is known from one address.
#[derive(Default)]
struct Known {
    keys: Arc<KeySet>,
    /// How many fetches have been started. The first one counts from the beginning: a token that is here before it is
    /// under way has not caused it.
    started: u64,
    /// How many of them are over.
    finished: u64,
    /// Why the last one failed, if it did.
    failure: Option<Failure>,
    /// Since when answers have had no usable key.
    empty_since: Option<Instant>,
}

/// How long a token waits for a fetch after one that failed.
const SHORT_PATIENCE: Duration = Duration::from_secs(1);

/// Why an address gives no keys: [`BadStatus`](super::BadStatus), [`NotAKeySet`], or that nobody answers.
pub type Failure = Arc<dyn Error + Send + Sync>;

/// Whether a token is good cannot be told: its key is not known, and these addresses, named without a query, give no new
/// ones.
#[derive(Debug, Error)]
#[error("the key is not known, and the issuer's keys cannot be fetched now ({})", listed(.0))]
pub struct CannotFetch(pub Vec<(String, Failure)>);

fn listed(addresses: &[(String, Failure)]) -> String {
    addresses.iter().map(|(address, why)| format!("{address}: {why}")).collect::<Vec<_>>().join("; ")
}

impl PublishedKeys {
    /// The keys at these addresses, which are fetched from now on. All must be of the same directory of users: whatever
    /// has the key of one speaks for everybody.
    ///
    /// Must be called within a tokio runtime, on which the fetching goes on until this is dropped.
    #[must_use]
    pub fn start(addresses: Vec<Box<dyn FetchKeys>>, config: PublishedKeysConfig) -> Self {
        let addresses: Vec<_> = addresses
            .into_iter()
            .map(|source| Address { source, wanted: Notify::new(), caused: Mutex::default() })
            .collect();
        let known = watch::Sender::new(addresses.iter().map(|_| Known { started: 1, ..Known::default() }).collect());
        let shared = Arc::new(Shared { config, addresses, known });
        let mut tasks = JoinSet::new();
        for index in 0..shared.addresses.len() {
            tasks.spawn(Arc::clone(&shared).keep_fresh(index));
        }
        Self { shared, _tasks: tasks }
    }
}

#[async_trait]
impl KeySource for PublishedKeys {
    fn algorithms(&self) -> &'static [&'static str] {
        &PUBLISHED
    }

    async fn key(&self, header: &Header, fits: Fits<'_>) -> Result<Option<Arc<VerifyingKey>>, Cause> {
        if header.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Ok(None);
        }
        let Shared { config, addresses, known } = &*self.shared;
        let look = |known: &Vec<Known>| find(known.iter().map(|known| &*known.keys), header, fits);
        if let Some(key) = look(&known.borrow()) {
            return Ok(Some(key));
        }
        let mut known = known.subscribe();
        let is_failing = |known: &Vec<Known>| known.iter().any(|known| known.failure.is_some());
        let patience = if is_failing(&known.borrow()) { SHORT_PATIENCE.min(config.timeout) } else { config.timeout };
        let search = async {
            loop {
                let awaited: Vec<_> = {
                    let known = known.borrow();
                    let each = addresses.iter().zip(known.iter());
                    each.map(|(address, known)| address.fetch_to_await(known, config.cool_down)).collect()
                };
                let is_over = |known: &Vec<Known>| {
                    known.iter().zip(&awaited).all(|(known, fetch)| fetch.is_none_or(|fetch| known.finished >= fetch))
                };
                let known = known.wait_for(|known| is_over(known) || look(known).is_some()).await?;
                match look(&known) {
                    None if awaited.iter().any(Option::is_some) => {}
                    None if is_failing(&known) => return Err(self.shared.cannot_fetch(&known)),
                    found => return Ok(found),
                }
            }
        };
        timeout(patience, search)
            .await
            .unwrap_or_else(|_elapsed| Err(self.shared.cannot_fetch(&self.shared.known.borrow())))
    }

    fn describe(&self) -> Vec<String> {
        let known = self.shared.known.borrow();
        let each = self.shared.addresses.iter().zip(known.iter());
        each.flat_map(|(address, known)| {
            let keys: Vec<_> = known.keys.describe().map(|key| format!("{key}, from {}", address.source)).collect();
            match &known.failure {
                _ if !keys.is_empty() => keys,
                Some(why) => vec![format!("no key from {}: {why}", address.source)],
                None => vec![format!("no key from {}", address.source)],
            }
        })
        .collect()
    }
}

impl Address {
    /// What a token of an unknown key has to wait for before anything can be said about it: a fetch that another one
    /// caused, or one that is under way anyway; a new one only if that did not help, for it may be older than the key.
    /// `None` while no token may cause any.
    fn fetch_to_await(&self, known: &Known, cool_down: Duration) -> Option<u64> {
        let mut caused = self.caused.lock().unwrap_or_else(PoisonError::into_inner);
        match *caused {
            Some((_, fetch)) if known.finished < fetch => Some(fetch),
            Some((at, _)) if at.elapsed() < cool_down => None,
            _ if known.finished < known.started => Some(known.started),
            _ => {
                let fetch = known.started + 1;
                *caused = Some((Instant::now(), fetch));
                self.wanted.notify_one();
                Some(fetch)
            }
        }
    }
}

impl Shared {
    /// Which addresses are to blame: those that failed, and those that are being asked.
    fn cannot_fetch(&self, known: &[Known]) -> Cause {
        let each = self.addresses.iter().zip(known);
        let failing = each.filter_map(|(address, known)| {
            let is_asked = known.finished < known.started;
            let why = known.failure.clone().or_else(|| is_asked.then(|| Cause::from("it has not answered yet").into()));
            Some((address.source.to_string(), why?))
        });
        CannotFetch(failing.collect()).into()
    }

    async fn keep_fresh(self: Arc<Self>, index: usize) {
        let PublishedKeysConfig { refresh, cool_down, timeout: patience } = self.config;
        let Address { source, wanted, .. } = &self.addresses[index];
        let address = source.to_string();
        let mut last = (Vec::new(), Arc::default());
        loop {
            let fetched = timeout(patience, source.fetch()).await.unwrap_or_else(|_| Err("it took too long".into()));
            let answer = fetched.and_then(|body| Ok(read(&address, body, &mut last)?));
            let pause = if answer.is_err() { cool_down.min(refresh) } else { refresh };
            let answer = answer.inspect_err(|error| {
                tracing::warn!(address, error, "cannot fetch keys; those that are known stay");
            });
            self.known.send_modify(|known| known[index].learn(answer, refresh));
            let _ = timeout(pause, wanted.notified()).await;
            self.known.send_modify(|known| known[index].started += 1);
        }
    }
}

/// The set in an answer; `last` is the answer before and its set, most often the same.
fn read(address: &str, body: Vec<u8>, last: &mut (Vec<u8>, Arc<KeySet>)) -> Result<Arc<KeySet>, NotAKeySet> {
    if body != last.0 {
        let (set, unusable) = KeySet::parse(&body)?;
        tracing::info!(address, usable = set.len(), unusable = unusable.len(), "the issuer publishes keys");
        for (key, why) in unusable {
            tracing::warn!(address, key, %why, "a key is not used");
        }
        *last = (body, Arc::new(set));
    }
    Ok(Arc::clone(&last.1))
}

impl Known {
    /// Takes over an answer, or why there was none.
    fn learn(&mut self, answer: Result<Arc<KeySet>, Cause>, refresh: Duration) {
        self.finished += 1;
        let keys = match answer {
            Ok(keys) => keys,
            Err(why) => {
                self.failure = Some(why.into());
                return;
            }
        };
        self.failure = None;
        if !keys.is_empty() {
            self.empty_since = None;
            self.keys = keys;
        } else if self.empty_since.get_or_insert_with(Instant::now).elapsed() >= refresh {
            self.keys = keys;
        }
    }
}

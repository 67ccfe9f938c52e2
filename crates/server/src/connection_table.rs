//! The open connections of a listener: how many there are, from which client networks, and which of them wait for a
//! request.
//!
//! When the number of connections comes near a limit, those that have waited longest are asked to close, so that there is
//! always room for a new one. Clients that send requests are not disturbed.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use taskbridge_domain::client_network::{ClientNetwork, Tier};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Time until the next attempt to close a connection if the table is full and no connection has been closed.
const FULL_RETRY: Duration = Duration::from_millis(50);
/// Minimum time between two searches for connections to close if the first one has found too few. It is shorter than
/// [`FULL_RETRY`].
const SEARCH_PAUSE: Duration = Duration::from_millis(25);
/// The value of [`State::waiting_since`] if the connection does not wait for a request.
const BUSY: u64 = u64::MAX;

/// The limits of a [`ConnectionTable`].
#[derive(Debug)]
pub(crate) struct ConnectionLimits {
    /// Maximum number of open connections. From seven eighths of it on, connections are closed to make room.
    pub(crate) total: usize,
    /// Maximum number of open connections of one client network: an IPv4 /24 or an IPv6 /48. Connections that have been
    /// asked to close do not count, up to an eighth of this number.
    pub(crate) per_network: usize,
    /// Peers to which `per_network` does not apply. Their connections are closed last.
    pub(crate) trusted_proxies: Vec<IpNet>,
}

/// The open connections of a listener.
#[derive(Debug)]
pub(crate) struct ConnectionTable {
    limits: ConnectionLimits,
    created: Instant,
    rows: Mutex<Rows>,
    /// Notified when a connection leaves the table.
    left: Notify,
    refused: AtomicU64,
    closed_to_make_room: AtomicU64,
}

#[derive(Debug, Default)]
struct Rows {
    connections: HashMap<u64, Row>,
    next_id: u64,
    total: Count,
    /// The networks with open connections.
    networks: HashMap<Tier, Count>,
}

#[derive(Debug)]
struct Row {
    /// The client network, or `None` for a trusted proxy.
    network: Option<Tier>,
    state: Arc<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    open: usize,
    /// Number of open connections that have been asked to close.
    closing: usize,
    /// The time until which no connections to close are searched for, because there were too few.
    next_search: Option<Instant>,
}

/// The part of a row that the thread of the connection updates for each request.
#[derive(Debug)]
struct State {
    /// The time since which the connection has waited for a request, in milliseconds since the table was created, or
    /// [`BUSY`].
    waiting_since: AtomicU64,
    is_asked_to_close: AtomicBool,
    asked_to_close: Notify,
}

/// The place of an open connection in the table. The connection leaves the table when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    table: Arc<ConnectionTable>,
    id: u64,
    state: Arc<State>,
}

impl ConnectionTable {
    /// Creates an empty table.
    pub(crate) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            created: Instant::now(),
            rows: Mutex::default(),
            left: Notify::new(),
            refused: AtomicU64::new(0),
            closed_to_make_room: AtomicU64::new(0),
        })
    }

    /// Waits until there are fewer connections than the limit.
    pub(crate) async fn room(&self) {
        loop {
            {
                let mut rows = self.rows();
                if rows.total.open < self.limits.total {
                    return;
                }
                self.make_room(&mut rows, None);
            }
            // A busy connection may begin to wait for a request, which notifies nothing.
            let _ = timeout(FULL_RETRY, self.left.notified()).await;
        }
    }

    /// Adds a connection. Returns `None` if its client network has too many, and all of them are busy. If there are many
    /// connections, those that have waited longest are asked to close.
    pub(crate) fn open(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let is_trusted = self.limits.trusted_proxies.iter().any(|proxies| proxies.contains(&peer));
        let network = (!is_trusted).then(|| ClientNetwork::of(Some(peer)).tiers()[0]);
        let mut rows = self.rows();
        if network.is_some() {
            self.make_room(&mut rows, network);
            let Count { open, closing, .. } = rows.count(network);
            let most = self.limits.per_network;
            if open - closing >= most || open >= most + (most / 8).max(1) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        }
        self.make_room(&mut rows, None);
        let state = Arc::new(State {
            waiting_since: AtomicU64::new(self.milliseconds(Instant::now())),
            is_asked_to_close: AtomicBool::new(false),
            asked_to_close: Notify::new(),
        });
        let id = rows.next_id;
        rows.next_id += 1;
        rows.connections.insert(id, Row { network, state: Arc::clone(&state) });
        rows.total.open += 1;
        if let Some(network) = network {
            rows.networks.entry(network).or_default().open += 1;
        }
        drop(rows);
        Some(Place { table: Arc::clone(self), id, state })
    }

    /// Asks all connections to close.
    pub(crate) fn close_all(&self) {
        let mut rows = self.rows();
        let all: Vec<_> = rows.connections.keys().copied().collect();
        for id in all {
            rows.ask_to_close(id);
        }
    }

    /// Waits until no connection is open.
    pub(crate) async fn all_closed(&self) {
        while self.open_connections() > 0 {
            self.left.notified().await;
        }
    }

    /// Returns the number of open connections.
    pub(crate) fn open_connections(&self) -> usize {
        self.rows().total.open
    }

    /// Returns the number of connections that were refused because their client network had too many.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Returns the number of connections that were asked to close to make room for others.
    pub(crate) fn closed_to_make_room(&self) -> u64 {
        self.closed_to_make_room.load(Ordering::Relaxed)
    }

    /// If one more connection would exceed the limit of `network`, or seven eighths of the limit of all connections if
    /// it is `None`, asks those that have waited longest to close.
    ///
    /// Of all connections, those of the client network with the most are closed first, so that one network cannot make
    /// the server close the connections of others.
    fn make_room(&self, rows: &mut Rows, network: Option<Tier>) {
        let limit = match network {
            Some(_) => self.limits.per_network,
            None => self.limits.total - self.limits.total / 8,
        };
        let Count { open, closing, next_search } = rows.count(network);
        let excess = (open - closing + 1).saturating_sub(limit);
        if excess == 0 || next_search.is_some_and(|next| Instant::now() < next) {
            return;
        }
        // Some more are closed at the same time, because finding them takes a while.
        let wanted = excess + limit / 64;
        let in_scope = rows.connections.iter().filter(|(_, row)| network.is_none() || row.network == network);
        let mut waiting: Vec<_> = in_scope
            .filter_map(|(id, row)| {
                let since = row.state.waiting_since()?;
                let network_size = row.network.and_then(|network| rows.networks.get(&network)).map_or(0, |of| of.open);
                Some((Reverse(network_size), since, *id))
            })
            .collect();
        let next_search = (waiting.len() < excess).then(|| Instant::now() + SEARCH_PAUSE);
        if wanted < waiting.len() {
            waiting.select_nth_unstable(wanted);
            waiting.truncate(wanted);
        }
        self.closed_to_make_room.fetch_add(waiting.len() as u64, Ordering::Relaxed);
        for (_, _, id) in waiting {
            rows.ask_to_close(id);
        }
        let count = network.map_or(Some(&mut rows.total), |network| rows.networks.get_mut(&network));
        if let Some(count) = count {
            count.next_search = next_search;
        }
    }

    fn milliseconds(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.created).as_millis()).unwrap_or(BUSY)
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Returns the number of connections of `network`, or of all connections if it is `None`.
    fn count(&self, network: Option<Tier>) -> Count {
        network.map_or(self.total, |network| self.networks.get(&network).copied().unwrap_or_default())
    }

    fn ask_to_close(&mut self, id: u64) {
        let Some(Row { network, state }) = self.connections.get(&id) else { return };
        if !state.is_asked_to_close.swap(true, Ordering::Relaxed) {
            state.asked_to_close.notify_one();
            self.total.closing += 1;
            if let Some(count) = network.and_then(|network| self.networks.get_mut(&network)) {
                count.closing += 1;
            }
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(Row { network, state }) = self.connections.remove(&id) else { return };
        let was_closing = usize::from(state.is_asked_to_close.load(Ordering::Relaxed));
        let leave = |count: &mut Count| {
            count.open -= 1;
            count.closing -= was_closing;
        };
        leave(&mut self.total);
        if let Some(network) = network
            && let Entry::Occupied(mut count) = self.networks.entry(network)
        {
            leave(count.get_mut());
            if count.get().open == 0 {
                count.remove();
            }
        }
    }
}

impl State {
    /// Returns the time since which the connection has waited for a request. Returns `None` if it does not wait, or has
    /// been asked to close.
    fn waiting_since(&self) -> Option<u64> {
        let since = self.waiting_since.load(Ordering::Relaxed);
        (since != BUSY && !self.is_asked_to_close.load(Ordering::Relaxed)).then_some(since)
    }
}

impl Place {
    /// Records that the connection has waited for a request since this time.
    pub(crate) fn waits(&self, since: Instant) {
        self.state.waiting_since.store(self.table.milliseconds(since), Ordering::Relaxed);
    }

    /// Records that the connection does not wait for a request.
    pub(crate) fn is_busy(&self) {
        self.state.waiting_since.store(BUSY, Ordering::Relaxed);
    }

    /// Returns `true` if the connection has been asked to close.
    pub(crate) fn is_asked_to_close(&self) -> bool {
        self.state.is_asked_to_close.load(Ordering::Relaxed)
    }

    /// Completes when the connection is asked to close. Must be called only once.
    pub(crate) async fn asked_to_close(&self) {
        self.state.asked_to_close.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.rows().remove(self.id);
        self.table.left.notify_one();
    }
}

#[cfg(test)]
mod tests;

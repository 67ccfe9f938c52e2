use tokio::time::timeout;

use super::*;

const PATIENCE: Duration = Duration::from_mins(1);
const PROXY: &str = "10.0.0.1";

fn table(total: usize, per_network: usize) -> Arc<ConnectionTable> {
    let trusted_proxies = vec![PROXY.parse::<IpAddr>().unwrap().into()];
    ConnectionTable::new(ConnectionLimits { total, per_network, trusted_proxies })
}

fn open(table: &Arc<ConnectionTable>, peer: &str) -> Option<Place> {
    table.open(peer.parse().unwrap())
}

/// Opens `count` connections, of which each has waited one second longer than the next.
fn open_waiting(table: &Arc<ConnectionTable>, peer: &str, count: u64) -> Vec<Place> {
    let places: Vec<_> = (0..count).map(|_| open(table, peer).unwrap()).collect();
    for (place, second) in places.iter().zip(0..) {
        place.waits(table.created + Duration::from_secs(second));
    }
    places
}

fn asked(places: &[Place]) -> Vec<bool> {
    places.iter().map(Place::is_asked_to_close).collect()
}

#[test]
fn from_seven_eighths_on_the_connection_that_has_waited_longest_is_closed() {
    let table = table(16, 100);
    let mut places = open_waiting(&table, "192.0.2.1", 14);
    assert!(!asked(&places).contains(&true));
    places[0].is_busy();
    let new = open(&table, "198.51.100.1").unwrap();
    assert_eq!(asked(&places).iter().position(|asked| *asked), Some(1), "the first one is busy");
    assert_eq!((asked(&places)[2..].contains(&true), new.is_asked_to_close()), (false, false));
    assert_eq!(table.closed_to_make_room(), 1);
    // The room is used before another one is closed.
    places.remove(1);
    places.pop();
    let _new = open(&table, "198.51.100.2").unwrap();
    assert!(!asked(&places).contains(&true));
    assert_eq!((table.open_connections(), table.refused()), (14, 0));
}

/// A network of many connections does not make the server close those of others, and trusted proxies come last.
#[test]
fn connections_of_the_largest_network_are_closed_first() {
    let table = table(16, 100);
    let proxy = open_waiting(&table, PROXY, 7);
    let small = open_waiting(&table, "192.0.2.1", 2);
    let large: Vec<_> = (1..=5).map(|host| open(&table, &format!("198.51.100.{host}")).unwrap()).collect();
    let mut new = Vec::new();
    for closed in 1..=7_usize {
        new.push(open(&table, "203.0.113.1").unwrap());
        new.iter().for_each(Place::is_busy);
        let counts = [&large, &small, &proxy].map(|places| asked(places).iter().filter(|asked| **asked).count());
        assert_eq!(counts, [closed.min(5), closed.saturating_sub(5), 0]);
    }
    new.push(open(&table, "203.0.113.1").unwrap());
    assert!(proxy[0].is_asked_to_close() && !proxy[1].is_asked_to_close());
}

#[test]
fn a_network_with_too_many_connections_closes_its_own_or_is_refused() {
    let table = table(100, 8);
    let others = open_waiting(&table, "192.0.3.1", 7);
    let places = open_waiting(&table, "192.0.2.1", 8);
    places[1..].iter().for_each(Place::is_busy);
    let another = open(&table, "192.0.2.255").unwrap();
    another.is_busy();
    assert!(places[0].is_asked_to_close() && !asked(&others).contains(&true));
    // The one that was asked to close is still open.
    assert!(open(&table, "192.0.2.3").is_none(), "eight are busy");
    assert_eq!((table.refused(), table.open_connections(), table.closed_to_make_room()), (1, 16, 1));
    assert!(open(&table, "192.0.3.1").is_some() && open(&table, "2001:db8::1").is_some());
    // Connections that have been asked to close do not count, but only up to an eighth.
    another.waits(Instant::now());
    assert!(open(&table, "192.0.2.3").is_none());
    drop(places);
    assert!(open(&table, "::ffff:192.0.2.3").is_some());
    assert_eq!(table.refused(), 2);
}

/// A search takes time for each connection, so a flood of new ones does not repeat it in vain.
#[tokio::test(start_paused = true)]
async fn connections_to_close_are_not_searched_for_again_at_once() {
    for (total, per_network) in [(100, 4), (5, 100)] {
        let table = table(total, per_network);
        let others = open_waiting(&table, "192.0.3.1", 1);
        let places = open_waiting(&table, "192.0.2.1", 4);
        others.iter().chain(&places).for_each(Place::is_busy);
        let busy = open(&table, "192.0.2.1");
        busy.iter().for_each(Place::is_busy);
        places[0].waits(Instant::now());
        let _new = open(&table, "192.0.2.1");
        assert!(!places[0].is_asked_to_close());
        tokio::time::advance(SEARCH_PAUSE).await;
        let _new = open(&table, "192.0.2.1");
        assert!(places[0].is_asked_to_close());
    }
}

#[test]
fn ipv6_clients_share_the_network_of_their_first_48_bits() {
    let table = table(100, 1);
    let one = open(&table, "2001:db8:1::1").unwrap();
    one.is_busy();
    assert!(open(&table, "2001:db8:1:ffff::1").is_none() && open(&table, "2001:db8:2::1").is_some());
}

#[test]
fn trusted_proxies_have_no_limit_of_their_own() {
    let table = table(100, 4);
    let places: Vec<_> = (0..50).map(|_| open(&table, PROXY).unwrap()).collect();
    assert!(!asked(&places).contains(&true));
    assert_eq!((table.open_connections(), table.refused()), (50, 0));
}

/// If all connections are busy, a new one waits until one of them closes or begins to wait for a request.
#[tokio::test]
async fn a_full_table_has_room_when_a_connection_leaves_or_can_be_closed() {
    let table = table(8, 100);
    let open_busy = || {
        let place = open(&table, "192.0.2.1").unwrap();
        place.is_busy();
        place
    };
    let mut places: Vec<_> = (0..8).map(|_| open_busy()).collect();
    assert!(timeout(Duration::ZERO, table.room()).await.is_err());
    places.pop();
    timeout(PATIENCE, table.room()).await.unwrap();

    places.push(open_busy());
    let place = places.pop().unwrap();
    let room = async { timeout(PATIENCE, table.room()).await.unwrap() };
    let close = async {
        place.waits(Instant::now());
        timeout(PATIENCE, place.asked_to_close()).await.unwrap();
        drop(place);
    };
    // `room` is polled first and finds only busy connections.
    tokio::join!(biased; room, close);
}

#[tokio::test]
async fn when_the_server_stops_all_connections_are_asked_once() {
    let table = table(8, 8);
    let places = [open(&table, "192.0.2.1").unwrap(), open(&table, PROXY).unwrap()];
    places[0].is_busy();
    table.close_all();
    table.close_all();
    assert!(timeout(Duration::ZERO, table.all_closed()).await.is_err());
    for place in places {
        timeout(PATIENCE, place.asked_to_close()).await.unwrap();
    }
    timeout(PATIENCE, table.all_closed()).await.unwrap();
    assert_eq!(table.closed_to_make_room(), 0);
}

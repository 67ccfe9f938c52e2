//! A queue that client networks share fairly.

use std::collections::VecDeque;

use taskbridge_domain::client_network::{ClientNetwork, Tier};

/// A bounded queue from which the networks of clients take turns, at each tier: first the widest networks, then the
/// networks in each of them. The items of one client are first come, first served.
///
/// If there is no room, the network with the most items gives one up for a network that has fewer. So a client gets a
/// place and its turn however many items another network adds.
pub(super) struct FairQueue<T> {
    networks: Node<T>,
    max_len: usize,
    max_per_network: usize,
}

impl<T> FairQueue<T> {
    /// Creates a queue for at most `max_len` items, and at most `max_per_network` of each network of the widest tier.
    pub(super) fn new(max_len: usize, max_per_network: usize) -> Self {
        Self { networks: Node::default(), max_len, max_per_network }
    }

    pub(super) fn len(&self) -> usize {
        self.networks.len()
    }

    /// Adds an item of a client. If there is no room for one more item, returns the one that gets no place: the newest
    /// item of the network that has the most, or the given item.
    pub(super) fn push(&mut self, client: ClientNetwork, item: T) -> Option<T> {
        let tiers = client.tiers();
        let of_network = tiers.first().and_then(|widest| self.networks.get_mut(widest)).map_or(0, |node| node.len());
        let is_full = self.len() >= self.max_len || of_network >= self.max_per_network;
        let removed = if is_full { self.networks.make_room(&tiers) } else { None };
        if is_full && removed.is_none() {
            return Some(item);
        }
        self.networks.push(&tiers, item);
        removed
    }

    /// Removes and returns the next item.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.networks.pop()
    }

    /// Removes the items for which `is_kept` returns `false`.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) {
        self.networks.retain(&is_kept);
    }
}

/// The queue of one network: the items of one client, or the queues of the networks in this network, in the order of
/// their turns. No queue in it is empty.
struct Node<T> {
    items: VecDeque<T>,
    networks: VecDeque<(Tier, Node<T>)>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), networks: VecDeque::new() }
    }
}

impl<T> Node<T> {
    fn len(&self) -> usize {
        self.items.len() + self.networks.iter().map(|(_, node)| node.len()).sum::<usize>()
    }

    fn get_mut(&mut self, network: &Tier) -> Option<&mut Self> {
        self.networks.iter_mut().find_map(|(tier, node)| (tier == network).then_some(node))
    }

    /// Returns the network with the most items.
    fn longest_mut(&mut self) -> Option<&mut Self> {
        self.networks.iter_mut().map(|(_, node)| node).max_by_key(|node| node.len())
    }

    fn push(&mut self, tiers: &[Tier], item: T) {
        let Some((first, rest)) = tiers.split_first() else { return self.items.push_back(item) };
        if let Some(node) = self.get_mut(first) {
            node.push(rest, item);
        } else {
            let mut node = Self::default();
            node.push(rest, item);
            self.networks.push_back((*first, node));
        }
    }

    fn pop(&mut self) -> Option<T> {
        let Some((tier, mut node)) = self.networks.pop_front() else { return self.items.pop_front() };
        let item = node.pop();
        if node.len() > 0 {
            self.networks.push_back((tier, node));
        }
        item
    }

    /// Removes and returns an item to make room for one of the client with these `tiers`. Returns `None` if, at each
    /// tier, the client's network would then have as many items as the network that gives one up.
    fn make_room(&mut self, tiers: &[Tier]) -> Option<T> {
        let (first, rest) = tiers.split_first()?;
        let own_len = self.get_mut(first).map_or(0, |node| node.len());
        match self.longest_mut() {
            Some(longest) if longest.len() > own_len + 1 => longest.remove_newest(),
            _ => self.get_mut(first)?.make_room(rest),
        }
    }

    /// Removes and returns the newest item of the network that has the most, at each tier.
    fn remove_newest(&mut self) -> Option<T> {
        let Some(longest) = self.longest_mut() else { return self.items.pop_back() };
        let item = longest.remove_newest();
        self.networks.retain(|(_, node)| node.len() > 0);
        item
    }

    fn retain(&mut self, is_kept: &impl Fn(&T) -> bool) {
        self.items.retain(is_kept);
        self.networks.retain_mut(|(_, node)| {
            node.retain(is_kept);
            node.len() > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> ClientNetwork {
        ClientNetwork::of(Some(address.parse().unwrap()))
    }

    /// Returns the items in the order of their turns.
    fn drain<T>(mut queue: FairQueue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    /// Adds items, each of the client with this address, and returns those that got no place.
    fn push_all(queue: &mut FairQueue<&'static str>, items: &[(&str, &'static str)]) -> Vec<&'static str> {
        items.iter().filter_map(|(address, item)| queue.push(network(address), item)).collect()
    }

    #[test]
    fn one_client_is_served_in_order() {
        let mut queue = FairQueue::new(8, 8);
        assert_eq!(push_all(&mut queue, &[("192.0.2.1", "a"), ("192.0.2.1", "b"), ("192.0.2.1", "c")]), [""; 0]);
        assert_eq!(queue.len(), 3);
        assert_eq!(drain(queue), ["a", "b", "c"]);
    }

    /// 16 networks of one /60 get one turn together, and so do 4 addresses of one IPv4 /24.
    #[test]
    fn networks_take_turns_at_each_tier() {
        let mut queue = FairQueue::new(100, 100);
        for number in 0..16 {
            let client = network(&format!("2001:db8:0:a{number:x}::1"));
            assert_eq!(queue.push(client, format!("six {number}")), None);
        }
        for number in 0..4 {
            assert_eq!(queue.push(network(&format!("192.0.2.{number}")), format!("four {number}")), None);
        }
        for number in 0..2 {
            assert_eq!(queue.push(network("198.51.100.1"), format!("user {number}")), None);
            assert_eq!(queue.push(ClientNetwork::UNKNOWN, format!("unknown {number}")), None);
        }
        let order = drain(queue);
        assert_eq!(order[..4], ["six 0", "four 0", "user 0", "unknown 0"]);
        assert_eq!(order[4..8], ["six 1", "four 1", "user 1", "unknown 1"]);
        assert_eq!(order[8..12], ["six 2", "four 2", "six 3", "four 3"]);
        assert_eq!(order[12..], (4..16).map(|number| format!("six {number}")).collect::<Vec<_>>());
    }

    /// A client waits for one turn of each network between it and the attacker, not for all of the attacker's items.
    #[test]
    fn a_neighbour_of_an_attacker_has_a_share_of_their_network() {
        let mut queue = FairQueue::new(100, 100);
        let attack = ["2001:db8:1:1::1", "2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:2::1"];
        push_all(&mut queue, &attack.map(|address| (address, "attack")));
        push_all(&mut queue, &[("2001:db8:1:1::2", "same /64"), ("2001:db8:1:3::1", "same /56")]);
        push_all(&mut queue, &[("2001:db8:1:100::1", "same /48"), ("2001:db8:2::1", "elsewhere")]);
        let expected = ["attack", "elsewhere", "same /48", "attack", "same /56", "attack", "attack", "same /64"];
        assert_eq!(drain(queue), expected);
    }

    #[test]
    fn a_full_queue_takes_from_the_network_that_has_the_most() {
        let mut queue = FairQueue::new(4, 4);
        let flood = ["a1", "a2", "a3", "a4", "a5"].map(|item| ("192.0.2.1", item));
        assert_eq!(push_all(&mut queue, &flood), ["a5"]);
        // Another network gets up to half of the places, and the newest items make room.
        let others = ["b1", "b2", "b3"].map(|item| ("198.51.100.1", item));
        assert_eq!(push_all(&mut queue, &others), ["a4", "a3", "b3"]);
        // No network gives up an item for one that would then have as many.
        assert_eq!(push_all(&mut queue, &[("203.0.113.1", "c1"), ("192.0.2.1", "a6")]), ["b2", "a6"]);
        assert_eq!(push_all(&mut queue, &[("203.0.113.1", "c2")]), ["c2"]);
        assert_eq!(drain(queue), ["a1", "b1", "c1", "a2"]);
    }

    /// Within a full network, too, the client with the most items makes room.
    #[test]
    fn a_network_has_a_limit_of_its_own() {
        let mut queue = FairQueue::new(100, 3);
        let flood = ["a1", "a2", "a3", "a4"].map(|item| ("2001:db8:0:a01::1", item));
        assert_eq!(push_all(&mut queue, &flood), ["a4"]);
        assert_eq!(push_all(&mut queue, &[("2001:db8:0:a02::1", "b1"), ("2001:db8:0:a02::1", "b2")]), ["a3", "b2"]);
        assert_eq!(push_all(&mut queue, &[("2001:db8:0:b00::1", "c1")]), ["a2"]);
        assert_eq!(push_all(&mut queue, &[("2001:db8:1::1", "elsewhere")]), [""; 0]);
        assert_eq!(drain(queue), ["a1", "elsewhere", "c1", "b1"]);
    }

    #[test]
    fn removed_items_leave_their_places() {
        let mut queue = FairQueue::new(3, 3);
        push_all(&mut queue, &[("192.0.2.1", "a1"), ("198.51.100.1", "b1"), ("192.0.2.1", "a2")]);
        queue.retain(|item| !["a1", "b1"].contains(item));
        assert_eq!(queue.len(), 1);
        assert_eq!(push_all(&mut queue, &[("192.0.2.1", "a3"), ("192.0.2.1", "a4"), ("192.0.2.1", "a5")]), ["a5"]);
        assert_eq!(drain(queue), ["a2", "a3", "a4"]);
    }
}

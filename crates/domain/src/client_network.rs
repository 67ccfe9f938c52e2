//! The networks of clients, for limits that apply to each network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network of a client: its IPv4 address, or the first 64 bits of its IPv6 address, because a client can choose the
/// other bits.
///
/// All clients whose address is unknown are one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientNetwork(Option<IpAddr>);

/// A network that contains the network of a client. Tiers can only be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tier(Option<(IpAddr, u32)>);

impl ClientNetwork {
    /// The network of all clients whose address is unknown.
    pub const UNKNOWN: Self = Self(None);

    /// Returns the network of the client with this address, or [`UNKNOWN`](Self::UNKNOWN) if there is none.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => first_bits(address.into(), 64),
        }))
    }

    /// Returns the networks that contain this one, widest first, and this one itself: IPv6 /48, /56 and /64, or IPv4
    /// /24 and /32.
    ///
    /// A limit for each client also needs these, because providers assign an IPv6 /56 or /48 to one customer, and an
    /// attacker can often use many IPv4 addresses of one /24.
    #[must_use]
    pub fn tiers(self) -> Vec<Tier> {
        let Some(address) = self.0 else { return vec![Tier(None)] };
        let lengths: &[u32] = if address.is_ipv6() { &[48, 56, 64] } else { &[24, 32] };
        lengths.iter().map(|length| Tier(Some((first_bits(address, *length), *length)))).collect()
    }

    /// Returns the widest of the [`tiers`](Self::tiers).
    #[must_use]
    pub fn widest(self) -> Tier {
        Tier(self.0.map(|address| {
            let length = if address.is_ipv6() { 48 } else { 24 };
            (first_bits(address, length), length)
        }))
    }
}

/// Returns the address with all bits after the first `length` bits set to zero. `length` must not be 0.
fn first_bits(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << (u32::BITS - length))).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (u128::BITS - length))).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> ClientNetwork {
        ClientNetwork::of(Some(address.parse().unwrap()))
    }

    /// The number of tiers that two clients share decides whether they compete with each other.
    #[test]
    fn clients_share_the_tiers_that_contain_both() {
        for (one, other, shared, all) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::1", 3, 3),
            ("2001:db8:1:2::1", "2001:db8:1:ff::1", 2, 3),
            ("2001:db8:1:2::1", "2001:db8:1:100::1", 1, 3),
            ("2001:db8:1:2::1", "2001:db8:2:2::1", 0, 3),
            ("192.0.2.1", "192.0.2.1", 2, 2),
            ("192.0.2.1", "::ffff:192.0.2.1", 2, 2),
            ("192.0.2.1", "192.0.2.255", 1, 2),
            ("192.0.2.1", "192.0.3.1", 0, 2),
        ] {
            let (one, other) = (network(one), network(other));
            let (tiers, others) = (one.tiers(), other.tiers());
            assert_eq!((tiers.len(), others.len()), (all, all), "{one:?} {other:?}");
            assert_eq!((one.widest(), other.widest()), (tiers[0], others[0]));
            let matching = tiers.iter().zip(&others).take_while(|(tier, other)| tier == other).count();
            assert_eq!((matching, one == other), (shared, shared == all), "{one:?} {other:?}");
        }
    }

    #[test]
    fn clients_without_an_address_are_one_network() {
        assert_eq!(ClientNetwork::of(None), ClientNetwork::UNKNOWN);
        assert_eq!(ClientNetwork::UNKNOWN.tiers(), [ClientNetwork::UNKNOWN.widest()]);
        assert_ne!(ClientNetwork::UNKNOWN.tiers()[..1], network("0.0.0.0").tiers()[..1]);
    }
}

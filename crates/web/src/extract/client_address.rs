//! The IP address of the client: the address of the connection or, if that is a trusted proxy, the address that the
//! proxy reports.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use ipnet::IpNet;
use taskbridge_domain::client_network::ClientNetwork;

use crate::extract::forwarded::ForwardedHeader;
use crate::log_text::truncated;

/// Maximum number of characters of a header entry that are logged.
const MAX_SHOWN_CHARS: usize = 100;

/// The reverse proxies whose forwarding header is trusted.
#[derive(Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedHeader,
    has_warned_of_peer: AtomicBool,
    has_warned_of_entry: AtomicBool,
}

impl TrustedProxies {
    /// Trusts the proxies in `networks`, which report the client in `header`.
    #[must_use]
    pub fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { networks, header, ..Self::default() }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Returns the address of the client. If `peer`, the address of the connection, is not a trusted proxy, it is the
    /// client. Otherwise the client is the last address in the header that is not a trusted proxy: each proxy appends
    /// the address of its peer, and everything before these addresses may be forged by the client.
    ///
    /// Returns `None` if the header contains no address other than those of trusted proxies, or if an entry cannot be
    /// read.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            if headers.contains_key(self.header.name()) && !self.has_warned_of_peer.swap(true, Ordering::Relaxed) {
                let header = self.header.title();
                tracing::warn!(%peer, header, "a forwarding header is ignored: its sender is not in server.trusted_proxies (TRUSTED_PROXIES)");
            }
            return Some(peer);
        }
        let lines: Vec<_> = headers.get_all(self.header.name()).collect();
        for line in lines.iter().rev().map(|line| line.as_bytes()) {
            let Some(entries) = self.header.entries(line) else { return self.unreadable(line) };
            for entry in entries.into_iter().rev() {
                let Some(address) = self.header.address(entry) else { return self.unreadable(entry) };
                let address = address.to_canonical();
                if !self.trust(address) {
                    return Some(address);
                }
            }
        }
        None
    }

    /// Returns `None` for an entry that cannot be read. The first time, also logs a warning for the operator, because
    /// all clients without a known address share one rate limit.
    fn unreadable(&self, entry: &[u8]) -> Option<IpAddr> {
        if !self.has_warned_of_entry.swap(true, Ordering::Relaxed) {
            let (header, entry) = (self.header.title(), truncated(entry, MAX_SHOWN_CHARS));
            tracing::warn!(
                header,
                entry,
                "cannot read the client's address that a trusted proxy sent: check that server.forwarded_header is the \
                header that the proxies of server.trusted_proxies (TRUSTED_PROXIES) write"
            );
        }
        None
    }
}

/// The IP address of a client, if it is known.
///
/// `Display` writes it as Better Auth does. An IPv6 address is written in full, with the last 64 bits set to zero,
/// because a client can choose these bits. An unknown address is an empty string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

impl ClientAddress {
    /// Returns the IP address of the client.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let peer = request.peer_addr().map(|peer| peer.ip());
        let proxies = request.app_data::<Data<TrustedProxies>>();
        Self(peer.and_then(|peer| match proxies {
            Some(proxies) => proxies.client(peer, request.headers()),
            None => Some(peer.to_canonical()),
        }))
    }

    /// Returns the network of the client, with which it shares its part of limited resources.
    pub(crate) fn network(self) -> ClientNetwork {
        ClientNetwork::of(self.0)
    }
}

impl FromRequest for ClientAddress {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V4(address)) => write!(f, "{address}"),
            Some(IpAddr::V6(address)) => {
                let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).segments();
                let groups = network.map(|group| format!("{group:04x}"));
                f.write_str(&groups.join(":"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderValue, X_FORWARDED_FOR};
    use serde_json::Value;

    use super::*;

    fn proxies(networks: &[&str]) -> TrustedProxies {
        let network = |text: &&str| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok();
        TrustedProxies::new(networks.iter().filter_map(network).collect(), ForwardedHeader::XForwardedFor)
    }

    fn forwarded(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (X_FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Compares the addresses with `tests/vectors/client-ip.json`, which was recorded from Better Auth. Better Auth
    /// reads only the header, so each connection of this test comes from a trusted proxy: Taskbridge then reads the
    /// header, too. Cases with settings that Taskbridge lacks are skipped.
    #[test]
    fn addresses_are_those_of_better_auth() {
        let vectors: Value = serde_json::from_str(include_str!("../../../../tests/vectors/client-ip.json")).unwrap();
        let mut checked = 0;
        for case in vectors["cases"].as_array().unwrap() {
            let options = case["ipAddress"].as_object().unwrap();
            let trusted: Vec<_> = match options.get("trustedProxies") {
                Some(trusted) => trusted.as_array().unwrap().iter().map(|network| network.as_str().unwrap()).collect(),
                None if options.is_empty() || options.get("ipv6Subnet") == Some(&64.into()) => Vec::new(),
                None => continue,
            };
            let header = case["headers"]["x-forwarded-for"].as_str();
            // Without trusted proxies, Better Auth rejects a header with several addresses. Taskbridge uses the last
            // address, which the proxy has added.
            let expected = match (header, trusted.is_empty() || trusted == ["not-a-cidr"]) {
                (Some("1.2.3.4, 5.6.7.8"), true) => "5.6.7.8",
                // Better Auth rejects an entry with a port or brackets. Taskbridge accepts it.
                (Some("1.2.3.4:1234"), _) => "1.2.3.4",
                (Some("[2001:db8::1]"), _) => "2001:0db8:0000:0000:0000:0000:0000:0000",
                _ => case["ip"].as_str().unwrap_or_default(),
            };
            let peer = "198.51.100.1";
            let proxies = proxies(&[trusted.as_slice(), &[peer]].concat());
            let headers = forwarded(header.as_slice());
            assert_eq!(ClientAddress(proxies.client(ip(peer), &headers)).to_string(), expected, "{case}");
            checked += 1;
        }
        assert_eq!(checked, 28);
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxies = proxies(&["10.0.0.0/8", "fd00::/8"]);
        let headers = forwarded(&["1.2.3.4"]);
        for (peer, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("11.0.0.1", "11.0.0.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("10.1.2.3", "1.2.3.4"),
            ("::ffff:10.1.2.3", "1.2.3.4"),
            ("fd12::1", "1.2.3.4"),
        ] {
            assert_eq!(proxies.client(ip(peer), &headers), Some(ip(client)), "{peer}");
        }
        assert_eq!(TrustedProxies::default().client(ip("127.0.0.1"), &headers), Some(ip("127.0.0.1")));
    }

    /// A proxy may add its entry as a new header line (RFC 9110, section 5.3), so the last line is from the nearest
    /// proxy.
    #[test]
    fn the_last_line_is_the_nearest() {
        let proxies = proxies(&["10.0.0.0/8"]);
        for (lines, client) in [
            (&["6.6.6.6", "1.2.3.4"][..], Some("1.2.3.4")),
            (&["6.6.6.6, 1.2.3.4", "10.0.0.2"], Some("1.2.3.4")),
            (&["1.2.3.4", "bad"], None),
            (&["\u{e9}, 1.2.3.4"], Some("1.2.3.4")),
            (&["\u{e9}", "1.2.3.4"], Some("1.2.3.4")),
            (&["1.2.3.4, \u{e9}"], None),
            (&["1.2.3.4", ""], Some("1.2.3.4")),
            (&["10.0.0.1", "10.0.0.2"], None),
            (&[], None),
        ] {
            assert_eq!(proxies.client(ip("10.0.0.9"), &forwarded(lines)), client.map(ip), "{lines:?}");
        }
    }
}

//! The header in which reverse proxies name the client: `X-Forwarded-For`, or `Forwarded` (RFC 7239).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use actix_web::http::header::{FORWARDED, HeaderName, X_FORWARDED_FOR};

use crate::header_syntax::{is_token, quoted_string};

/// The header that the trusted proxies write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`: addresses with commas between them, each with or without a port.
    #[default]
    XForwardedFor,
    /// `Forwarded`: a list of elements whose parameter `for` is the address.
    Forwarded,
}

impl ForwardedHeader {
    /// Returns the name of the header as its specification spells it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::XForwardedFor => "X-Forwarded-For",
            Self::Forwarded => "Forwarded",
        }
    }

    pub(crate) fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => X_FORWARDED_FOR,
            Self::Forwarded => FORWARDED,
        }
    }

    /// Splits one line of the header into its entries, in their order. Returns `None` if a misplaced quote makes it
    /// unclear where an entry ends.
    pub(crate) fn entries(self, line: &[u8]) -> Option<Vec<&[u8]>> {
        let entries = match self {
            Self::XForwardedFor => line.split(|byte| *byte == b',').collect(),
            Self::Forwarded => split_unquoted(line, b',')?,
        };
        // A list may have empty elements, which are ignored (RFC 9110, section 5.6.1).
        Some(entries.into_iter().map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty()).collect())
    }

    /// Returns the IP address in an entry, or `None` if the entry has none or does not follow the grammar.
    pub(crate) fn address(self, entry: &[u8]) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => {
                let node = str::from_utf8(entry).ok()?;
                node.parse().ok().or_else(|| address_of_node(node, is_port_number))
            }
            Self::Forwarded => {
                let node = String::from_utf8(for_parameter(entry)?).ok()?;
                address_of_node(&node, |port| is_port_number(port) || is_obfuscated_port(port))
            }
        }
    }
}

/// Splits `text` at each `separator` outside of quoted strings. Returns `None` if a quoted string does not begin right
/// after a `=`, has no end, or is followed by anything but `;` or `,`. Without these checks, a client could send an
/// opening quote to hide the entry that a proxy appends.
fn split_unquoted(text: &[u8], separator: u8) -> Option<Vec<&[u8]>> {
    let (mut parts, mut start, mut at) = (Vec::new(), 0, 0);
    while let Some(byte) = text.get(at) {
        if *byte == b'"' {
            if at == 0 || text[at - 1] != b'=' {
                return None;
            }
            at += quoted_string(&text[at..])?.1;
            let next = text[at..].iter().find(|byte| !b" \t".contains(byte));
            if next.is_some_and(|next| !b";,".contains(next)) {
                return None;
            }
        } else {
            if *byte == separator {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            at += 1;
        }
    }
    parts.push(&text[start..]);
    Some(parts)
}

/// Returns the value of the parameter `for` in an element of `Forwarded`, or `None` if the element is malformed or does
/// not have exactly one such parameter.
fn for_parameter(element: &[u8]) -> Option<Vec<u8>> {
    let mut found = None;
    for pair in split_unquoted(element, b';')?.into_iter().map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()) {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&pair[..equals], &pair[equals + 1..]);
        let value = if value.first() == Some(&b'"') {
            quoted_string(value).filter(|(_, length)| *length == value.len())?.0
        } else {
            is_token(value).then(|| value.to_vec())?
        };
        if !is_token(name) {
            return None;
        }
        if name.eq_ignore_ascii_case(b"for") && found.replace(value).is_some() {
            return None;
        }
    }
    found
}

/// Returns the address of a node (RFC 7239, section 6): IPv4, or IPv6 in brackets, each with or without a port.
fn address_of_node(node: &str, is_port: impl Fn(&str) -> bool) -> Option<IpAddr> {
    let (address, rest) = if let Some(bracketed) = node.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        (address.parse::<Ipv6Addr>().ok()?.into(), rest)
    } else {
        let (address, rest) = node.split_at(node.find(':').unwrap_or(node.len()));
        (address.parse::<Ipv4Addr>().ok()?.into(), rest)
    };
    (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)).then_some(address)
}

fn is_port_number(port: &str) -> bool {
    (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_obfuscated_port(port: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    port.strip_prefix('_').is_some_and(|name| !name.is_empty() && name.bytes().all(is_allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn entries_of_x_forwarded_for_may_have_a_port() {
        for (entry, address) in [
            ("203.0.113.17", Some("203.0.113.17")),
            ("203.0.113.17:5001", Some("203.0.113.17")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]", Some("2001:db8::7")),
            ("[2001:db8::7]:443", Some("2001:db8::7")),
            // Without brackets, the last part of an IPv6 address, here `:443`, is not a port.
            ("2001:db8::7:443", Some("2001:db8::7:443")),
            ("", None),
            ("unknown", None),
            ("203.0.113.17:", None),
            ("203.0.113.17:x", None),
            ("203.0.113.17:_x", None),
            ("203.0.113.17:123456", None),
            ("203.0.113.17:-1", None),
            ("203.0.113.17 :1", None),
            ("203.0.113:1", None),
            ("[203.0.113.17]", None),
            ("[203.0.113.17]:1", None),
            ("[2001:db8::7", None),
            ("2001:db8::7]", None),
            ("[2001:db8::7]443", None),
            ("[2001:db8::7]:", None),
            ("[[2001:db8::7]]", None),
            ("[fe80::1%eth0]", None),
            ("[fe80::1%1]:1", None),
            ("\"203.0.113.17\"", None),
        ] {
            assert_eq!(ForwardedHeader::XForwardedFor.address(entry.as_bytes()), address.map(ip), "{entry}");
        }
        assert_eq!(ForwardedHeader::XForwardedFor.address(b"\xff"), None);
    }

    #[test]
    fn elements_of_forwarded_follow_the_grammar() {
        for (element, address) in [
            ("for=203.0.113.17", Some("203.0.113.17")),
            ("FOR=203.0.113.17", Some("203.0.113.17")),
            ("for=\"203.0.113.17\"", Some("203.0.113.17")),
            ("for=\"203.0.113.17:5001\"", Some("203.0.113.17")),
            ("for=\"203.0.113.17:_a.b-c\"", Some("203.0.113.17")),
            ("for=\"[2001:db8::7]\"", Some("2001:db8::7")),
            ("for=\"[2001:db8::7]:443\"", Some("2001:db8::7")),
            (r#"for="\[2001:db8:\:7]""#, Some("2001:db8::7")),
            ("proto=https;for=203.0.113.17 ; by=\"a;b,c=\\\"d\"", Some("203.0.113.17")),
            (";for=203.0.113.17;", Some("203.0.113.17")),
            ("for=unknown", None),
            ("for=_hidden", None),
            ("for=\"_hidden:1\"", None),
            ("proto=https", None),
            ("for=", None),
            ("for=\"\"", None),
            ("for", None),
            ("for =203.0.113.17", None),
            ("for= 203.0.113.17", None),
            ("=203.0.113.17", None),
            ("xfor=203.0.113.17", None),
            // The next two values contain characters that a token must not contain, so they are invalid without quotes.
            ("for=203.0.113.17:5001", None),
            ("for=[2001:db8::7]", None),
            ("for=\"2001:db8::7\"", None),
            ("for=\"203.0.113.17\"x", None),
            ("for=\"203.0.113.17\" x", None),
            ("for=\"203.0.113.17:\"", None),
            ("for=\" 203.0.113.17\"", None),
            ("for=\"203.0.113.17\u{7f}\"", None),
            ("for=203.0.113.17;for=203.0.113.17", None),
            ("for=203.0.113.17;x", None),
            ("for=203.0.113.17;x=a b", None),
            ("for=203.0.113.17 x", None),
        ] {
            assert_eq!(ForwardedHeader::Forwarded.address(element.as_bytes()), address.map(ip), "{element}");
        }
    }

    #[test]
    fn a_line_with_a_quote_out_of_place_has_no_entries() {
        let entries = |line: &str| {
            let entries = ForwardedHeader::Forwarded.entries(line.as_bytes())?;
            Some(entries.into_iter().map(|entry| String::from_utf8(entry.to_vec()).unwrap()).collect::<Vec<_>>())
        };
        for (line, expected) in [
            ("", &[][..]),
            (" , ,\t", &[]),
            ("for=a, for=b,for=c", &["for=a", "for=b", "for=c"]),
            ("for=\"a,b\" , for=c", &["for=\"a,b\"", "for=c"]),
            (r#"for="a\",b";x=y,for=c"#, &[r#"for="a\",b";x=y"#, "for=c"]),
            ("not a pair, for=c", &["not a pair", "for=c"]),
        ] {
            assert_eq!(entries(line).unwrap(), expected, "{line}");
        }
        for line in [
            "\"",
            "\"a\"",
            "for=a\"b\", for=c",
            "for=\"a, for=c",
            "for=\"a\\, for=c",
            "for=\"a\\\", for=c",
            "for=c, for=\"",
            "for=\"a\"b, for=c",
            "for=\"a\" b, for=c",
            "for=\"a\"\"b\", for=c",
            "x=\", for=\"[2001:db8::7]\"",
            "x=\", for=203.0.113.17;host=\"a\"",
        ] {
            assert_eq!(entries(line), None, "{line}");
        }
    }
}

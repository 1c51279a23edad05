//! The way that a request came: the addresses behind the connection's other end, as far as its word counts.

use std::net::{IpAddr, SocketAddr};

use http::header::{FORWARDED, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::proxies::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// More addresses than this are nobody's way.
const MOST: usize = 32;

/// Where a request came from, and through whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedChain {
    /// What a trusted peer says that came before it, the farthest first.
    before: Vec<IpAddr>,
    peer: IpAddr,
    client: IpAddr,
    trusted: bool,
}

impl TrustedProxies {
    /// The way of a request that came from `peer` with these headers.
    ///
    /// Only a peer on the list is asked: for `X-Forwarded-For`, and for `Forwarded` (RFC 7239) where it sends none of the
    /// former. What it says is taken whole or not at all. Proxies write one of the two and pass on what a client put
    /// into the other, so they are never mixed.
    #[must_use]
    pub fn way(&self, peer: IpAddr, headers: &HeaderMap) -> ForwardedChain {
        let peer = peer.to_canonical();
        let trusted = self.include(peer);
        let before = if trusted { said(headers).unwrap_or_default() } else { Vec::new() };
        // From the near end, the first that is not on the list: what lies behind it, anybody could have made up.
        let nearest = before.iter().rev().find(|address| !self.include(**address));
        let client = nearest.or(before.first()).copied().unwrap_or(peer);
        ForwardedChain { before, peer, client, trusted }
    }
}

impl ForwardedChain {
    /// Who asks, as far as anybody knows.
    #[must_use]
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// True where the other end of the connection is on the list.
    #[must_use]
    pub fn is_from_trusted(&self) -> bool {
        self.trusted
    }

    /// Every address, the farthest first; the last is the other end of the connection.
    pub fn hops(&self) -> impl Iterator<Item = IpAddr> {
        self.before.iter().copied().chain(std::iter::once(self.peer))
    }
}

/// The addresses that the headers give; `None` where one of them is none.
fn said(headers: &HeaderMap) -> Option<Vec<IpAddr>> {
    let mut found = Vec::new();
    let mut add = |address: Option<IpAddr>| {
        found.push(address?.to_canonical());
        (found.len() <= MOST).then_some(())
    };
    if headers.contains_key(X_FORWARDED_FOR) {
        for item in items(headers.get_all(X_FORWARDED_FOR).iter())? {
            add(address(item))?;
        }
    } else {
        for element in items(headers.get_all(FORWARDED).iter())? {
            add(node(element))?;
        }
    }
    Some(found)
}

/// The items of a list, those in quotes whole; empty ones do not count (RFC 9110 §5.6.1).
fn items<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<Vec<&'a str>> {
    let mut found = Vec::new();
    for line in lines {
        found.extend(split(line.to_str().ok()?, ',')?);
    }
    Some(found)
}

/// The parts between separators that are not within quotes, trimmed; `None` where a quote is not closed.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text.split(|c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return c == separator && !quoted,
        }
        false
    });
    let parts = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    (!quoted).then_some(parts)
}

/// The address of an element's `for`; `None` for what hides it (`unknown`, `_name`).
fn node(element: &str) -> Option<IpAddr> {
    let mut nodes = split(element, ';')?.into_iter().filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let (node, further) = (nodes.next()?, nodes.next());
    let node = match node.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => node,
    };
    if further.is_some() { None } else { address(node) }
}

/// An address, with or without a port; IPv6 with a port is in brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match bare {
        Some(bare) => bare.parse().ok().filter(IpAddr::is_ipv6),
        None => text.parse().ok().map(|address: SocketAddr| address.ip()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn way(peer: &str, lines: &[(&'static str, &str)]) -> (String, Vec<String>) {
        let trusted: Vec<_> = ["10.0.0.0/8", "fd00::/8"].iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let way = TrustedProxies::new(&trusted).way(peer.parse().unwrap(), &headers);
        (way.client().to_string(), way.hops().map(|hop| hop.to_string()).collect())
    }

    #[test]
    fn case_14_a_stranger_is_believed_nothing() {
        let lines = [("x-forwarded-for", "10.0.0.1, 1.2.3.4"), ("forwarded", "for=1.2.3.4")];
        assert_eq!(way("192.0.2.7", &lines), ("192.0.2.7".into(), vec!["192.0.2.7".into()]));
    }

    #[test]
    fn the_client_is_the_nearest_that_is_not_on_the_list() {
        for (said, client) in [
            ("203.0.113.5", "203.0.113.5"),
            // What lies before the client is its own word.
            ("1.1.1.1, 203.0.113.5, 10.0.0.3", "203.0.113.5"),
            ("10.0.0.3,10.0.0.2", "10.0.0.3"),
            (" ,203.0.113.5:4711 ,, [fd00::2]:80", "203.0.113.5"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:203.0.113.5", "203.0.113.5"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(way("10.0.0.1", &[("x-forwarded-for", said)]).0, client, "{said:?}");
            assert_eq!(way("::ffff:10.0.0.1", &[("x-forwarded-for", said)]).0, client, "{said:?}");
        }
        let two = [("x-forwarded-for", "203.0.113.5"), ("x-forwarded-for", "10.0.0.9")];
        assert_eq!(way("10.0.0.1", &two).1, ["203.0.113.5", "10.0.0.9", "10.0.0.1"]);
    }

    #[test]
    fn forwarded_is_read_where_it_is_alone() {
        for (said, client) in [
            ("for=203.0.113.5", "203.0.113.5"),
            ("For=\"203.0.113.5:80\";by=10.0.0.2;proto=http, for=10.0.0.3", "203.0.113.5"),
            ("proto=http; for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("host=\"a,b;for=1.1.1.1\";for=203.0.113.5", "203.0.113.5"),
            ("host=\"a\\\"\";for=203.0.113.5", "203.0.113.5"),
        ] {
            assert_eq!(way("10.0.0.1", &[("forwarded", said)]).0, client, "{said}");
        }
        let both = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "203.0.113.5")];
        assert_eq!(way("10.0.0.1", &both).1, ["203.0.113.5", "10.0.0.1"]);
    }

    #[test]
    fn what_is_malformed_or_too_long_is_not_believed_in_part() {
        let long = vec!["203.0.113.5"; MOST + 1].join(",");
        for said in ["203.0.113.5, unknown", "a", "203.0.113.5, 1.2.3.256", "1.2.3.4;5", "\"1.2.3.4", &long] {
            assert_eq!(way("10.0.0.1", &[("x-forwarded-for", said)]).1, ["10.0.0.1"], "{said}");
        }
        for said in [
            "for=unknown",
            "for=_hidden, for=203.0.113.5",
            "for=203.0.113.5, proto=http",
            "for=1.1.1.1;for=2.2.2.2",
            "for=\"1.1.1.1",
            "for",
        ] {
            assert_eq!(way("10.0.0.1", &[("forwarded", said)]).1, ["10.0.0.1"], "{said}");
        }
        assert_eq!(way("10.0.0.1", &[("x-forwarded-for", "1.2.3.4\u{e9}")]).1, ["10.0.0.1"]);
    }

    proptest! {
        #[test]
        fn whatever_is_said_the_client_is_one_of_the_hops_and_the_peer_the_last(
            text in "[ -~\\PC]{0,200}", peer in any::<[u8; 4]>()
        ) {
            for name in ["x-forwarded-for", "forwarded"] {
                if HeaderValue::from_bytes(text.as_bytes()).is_ok() {
                    let peer = IpAddr::from(peer).to_string();
                    let (client, hops) = way(&peer, &[(name, &text)]);
                    prop_assert!(hops.contains(&client) && hops.last() == Some(&peer));
                }
            }
        }

        #[test]
        fn a_list_of_addresses_is_read_as_it_is(addresses in prop::collection::vec(any::<[u8; 4]>(), 1..MOST)) {
            let texts: Vec<_> = addresses.into_iter().map(|it| IpAddr::from(it).to_string()).collect();
            let elements: Vec<_> = texts.iter().map(|text| format!("for={text}")).collect();
            let mut expected = texts.clone();
            expected.push("10.0.0.1".into());
            prop_assert_eq!(&way("10.0.0.1", &[("x-forwarded-for", &texts.join(", "))]).1, &expected);
            prop_assert_eq!(&way("10.0.0.1", &[("forwarded", &elements.join(","))]).1, &expected);
        }
    }
}

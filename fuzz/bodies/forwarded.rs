//! Whatever a trusted proxy says, the client is one of the hops, the peer is the last, and what was read is read again.

use std::net::IpAddr;

use cognigate::policy::proxies::TrustedProxies;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let peer = IpAddr::from([10, 0, 0, 1]);
    let proxies = TrustedProxies::new(&["10.0.0.0/8".parse().unwrap()]);
    for name in ["x-forwarded-for", "forwarded"].map(HeaderName::from_static) {
        let way = proxies.way(peer, &HeaderMap::from_iter([(name, value.clone())]));
        let hops: Vec<IpAddr> = way.hops().collect();
        assert!(hops.contains(&way.client()) && hops.last() == Some(&peer) && hops.len() <= 33);
        let before = hops[..hops.len() - 1].iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ");
        let again = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-for"),
            HeaderValue::try_from(before).unwrap(),
        )]);
        assert_eq!(proxies.way(peer, &again), way);
        // To somebody who is not on the list nothing of it counts.
        let stranger = TrustedProxies::new(&[]).way(peer, &again);
        assert_eq!((stranger.client(), stranger.hops().count()), (peer, 1));
    }
}

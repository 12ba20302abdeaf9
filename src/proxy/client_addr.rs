//! The client's address: the connection's, or what a trusted proxy in front says.

use std::net::IpAddr;

use ipnet::IpNet;

/// The rightmost address of `X-Forwarded-For` that is not a trusted proxy, when the peer is one.
pub(crate) fn client_addr(peer: IpAddr, headers: &[(&str, &str)], trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    if trusted.is_empty() || !is_trusted(&peer) {
        return peer;
    }
    let mut client = peer;
    let fields = headers
        .iter()
        .rev()
        .filter(|(name, _)| *name == "x-forwarded-for");
    for entry in fields.flat_map(|(_, value)| value.rsplit(',')) {
        let Ok(ip) = entry.trim().parse::<IpAddr>() else {
            return client;
        };
        client = ip.to_canonical();
        if !is_trusted(&client) {
            return client;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_peers_are_believed() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let of = |peer: &str, xff: &[&str]| {
            let headers: Vec<_> = xff.iter().map(|v| ("x-forwarded-for", *v)).collect();
            client_addr(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(of("192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(
            of("10.0.0.1", &["203.0.113.9, 198.51.100.1, 10.0.0.2"]),
            "198.51.100.1"
        );
        assert_eq!(
            of("10.0.0.1", &["198.51.100.1", "10.0.0.3"]),
            "198.51.100.1"
        );
        assert_eq!(of("10.0.0.1", &["198.51.100.1, junk"]), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(of("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }
}

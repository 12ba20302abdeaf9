//! Which addresses a name that a client chose may lead to, asked after the lookup and before the
//! dial.
//!
//! Invariant: the addresses that were judged are the ones that are dialled; one bad address among
//! them refuses the name (rebinding). Addresses of this machine, of private and special networks and
//! of cloud metadata services are bad, unless a network was named by the operator.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;
use ipnet::IpNet;

/// What is allowed besides the public internet, and what never is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Networks of the operator.
    pub allowed: Arc<[IpNet]>,
    /// Own listeners.
    pub own: Arc<[SocketAddr]>,
}

impl Guard {
    /// Whether every address may be dialled at this port; an empty list may not.
    #[must_use]
    pub fn permits(&self, addrs: &[SocketAddr]) -> bool {
        !addrs.is_empty() && addrs.iter().all(|addr| self.permits_one(*addr))
    }

    fn permits_one(&self, addr: SocketAddr) -> bool {
        let ip = addr.ip().to_canonical();
        if self.own.iter().any(|own| is_own(*own, addr.port(), ip)) {
            return false;
        }
        self.allowed.iter().any(|net| net.contains(&ip)) || (is_public(ip) && !is_local(ip))
    }

    /// Looks a name up and answers with its addresses when all of them may be dialled.
    ///
    /// # Errors
    /// When the lookup fails, or an address is refused (`PermissionDenied`).
    pub async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
        if self.permits(&found) {
            Ok(found)
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

fn is_own(own: SocketAddr, port: u16, ip: IpAddr) -> bool {
    let listens = own.ip().to_canonical();
    own.port() == port && (listens == ip || (listens.is_unspecified() && is_local(ip)))
}

/// Whether an address is one of this machine's: the kernel would talk to it from itself. Nothing is
/// sent.
fn is_local(ip: IpAddr) -> bool {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((ip, 9))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == ip)
}

/// Whether an address belongs to the public internet.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// IANA's special-purpose registry, and a cloud's metadata address outside of it.
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, d] = ip.octets();
    !matches!(
        (a, b, c, d),
        (0 | 10 | 127 | 224..=255, ..)
            | (100, 64..=127, ..)
            | (169, 254, ..)
            | (172, 16..=31, ..)
            | (192, 0, 0 | 2, _)
            | (192, 88, 99, _)
            | (192, 168, ..)
            | (198, 18 | 19, ..)
            | (198, 51, 100, _)
            | (203, 0, 113, _)
            | (168, 63, 129, 16)
    )
}

/// Global unicast only, without the ranges that carry an IPv4 address of their own or document.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        // NAT64 and 6to4 are as good as the address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(v4(high, low)),
        [0x2002, high, low, ..] => is_public_v4(v4(high, low)),
        // Teredo, benchmarking, ORCHID, documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3ffe, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The system's lookup, judged.
#[derive(Debug, Clone)]
pub(crate) struct Resolver {
    /// `None`: names that the operator chose, which are not judged.
    pub(crate) guard: Option<Guard>,
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.guard.clone();
        Box::pin(async move {
            // The connector sets the port; catalogued hosts are dialled at 443 only.
            match guard {
                Some(guard) => Ok(guard.lookup(name.as_str(), 443).await?.into_iter()),
                None => {
                    let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
                    Ok(found.collect::<Vec<_>>().into_iter())
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn special_addresses_are_not_public() {
        for bad in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::127.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "fec0::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(ip(bad).to_canonical()), "{bad}");
        }
        assert!(!Guard::default().permits(&["[::ffff:127.0.0.1]:443".parse().unwrap()]));
        for good in [
            "1.1.1.1",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "2a00:1450::1",
        ] {
            assert!(is_public(ip(good)), "{good}");
        }
    }

    #[test]
    fn one_bad_address_refuses_the_name() {
        let guard = Guard::default();
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(guard.permits(&[at("1.1.1.1:443")]));
        assert!(!guard.permits(&[at("1.1.1.1:443"), at("10.0.0.1:443")]));
        assert!(!guard.permits(&[]));
    }

    #[test]
    fn a_named_network_is_allowed_but_never_an_own_listener() {
        let guard = Guard {
            allowed: ["127.0.0.0/8".parse().unwrap()].into(),
            own: ["0.0.0.0:9090".parse().unwrap()].into(),
        };
        assert!(guard.permits(&["127.0.0.1:443".parse().unwrap()]));
        assert!(!guard.permits(&["127.0.0.1:9090".parse().unwrap()]));
    }

    #[test]
    fn this_machines_addresses_are_known() {
        assert!(is_local(ip("127.0.0.1")));
        assert!(!is_local(ip("192.0.2.1")));
    }
}

//! PROXY protocol v2: the client's address as a trusted load balancer in front says it.
//!
//! Read only from peers in `trusted_proxies`, before TLS. A header that is begun must be whole and
//! right; without one the connection's own address holds.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes behind the fixed part: addresses and TLVs.
const MAX: usize = 2048;

/// The address in the header, if there is one; `peer` when there is none or it says `LOCAL`.
pub(crate) async fn read(tcp: &mut TcpStream, peer: IpAddr) -> io::Result<IpAddr> {
    let mut first = [0u8; 1];
    // No request begins with CR: one byte tells.
    if tcp.peek(&mut first).await? == 0 || Some(&first[0]) != SIGNATURE.first() {
        return Ok(peer);
    }
    let mut fixed = [0u8; 16];
    tcp.read_exact(&mut fixed).await?;
    let [sig @ .., command, family, high, low] = fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if sig != *SIGNATURE || length > MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut rest = vec![0u8; length];
    tcp.read_exact(&mut rest).await?;
    address(command, family, &rest, peer).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn address(command: u8, family: u8, rest: &[u8], peer: IpAddr) -> Option<IpAddr> {
    match (command, family) {
        (0x20, _) => Some(peer),
        (0x21, 0x11) => {
            let source: [u8; 4] = rest
                .get(..4)
                .filter(|_| rest.len() >= 12)?
                .try_into()
                .ok()?;
            Some(Ipv4Addr::from(source).into())
        }
        (0x21, 0x21) => {
            let source: [u8; 16] = rest
                .get(..16)
                .filter(|_| rest.len() >= 36)?
                .try_into()
                .ok()?;
            Some(Ipv6Addr::from(source).to_canonical())
        }
        // Unknown families: the header holds no address that could be used.
        (0x21, _) => Some(peer),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let four = [198, 51, 100, 7, 10, 0, 0, 1, 1, 2, 3, 4];
        assert_eq!(
            address(0x21, 0x11, &four, peer),
            "198.51.100.7".parse().ok()
        );
        assert_eq!(address(0x21, 0x11, &four[..11], peer), None);
        assert_eq!(address(0x20, 0x11, &four, peer), Some(peer));
        assert_eq!(address(0x21, 0x00, &[], peer), Some(peer));
        assert_eq!(address(0x11, 0x11, &four, peer), None);
        let mut six = [0u8; 36];
        six[15] = 1;
        assert_eq!(address(0x21, 0x21, &six, peer), "::1".parse().ok());
    }
}

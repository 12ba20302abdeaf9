//! Listeners that systemd opened and hands over (socket activation, `LISTEN_FDS`).
//!
//! Invariant: each is taken once. A socket belongs to the listener that `FileDescriptorName=` names;
//! without such a name it is the gateway's.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Mutex, OnceLock, PoisonError};

/// What was handed over, by listener, and where all of it listens.
static HANDED: OnceLock<Handed> = OnceLock::new();

struct Handed {
    sockets: Mutex<Vec<(String, TcpListener)>>,
    addrs: Vec<SocketAddr>,
}

/// The sockets that were handed over for a listener: `gateway`, `forward` or `admin`.
#[must_use]
pub fn handed_over(listener: &str) -> Vec<TcpListener> {
    let handed = HANDED.get_or_init(read);
    let mut all = (handed.sockets.lock()).unwrap_or_else(PoisonError::into_inner);
    let (mine, rest) = all
        .drain(..)
        .partition::<Vec<_>, _>(|(name, _)| name == listener);
    *all = rest;
    mine.into_iter().map(|(_, socket)| socket).collect()
}

/// Where the sockets listen that were handed over, taken or not: own addresses, whatever the
/// configuration says.
pub(super) fn handed_addrs() -> &'static [SocketAddr] {
    &HANDED.get_or_init(read).addrs
}

fn read() -> Handed {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut fds = listenfd::ListenFd::from_env();
    let mut found = Vec::new();
    for at in 0..fds.len() {
        if let Ok(Some(socket)) = fds.take_tcp_listener(at) {
            found.push((listener_of(names.split(':').nth(at)).to_owned(), socket));
        }
    }
    let addrs = found
        .iter()
        .filter_map(|(_, socket)| socket.local_addr().ok());
    Handed {
        addrs: addrs.collect(),
        sockets: Mutex::new(found),
    }
}

fn listener_of(name: Option<&str>) -> &'static str {
    match name {
        Some("forward") => "forward",
        Some("admin") => "admin",
        Some(_) | None => "gateway",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_name_is_the_gateways() {
        assert_eq!(listener_of(Some("forward")), "forward");
        assert_eq!(listener_of(Some("admin")), "admin");
        assert_eq!(listener_of(Some("tamis.socket")), "gateway");
        assert_eq!(listener_of(None), "gateway");
    }

    #[test]
    fn nothing_was_handed_over_to_a_test() {
        assert!(handed_over("gateway").is_empty());
    }
}

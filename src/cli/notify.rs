//! Word to systemd (`Type=notify`): ready, reloading, stopping. Without `NOTIFY_SOCKET` nothing is
//! said; what cannot be said is not worth ending for.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Says one thing, such as `READY=1`.
pub(super) fn say(word: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let Ok(socket) = UnixDatagram::unbound() else {
        return;
    };
    let addr = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    if let Ok(addr) = addr {
        let _ = socket.send_to_addr(word.as_bytes(), &addr);
    }
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &[u8]) -> std::io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &[u8]) -> std::io::Result<SocketAddr> {
    Err(std::io::ErrorKind::Unsupported.into())
}

//! Word to systemd (`Type=notify`, `notify-reload`): ready, reloading, stopping. Without `NOTIFY_SOCKET` nothing is
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

/// Says that a reload begins, with the time that `Type=notify-reload` asks for: until the word of its end
/// `systemctl reload` waits.
pub(super) fn reloading() {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let usec = now.tv_sec.saturating_mul(1_000_000) + now.tv_nsec / 1000;
    say(&format!("RELOADING=1\nMONOTONIC_USEC={usec}"));
}

/// Says how a reload ended; either way there is a configuration to serve by.
pub(super) fn reloaded(good: bool) {
    say(match good {
        true => "READY=1\nSTATUS=The configuration in force is the one on disk.",
        false => {
            "READY=1\nSTATUS=The last reload was refused (see the log); the configuration before it is in force."
        }
    });
}

#[cfg(target_os = "linux")]
fn abstract_name(name: &[u8]) -> std::io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_name(_: &[u8]) -> std::io::Result<SocketAddr> {
    Err(std::io::ErrorKind::Unsupported.into())
}

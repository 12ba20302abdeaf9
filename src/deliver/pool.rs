//! Idle connections to upstreams, by origin.
//!
//! Invariant: what is taken from here was open and had nothing left over when it was looked at.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};

use super::upstream::Origin;
use crate::tls::Stream;

/// Idle connections kept for one origin.
const PER_ORIGIN: usize = 256;
/// How long a connection may idle here: less than most servers keep theirs.
const IDLE: Duration = Duration::from_secs(50);

/// After so long the kernel is asked as well: servers close idle connections after whole seconds.
const RESTED: Duration = Duration::from_millis(500);

struct Idle {
    stream: Stream,
    since: Instant,
}

#[derive(Default)]
pub(crate) struct Pool {
    idle: HashMap<Arc<Origin>, Vec<Idle>, foldhash::fast::RandomState>,
}

impl Pool {
    /// The connection used last that is still good.
    pub(crate) fn take(&mut self, origin: &Arc<Origin>) -> Option<Stream> {
        let list = self.idle.get_mut(origin)?;
        let now = Instant::now();
        while let Some(mut idle) = list.pop() {
            if now.duration_since(idle.since) > IDLE {
                list.clear();
                return None;
            }
            let rested = now.duration_since(idle.since) > RESTED;
            if !(rested && is_closed(&idle.stream)) && is_quiet(&mut idle.stream) {
                return Some(idle.stream);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(crate) fn put(&mut self, origin: &Arc<Origin>, stream: Stream) {
        let since = Instant::now();
        match self.idle.get_mut(origin) {
            Some(list) if list.len() < PER_ORIGIN => list.push(Idle { stream, since }),
            Some(_) => {}
            None => {
                self.idle
                    .insert(Arc::clone(origin), vec![Idle { stream, since }]);
            }
        }
    }

    /// Closes what has idled too long.
    pub(crate) fn sweep(&mut self) {
        let now = Instant::now();
        for list in self.idle.values_mut() {
            list.retain(|idle| now.duration_since(idle.since) <= IDLE);
        }
        self.idle.retain(|_, list| !list.is_empty());
    }

    /// Closes all.
    pub(crate) fn clear(&mut self) {
        self.idle.clear();
    }
}

/// Whether the other side has hung up, whether or not the event loop has heard of it.
fn is_closed(stream: &Stream) -> bool {
    let mut byte = [MaybeUninit::uninit(); 1];
    match socket2::SockRef::from(stream.tcp()).peek(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    }
}

/// Whether a connection is open and nothing has come that nobody asked for, as far as the event
/// loop has heard: no system call for a quiet one.
fn is_quiet(stream: &mut Stream) -> bool {
    let mut byte = [0u8; 1];
    match stream {
        Stream::Plain(tcp) => match tcp.try_read(&mut byte) {
            Ok(_) => false,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        },
        // Session tickets come after the handshake's end: they are read here and are no answer.
        Stream::Tls(_) | Stream::Upstream(_) => {
            let mut buf = ReadBuf::new(&mut byte);
            let mut cx = Context::from_waker(Waker::noop());
            Pin::new(stream).poll_read(&mut cx, &mut buf).is_pending()
        }
    }
}

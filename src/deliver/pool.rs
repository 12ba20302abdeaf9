//! Idle connections to upstreams, by origin.
//!
//! Invariant: what is taken from here was open and had nothing left over when it was looked at, and is
//! not so old that its address may have changed.

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

/// How long a connection is used: then another is made, for which the name is looked up again.
const AGE: Duration = Duration::from_secs(300);

/// After so long the kernel is asked as well: servers close idle connections after whole seconds.
const RESTED: Duration = Duration::from_millis(500);

/// A connection that can be used again.
pub(crate) struct Kept {
    pub(crate) stream: Stream,
    /// When it was made.
    pub(crate) born: Instant,
}

struct Idle {
    kept: Kept,
    since: Instant,
}

#[derive(Default)]
pub(crate) struct Pool {
    idle: HashMap<Arc<Origin>, Vec<Idle>, foldhash::fast::RandomState>,
}

impl Pool {
    /// The connection used last that is still good.
    pub(crate) fn take(&mut self, origin: &Arc<Origin>) -> Option<Kept> {
        let list = self.idle.get_mut(origin)?;
        let now = Instant::now();
        while let Some(mut idle) = list.pop() {
            if now.duration_since(idle.since) > IDLE {
                list.clear();
                return None;
            }
            let rested = now.duration_since(idle.since) > RESTED;
            if !(rested && is_closed(&idle.kept.stream)) && is_quiet(&mut idle.kept.stream) {
                return Some(idle.kept);
            }
        }
        None
    }

    /// Keeps a connection for the next request, unless it is old.
    pub(crate) fn put(&mut self, origin: &Arc<Origin>, kept: Kept) {
        let since = Instant::now();
        if since.duration_since(kept.born) > AGE {
            return;
        }
        let idle = Idle { kept, since };
        match self.idle.get_mut(origin) {
            Some(list) if list.len() < PER_ORIGIN => list.push(idle),
            Some(_) => {}
            None => {
                self.idle.insert(Arc::clone(origin), vec![idle]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::Upstream;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn an_old_connection_is_not_kept() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = server.local_addr().unwrap();
        let origin = Upstream::parse(&format!("http://{at}")).unwrap().origin;
        let mut pool = Pool::default();
        let Some(long_ago) = Instant::now().checked_sub(AGE + Duration::from_secs(1)) else {
            panic!("a machine that has run for minutes");
        };
        for (born, kept) in [(Instant::now(), true), (long_ago, false)] {
            let stream = Stream::Plain(TcpStream::connect(at).await.unwrap());
            let _other = server.accept().await.unwrap();
            pool.put(&origin, Kept { stream, born });
            assert_eq!(pool.take(&origin).is_some(), kept);
        }
    }
}

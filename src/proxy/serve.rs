//! Threads, listeners and connections: one runtime per core, each with its own sockets.
//!
//! Invariant: a connection's end, even by panic, gives its permit back and touches no other
//! connection. A drain ends listeners first, then lets requests in flight finish.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::activate::handed_over;
use super::live::Live;
use super::reply::{Problem, Reply};
use super::worker::Worker;
use super::{http1, http2, proxy_protocol};
use crate::telemetry;
use crate::tls::Stream;

/// Connections that wait in the kernel to be accepted.
const BACKLOG: i32 = 4096;
/// Connections beyond the limit that are told so at once; more are just closed.
const TOLD: usize = 256;

/// Which listener a connection came to.
#[derive(Clone)]
pub(crate) enum Door {
    /// The gateway.
    Gateway,
    /// The forward proxy.
    Forward,
    /// A terminated tunnel to this host, in lower case.
    Inside(Box<str>),
}

impl Door {
    /// As in the configuration and in logs.
    fn name(&self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Forward | Self::Inside(_) => "forward",
        }
    }
}

/// Starts the gateway.
pub struct Server;

/// A running gateway.
pub struct Handle {
    /// Where it listens, with the ports that the system chose.
    pub addrs: Vec<SocketAddr>,
    /// The same for the forward proxy.
    pub forward_addrs: Vec<SocketAddr>,
    live: Arc<Live>,
    threads: Vec<JoinHandle<usize>>,
}

impl Server {
    /// Opens the listeners of the configuration on `workers` threads (0: one per core).
    pub fn start(live: &Arc<Live>, workers: usize) -> io::Result<Handle> {
        raise_descriptor_limit();
        let workers = match workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        };
        let current = live.current();
        let gateway = &current.generation.config.gateway;
        let forward = current.generation.config.forward.as_ref();
        let (mut addrs, mut forward_addrs) = (Vec::new(), Vec::new());
        let mut sockets: Vec<Vec<(std::net::TcpListener, Door)>> = Vec::new();
        sockets.resize_with(workers, Vec::new);
        let gateways = gateway.listen.iter().map(|at| (*at, Door::Gateway));
        let forwards = forward.into_iter().flat_map(|forward| &forward.listen);
        let wanted = gateways.chain(forwards.map(|at| (*at, Door::Forward)));
        let handed = [Door::Gateway, Door::Forward].map(|door| {
            let sockets = handed_over(door.name());
            (door, sockets)
        });
        for (door, given) in &handed {
            for socket in given {
                socket.set_nonblocking(true)?;
                for of_worker in &mut sockets {
                    of_worker.push((socket.try_clone()?, door.clone()));
                }
                let addr = socket.local_addr()?;
                telemetry::listening(door.name(), addr, false);
                match door {
                    Door::Forward => forward_addrs.push(addr),
                    Door::Gateway | Door::Inside(_) => addrs.push(addr),
                }
            }
        }
        let is_handed = |door: &Door| {
            let mut all = handed.iter();
            all.any(|(other, given)| other.name() == door.name() && !given.is_empty())
        };
        for (mut addr, door) in wanted.filter(|(_, door)| !is_handed(door)) {
            if addr.port() != 0 {
                // Shared ports would let a second server steal half of the connections.
                drop(bind(addr, false)?);
            }
            for of_worker in &mut sockets {
                let listener = bind(addr, true)?;
                addr = listener.local_addr()?;
                of_worker.push((listener, door.clone()));
            }
            if matches!(door, Door::Forward) {
                telemetry::listening("forward", addr, false);
                forward_addrs.push(addr);
            } else {
                telemetry::listening("gateway", addr, gateway.tls.is_some());
                addrs.push(addr);
            }
        }
        let mut threads = Vec::new();
        for (at, listeners) in sockets.into_iter().enumerate() {
            let live = Arc::clone(live);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(32)
                .build()?;
            let thread = std::thread::Builder::new()
                .name(format!("tamis-worker-{at}"))
                .spawn(move || {
                    let left = runtime.block_on(work(live, listeners));
                    runtime.shutdown_timeout(Duration::from_millis(200));
                    left
                })?;
            threads.push(thread);
        }
        Ok(Handle {
            addrs,
            forward_addrs,
            live: Arc::clone(live),
            threads,
        })
    }
}

impl Handle {
    /// Asks the server to end: no new connections, requests in flight finish.
    pub fn shutdown(&self) {
        self.live.draining.cancel();
    }

    /// Waits for the end; answers with the connections that were cut off by the deadline.
    #[must_use]
    pub fn join(self) -> usize {
        let ends = self.threads.into_iter().map(JoinHandle::join);
        ends.map(|end| end.unwrap_or(0)).sum()
    }
}

/// The usual soft limit of 1024 descriptors is far below the connections that are allowed.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it is not allowed the old limit stays, and accepting sleeps when it is reached.
    let _ = setrlimit(Resource::Nofile, raised);
}

fn bind(addr: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    open(addr, shared).map_err(|error| io::Error::new(error.kind(), format!("{addr}: {error}")))
}

fn open(addr: SocketAddr, shared: bool) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// One thread's life; answers with the connections left at its end.
async fn work(live: Arc<Live>, listeners: Vec<(std::net::TcpListener, Door)>) -> usize {
    let worker = Arc::new(Worker::new(live));
    let tracker = TaskTracker::new();
    for (listener, door) in listeners {
        match TcpListener::from_std(listener) {
            Ok(listener) => {
                let accepting = accept(listener, Arc::clone(&worker), tracker.clone(), door);
                tracker.spawn(accepting);
            }
            Err(error) => telemetry::accept_failed(&error),
        }
    }
    let sweeper = Arc::clone(&worker);
    let sweeping = async {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            sweeper.client.sweep();
        }
    };
    tokio::select! {
        () = sweeping => {}
        () = worker.drain.cancelled() => {}
    }
    tracker.close();
    let limit = worker.live.current().generation.config.limits.drain_timeout;
    let _ = tokio::time::timeout(limit, tracker.wait()).await;
    tracker.len()
}

async fn accept(listener: TcpListener, worker: Arc<Worker>, tracker: TaskTracker, door: Door) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = worker.drain.cancelled() => break,
        };
        match accepted {
            Ok((tcp, peer)) => {
                tracker.spawn(connection(
                    tcp,
                    peer.ip(),
                    Arc::clone(&worker),
                    door.clone(),
                ));
            }
            Err(error) => {
                // No more descriptors: the next try would fail at once as well.
                telemetry::accept_failed(&error);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Those who are connected already would see a reset.
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..BACKLOG {
        let Poll::Ready(Ok((tcp, peer))) = listener.poll_accept(&mut cx) else {
            return;
        };
        tracker.spawn(connection(
            tcp,
            peer.ip(),
            Arc::clone(&worker),
            door.clone(),
        ));
    }
}

/// A permit, given back even by a panic.
pub(super) struct Permit(Arc<Worker>);

impl Permit {
    pub(super) fn take(worker: &Arc<Worker>) -> (Self, usize) {
        let before = worker.live.connections.fetch_add(1, Ordering::Relaxed);
        worker.live.metrics.connections.inc();
        (Self(Arc::clone(worker)), before)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.live.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.live.metrics.connections.dec();
        if std::thread::panicking() {
            self.0.live.metrics.panics.inc();
            telemetry::panicked();
        }
    }
}

async fn connection(mut tcp: TcpStream, mut peer: IpAddr, worker: Arc<Worker>, door: Door) {
    let (_permit, before) = Permit::take(&worker);
    let (limits, tls, trusted) = {
        let current = worker.live.current();
        let config = &current.generation.config;
        let is_peer = |net: &ipnet::IpNet| net.contains(&peer.to_canonical());
        let trusted = config.gateway.trusted_proxies.iter().any(is_peer);
        let tls = match door {
            Door::Gateway => current.server_tls.clone(),
            Door::Forward | Door::Inside(_) => None,
        };
        (config.limits.clone(), tls, trusted)
    };
    let deadline = Instant::now() + limits.header_timeout;
    let _ = tcp.set_nodelay(true);
    let metrics = &worker.live.metrics;
    if before >= limits.connections {
        metrics.connection_refused("limit");
        if tls.is_none() && before < limits.connections.saturating_add(TOLD) {
            turn_away(tcp).await;
        }
        return;
    }
    if trusted {
        match timeout_at(deadline, proxy_protocol::read(&mut tcp, peer)).await {
            Ok(Ok(client)) => peer = client,
            Ok(Err(_)) | Err(_) => return metrics.connection_refused("proxy_protocol"),
        }
    }
    // A proxy of one's own stands for many clients, unless it says for whom (PROXY protocol).
    let shared = trusted && peer == tcp.peer_addr().map_or(peer, |at| at.ip());
    let most = if shared {
        usize::MAX
    } else {
        limits.client_connections
    };
    let Some(_seat) = worker.live.clients.sit(peer, most) else {
        metrics.connection_refused("client_limit");
        if tls.is_none() {
            turn_away(tcp).await;
        }
        return;
    };
    let io = match tls {
        None => Stream::Plain(tcp),
        Some(config) => {
            let handshake = TlsAcceptor::from(config).accept(tcp);
            match timeout_at(deadline, handshake).await {
                Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                Ok(Err(_)) | Err(_) => {
                    metrics.connection_refused("tls");
                    return telemetry::tls_handshake_failed();
                }
            }
        }
    };
    if io.has_alpn(b"h2") {
        http2::serve(io, Vec::new(), peer, worker, limits, door).await;
    } else {
        http1::serve(io, peer, worker, limits, deadline, door).await;
    }
}

/// Says 503 to a connection beyond the limit.
async fn turn_away(mut tcp: TcpStream) {
    let mut reply = Reply::problem(&Problem::Overloaded).closing();
    // Its origin is not known yet, and nothing in the answer is worth hiding.
    reply.set("access-control-allow-origin", "*");
    let mut busy = Vec::new();
    http1::reply_head(&reply, false, &mut busy);
    let goodbye = async {
        tcp.write_all(&busy).await?;
        tcp.shutdown().await?;
        let mut sink = [0u8; 1024];
        while tcp.read(&mut sink).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout_at(Instant::now() + Duration::from_secs(1), goodbye).await;
}

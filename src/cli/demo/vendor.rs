//! A vendor that takes everything: answers `1` and keeps the bodies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// A server on loopback; its thread ends with the process.
pub(super) struct FakeVendor {
    pub(super) addr: SocketAddr,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl FakeVendor {
    pub(super) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let addr = listener.local_addr()?;
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&bodies);
        std::thread::Builder::new()
            .name("fake-vendor".into())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let taken = Arc::clone(&taken);
                    // A thread a connection: the gateway keeps its own open.
                    let _ = std::thread::Builder::new().spawn(move || {
                        let _ = serve(stream, &taken);
                    });
                }
            })?;
        Ok(Self { addr, bodies })
    }

    /// The bodies so far.
    pub(super) fn taken(&self) -> Vec<Vec<u8>> {
        self.bodies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn serve(stream: TcpStream, bodies: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let (mut length, mut close, mut lines) = (0, false, 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            lines += 1;
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            close |= line == "connection: close";
        }
        if lines == 0 {
            continue;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        bodies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(body);
        writer.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n1",
        )?;
        if close {
            return Ok(());
        }
    }
}

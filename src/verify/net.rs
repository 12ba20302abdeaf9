//! The two ends of a run: a client that sends bytes as they are, and a recorder in a vendor's place.
//!
//! Invariant: the recorder answers only when it has written down what came, so that what a request
//! led to is known when its answer is there. Loopback only, blocking, one request at a time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request, before it is bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    pub(super) method: String,
    /// Path and query within the vendor.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// What arrived at a vendor.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    /// Request line and headers.
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
}

/// A vendor that writes everything down and answers `{}`; its thread ends with the process.
pub(super) struct Recorder {
    pub(super) addr: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrival>>>,
}

impl Recorder {
    pub(super) fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let addr = listener.local_addr()?;
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&arrived);
        std::thread::Builder::new()
            .name("verify-vendor".into())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let taken = Arc::clone(&taken);
                    // A thread a connection: the gateway keeps its own open.
                    let _ = std::thread::Builder::new().spawn(move || serve(stream, &taken));
                }
            })?;
        Ok(Self { addr, arrived })
    }

    /// What has arrived since the last time.
    pub(super) fn take(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(stream: TcpStream, arrived: &Mutex<Vec<Arrival>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(arrival) = read(&mut reader)? {
        let close = contains(&arrival.head, b"connection: close");
        let silent = arrival.head.starts_with(b"HEAD ");
        arrived
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(arrival);
        let body = if silent { "" } else { "{}" };
        // In one piece: small writes would wait for each other.
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{body}"
        );
        writer.write_all(answer.as_bytes())?;
        if close {
            return Ok(());
        }
    }
    Ok(())
}

fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Arrival>> {
    let mut head = Vec::new();
    let (mut length, mut chunked) = (0, false);
    loop {
        let start = head.len();
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        let line = head.get(start..).unwrap_or_default();
        let line = String::from_utf8_lossy(line)
            .trim_end()
            .to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    while chunked {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
        let mut part = vec![0; size + 2];
        reader.read_exact(&mut part)?;
        body.extend_from_slice(part.get(..size).unwrap_or_default());
        chunked = size > 0;
    }
    Ok(Some(Arrival { head, body }))
}

fn contains(head: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(&head.to_ascii_lowercase(), word).is_some()
}

/// Sends a request below a path and waits for its answer: the status, or `None` when none came.
pub(super) fn send(
    addr: SocketAddr,
    below: &str,
    message: &Message,
) -> std::io::Result<Option<u16>> {
    let mut head = format!(
        "{} {below}{} HTTP/1.1\r\nhost: {addr}\r\n",
        message.method, message.target
    );
    for (name, value) in &message.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !message.body.is_empty() || !matches!(&*message.method, "GET" | "HEAD") {
        head.push_str(&format!("content-length: {}\r\n", message.body.len()));
    }
    head.push_str("connection: close\r\n\r\n");
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut all = head.into_bytes();
    all.extend_from_slice(&message.body);
    // A refusal may come, and the connection end, before all is written.
    let _ = stream.write_all(&all);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let status = answer
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| std::str::from_utf8(digits).ok());
    Ok(status.and_then(|digits| digits.parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_written_down_before_it_is_answered() {
        let recorder = Recorder::start().unwrap();
        let message = Message {
            method: "POST".into(),
            target: "/track?a=b".into(),
            headers: vec![("x-a".into(), "b".into())],
            body: b"body".to_vec(),
        };
        assert_eq!(send(recorder.addr, "", &message).unwrap(), Some(200));
        let [arrival] = &recorder.take()[..] else {
            panic!("not one arrival");
        };
        assert!(arrival.head.starts_with(b"POST /track?a=b HTTP/1.1\r\n"));
        assert_eq!(arrival.body, b"body");
        assert!(recorder.take().is_empty());
    }
}

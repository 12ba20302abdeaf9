//! HTTP/2 by hand: frames as bytes, for what no library would send.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "each test binary uses a part of it, and tests may unwrap"
)]

use std::io::Read;
use std::net::SocketAddr;

use super::Client;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame of HTTP/2.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Header fields, each spelled out and none kept in the table.
pub fn fields(all: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in all {
        block.push(0);
        for text in [name, value] {
            let length = u8::try_from(text.len()).ok().filter(|n| *n < 127);
            block.push(length.expect("a short text"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// The fields of a request.
pub fn request(method: &str, path: &str) -> Vec<u8> {
    fields(&[
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "gate"),
    ])
}

/// The client's beginning, with settings.
pub fn preface(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in settings {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    let mut all = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    all.extend(frame(SETTINGS, 0, 0, &payload));
    all
}

/// A client that has said its preface.
pub fn connect(addr: SocketAddr, settings: &[(u16, u32)]) -> Client {
    let mut client = Client::new(addr);
    client.send(preface(settings));
    client
}

/// A frame that came.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// The next frame; `None` when the connection has ended.
pub fn next(client: &mut Client) -> Option<Frame> {
    let mut head = [0u8; 9];
    client.stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).unwrap()];
    client.stream.read_exact(&mut payload).ok()?;
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & 0x7fff_ffff;
    Some(Frame {
        kind: head[3],
        flags: head[4],
        stream,
        payload,
    })
}

/// All frames until the connection ends; pings and settings are answered.
pub fn until_the_end(client: &mut Client) -> Vec<Frame> {
    let mut all = Vec::new();
    while let Some(found) = next(client) {
        match (found.kind, found.flags & ACK) {
            (PING, 0) => client.send(frame(PING, ACK, 0, &found.payload)),
            (SETTINGS, 0) => client.send(frame(SETTINGS, ACK, 0, &[])),
            _ => {}
        }
        all.push(found);
    }
    all
}

/// All frames until the first stream is answered or reset, or the connection ends.
pub fn until_answered(client: &mut Client) -> Vec<Frame> {
    let mut all = Vec::new();
    while let Some(found) = next(client) {
        let end = match found.kind {
            GOAWAY => true,
            RST_STREAM => found.stream == 1,
            HEADERS | DATA => found.stream == 1 && found.flags & END_STREAM != 0,
            _ => false,
        };
        all.push(found);
        if end {
            break;
        }
    }
    all
}

/// The status of a stream's answer: the field's literal or its place in the static table.
pub fn status_of(frames: &[Frame], stream: u32) -> Option<u16> {
    let head = frames
        .iter()
        .find(|f| f.kind == HEADERS && f.stream == stream)?;
    match head.payload.first()? {
        indexed @ 0x88..=0x8e => {
            Some([200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)])
        }
        // A literal with the name `:status`, plain or by Huffman's code.
        _ => {
            let (length, text) = head.payload.get(1..).and_then(<[u8]>::split_first)?;
            let text = text.get(..usize::from(length & 0x7f))?;
            if length & 0x80 == 0 {
                return std::str::from_utf8(text).ok()?.parse().ok();
            }
            digits(text)
        }
    }
}

/// Three digits in HPACK's Huffman code: `0`, `1`, `2` have five bits, the others six.
fn digits(coded: &[u8]) -> Option<u16> {
    let bits = coded
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1));
    let bits: Vec<u8> = bits.collect();
    let take = |from: usize, count: usize| {
        let all = bits.get(from..from + count)?;
        Some(all.iter().fold(0u16, |sum, bit| sum << 1 | u16::from(*bit)))
    };
    let (mut at, mut sum) = (0, 0);
    for _ in 0..3 {
        let short = take(at, 5)?;
        let (digit, used) = match short {
            0..=2 => (short, 5),
            _ => (take(at, 6)?.checked_sub(0x19)? + 3, 6),
        };
        (sum, at) = (sum * 10 + digit, at + used);
    }
    Some(sum)
}

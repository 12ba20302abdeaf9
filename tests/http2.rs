//! HTTP/2 under attack, frame by frame: floods, stalls, bombs, and requests that no library would send.
//! Where hyper and h2 hold the line, this shows it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a panic is a failed test"
)]

mod door_support;

use std::time::{Duration, Instant};

use door_support::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, connect, fields, frame, next, request, status_of, until_answered, until_the_end,
};
use door_support::{Client, Gate, gate, good, post, status, upstream};

const INITIAL_WINDOW: u16 = 4;

fn others_are_served(gate: &Gate) {
    let mut other = Client::new(gate.addr);
    other.send(post("{}"));
    assert_eq!(status(&other.answer()), 200);
}

fn nobody_is_left(gate: &Gate) {
    while gate.live.connections() > 0 {
        std::thread::yield_now();
    }
}

/// A gateway for its script, of a megabyte.
fn scripts(body_timeout: Duration) -> (Gate, door_support::Upstream) {
    let up = upstream(|_, peer| {
        while peer.request().is_some() {
            let body = "x".repeat(1 << 20);
            peer.write(&format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ));
        }
    });
    let gate = gate(&up.url, move |c| c.limits.body_timeout = body_timeout);
    (gate, up)
}

#[test]
fn who_takes_nothing_of_an_answer_is_cut_off() {
    let (gate, _up) = scripts(Duration::from_millis(400));
    let mut client = connect(gate.addr, &[(INITIAL_WINDOW, 0)]);
    let begun = Instant::now();
    let block = request("GET", "/acme/lib.js");
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    // A client that goes on asking, and answers each ping, is no better for it.
    let mut asking = client.stream.try_clone().unwrap();
    let more = std::thread::spawn(move || {
        for nth in 1..90 {
            let block = request("GET", "/acme/none");
            let asked = frame(HEADERS, END_HEADERS | END_STREAM, 2 * nth + 1, &block);
            if std::io::Write::write_all(&mut asking, &asked).is_err() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    });
    let frames = until_the_end(&mut client);
    assert_eq!(status_of(&frames, 1), Some(200));
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    drop(client);
    more.join().unwrap();
    nobody_is_left(&gate);
    others_are_served(&gate);
}

#[test]
fn who_takes_an_answer_in_drops_is_cut_off_as_well() {
    // Ten times the time for a pause is the time for all of it.
    let (gate, _up) = scripts(Duration::from_millis(100));
    let mut client = connect(gate.addr, &[(INITIAL_WINDOW, 1)]);
    let block = request("GET", "/acme/lib.js");
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    let begun = Instant::now();
    while let Some(came) = next(&mut client) {
        if came.kind == DATA {
            client.send(frame(WINDOW_UPDATE, 0, 1, &1u32.to_be_bytes()));
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    nobody_is_left(&gate);
}

#[test]
fn a_slow_reader_that_goes_on_reading_gets_all() {
    let (gate, _up) = scripts(Duration::from_millis(800));
    let mut client = connect(gate.addr, &[(INITIAL_WINDOW, 64 << 10)]);
    client.send(frame(WINDOW_UPDATE, 0, 0, &(1u32 << 24).to_be_bytes()));
    let block = request("GET", "/acme/lib.js");
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    let mut got = 0;
    while let Some(came) = next(&mut client) {
        if came.kind != DATA {
            continue;
        }
        got += came.payload.len();
        if came.flags & END_STREAM != 0 {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(20));
        let length = u32::try_from(came.payload.len()).unwrap();
        client.send(frame(WINDOW_UPDATE, 0, 1, &length.to_be_bytes()));
    }
    assert_eq!(got, 1 << 20);
}

#[test]
fn floods_of_frames_end_their_connection_only() {
    let up = good();
    let gate = gate(&up.url, |c| {
        c.limits.header_timeout = Duration::from_millis(500)
    });
    let preface = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
    ]
    .concat();
    // :method POST, :scheme http, :path /, :authority g
    let block = [0x83, 0x86, 0x84, 0x41, 1, b'g'];
    let resets = |from: u32| {
        (from..from + 2000).flat_map(move |n| {
            let stream = 2 * n + 1;
            [
                frame(1, 4, stream, &block),
                frame(3, 0, stream, &[0, 0, 0, 8]),
            ]
            .concat()
        })
    };
    let continuation = [
        frame(1, 0, 1, &block),
        std::iter::repeat_n(frame(9, 0, 1, &[0x40; 1000]), 200)
            .flatten()
            .collect(),
    ]
    .concat();
    let floods = [
        resets(0).collect(),
        continuation,
        frame(4, 0, 0, &[]).repeat(20_000),
    ];
    for flood in floods {
        let mut client = Client::new(gate.addr);
        client.send(&preface);
        client.send(flood);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        client.rest();
        let mut other = Client::new(gate.addr);
        other.send(post("{}"));
        assert_eq!(status(&other.answer()), 200);
    }
    while gate.live.connections() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn provoked_resets_count_as_well() {
    // MadeYouReset (CVE-2025-8671): the peer breaks the rules of a stream, so that the server resets it.
    let up = good();
    let gate = gate(&up.url, |_| {});
    let breaches: [fn(u32) -> Vec<u8>; 3] = [
        // A window of nothing more, one beyond the largest, and data after the end.
        |stream| frame(WINDOW_UPDATE, 0, stream, &[0; 4]),
        |stream| frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffffu32.to_be_bytes()),
        |stream| frame(DATA, 0, stream, b"late"),
    ];
    for (nth, breach) in breaches.iter().enumerate() {
        let mut client = connect(gate.addr, &[]);
        let block = request("POST", "/acme/track");
        for at in 0..4000 {
            let stream = 2 * at + 1;
            // Data after the end needs an end.
            let flags = END_HEADERS | if nth == 2 { END_STREAM } else { 0 };
            client.send(frame(HEADERS, flags, stream, &block));
            client.send(breach(stream));
        }
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        let frames = until_the_end(&mut client);
        let resets = frames.iter().filter(|f| f.kind == RST_STREAM).count();
        let told = frames.iter().any(|f| f.kind == GOAWAY);
        assert!(told && resets <= 200, "{nth}: {resets} resets");
        others_are_served(&gate);
    }
    nobody_is_left(&gate);
    assert_eq!(up.seen.try_iter().count(), 3, "nothing of it was delivered");
}

#[test]
fn bombs_of_header_fields_are_refused() {
    let up = good();
    let gate = gate(&up.url, |_| {});
    // One field of 4000 bytes is put into the table, then named again and again: each a byte.
    let mut block = request("POST", "/acme/track");
    block.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    block.extend([b'y'; 4000]);
    block.extend(std::iter::repeat_n(0xbe, 10_000));
    assert!(block.len() < 16384);
    let mut client = connect(gate.addr, &[]);
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    let frames = until_answered(&mut client);
    let refused = matches!(status_of(&frames, 1), Some(431))
        || frames.iter().any(|f| matches!(f.kind, RST_STREAM | GOAWAY));
    assert!(refused, "{frames:?}");
    others_are_served(&gate);
    // More fields than there may be, within the size.
    let mut block = request("GET", "/acme/lib.js");
    block.extend((0..101).flat_map(|_| fields(&[("a", "b")])));
    let mut client = connect(gate.addr, &[]);
    client.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    let frames = until_answered(&mut client);
    assert_eq!(status_of(&frames, 1), Some(431), "{frames:?}");
    assert_eq!(up.seen.try_iter().count(), 1);
}

#[test]
fn control_frames_and_empty_ones_cost_their_sender() {
    let up = good();
    let gate = gate(&up.url, |c| {
        c.limits.header_timeout = Duration::from_millis(500);
        c.limits.body_timeout = Duration::from_millis(500);
    });
    let open = frame(HEADERS, END_HEADERS, 1, &request("POST", "/acme/track"));
    for flood in [
        frame(PING, 0, 0, &[7; 8]).repeat(50_000),
        frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]).repeat(20_000),
        [open.clone(), frame(DATA, 0, 1, &[]).repeat(50_000)].concat(),
        [
            open.clone(),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).repeat(50_000),
        ]
        .concat(),
        // Unknown kinds, priorities of streams that are not there.
        frame(0x77, 0, 0, b"what").repeat(50_000),
        frame(2, 0, 99, &[0, 0, 0, 0, 16]).repeat(50_000),
        // Headers that never end, byte by byte.
        [
            frame(HEADERS, 0, 1, &request("POST", "/acme/track")),
            frame(CONTINUATION, 0, 1, &[]).repeat(50_000),
        ]
        .concat(),
    ] {
        let mut client = connect(gate.addr, &[]);
        let mut writer = client.stream.try_clone().unwrap();
        // Nothing is read while it is written, as a flood does.
        let flooding = std::thread::spawn(move || {
            let _ = std::io::Write::write_all(&mut writer, &flood);
            let _ = writer.shutdown(std::net::Shutdown::Write);
        });
        others_are_served(&gate);
        until_the_end(&mut client);
        flooding.join().unwrap();
        others_are_served(&gate);
    }
    nobody_is_left(&gate);
    assert!(up.seen.try_iter().all(|request| request.ends_with("{}")));
}

#[test]
fn so_many_streams_at_once_and_no_more() {
    let (send, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let up = upstream(move |_, peer| {
        while peer.request().is_some() {
            let _ = wait.lock().unwrap().recv();
            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = connect(gate.addr, &[]);
    let block = request("GET", "/acme/lib.js");
    for at in 0..130 {
        let flags = END_HEADERS | END_STREAM;
        client.send(frame(HEADERS, flags, 2 * at + 1, &block));
    }
    let mut refused = 0;
    while refused < 30 {
        let came = next(&mut client).expect("the connection stays");
        refused += usize::from(came.kind == RST_STREAM);
    }
    drop(send);
    let mut answered = 0;
    while answered < 100 {
        let came = next(&mut client).expect("the connection stays");
        answered += usize::from(came.kind == HEADERS);
    }
    assert_eq!(up.seen.try_iter().count(), 100);
}

#[test]
fn what_no_library_sends_is_refused() {
    let up = good();
    let gate = gate(&up.url, |_| {});
    let target = |more: &[(&str, &str)]| {
        let mut all = vec![
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/acme/track"),
            (":authority", "gate"),
        ];
        all.extend(more);
        fields(&all)
    };
    for (what, block) in [
        ("an upper-case name", target(&[("X-Up", "a")])),
        ("a line break in a value", target(&[("x", "a\r\nb: c")])),
        ("a NUL in a value", target(&[("x", "a\0b")])),
        ("a blank in a name", target(&[("x y", "a")])),
        ("a colon in a name", target(&[("x:y", "a")])),
        ("connection", target(&[("connection", "close")])),
        (
            "transfer-encoding",
            target(&[("transfer-encoding", "chunked")]),
        ),
        ("upgrade", target(&[("upgrade", "websocket")])),
        ("te", target(&[("te", "gzip")])),
        ("keep-alive", target(&[("keep-alive", "1")])),
        ("proxy-connection", target(&[("proxy-connection", "close")])),
        (
            "a pseudo field after others",
            target(&[("x", "y"), (":path", "/acme/post")]),
        ),
        ("two paths", target(&[(":path", "/acme/post")])),
        ("an unknown pseudo field", target(&[(":x", "y")])),
        ("a status", target(&[(":status", "200")])),
        ("an unasked protocol", target(&[(":protocol", "websocket")])),
        (
            "a length that is another",
            target(&[("content-length", "3")]),
        ),
        (
            "two lengths",
            target(&[("content-length", "2"), ("content-length", "2")]),
        ),
        ("a signed length", target(&[("content-length", "+2")])),
        ("two hosts", target(&[("host", "other")])),
        (
            "no method",
            fields(&[
                (":scheme", "http"),
                (":path", "/acme/track"),
                (":authority", "gate"),
            ]),
        ),
        (
            "no path",
            fields(&[
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "gate"),
            ]),
        ),
        (
            "an empty path",
            fields(&[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", ""),
                (":authority", "gate"),
            ]),
        ),
        (
            "a path without a slash",
            fields(&[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "acme/track"),
                (":authority", "gate"),
            ]),
        ),
        (
            "an absolute path",
            fields(&[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "http://gate/acme/track"),
                (":authority", "gate"),
            ]),
        ),
        (
            "a blank in the path",
            fields(&[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "/acme/track /x"),
                (":authority", "gate"),
            ]),
        ),
        (
            "no authority",
            fields(&[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "/acme/track"),
            ]),
        ),
        (
            "a user in the authority",
            fields(&[
                (":method", "POST"),
                (":scheme", "http"),
                (":path", "/acme/track"),
                (":authority", "me@gate"),
            ]),
        ),
        (
            "a connect",
            fields(&[(":method", "CONNECT"), (":authority", "gate:443")]),
        ),
        (
            "a connect with a path",
            fields(&[
                (":method", "CONNECT"),
                (":scheme", "https"),
                (":path", "/acme/track"),
                (":authority", "gate"),
            ]),
        ),
        (
            "an extended connect",
            fields(&[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "https"),
                (":path", "/acme/track"),
                (":authority", "gate"),
            ]),
        ),
        (
            "a blank in the method",
            fields(&[
                (":method", "POST x"),
                (":scheme", "http"),
                (":path", "/acme/track"),
                (":authority", "gate"),
            ]),
        ),
    ] {
        let mut client = connect(gate.addr, &[]);
        client.send(frame(HEADERS, END_HEADERS, 1, &block));
        client.send(frame(DATA, END_STREAM, 1, b"{}"));
        let frames = until_answered(&mut client);
        let answer = status_of(&frames, 1);
        let reset = frames
            .iter()
            .any(|f| matches!(f.kind, RST_STREAM | GOAWAY) && f.payload.last() != Some(&0));
        assert!(
            matches!(answer, Some(400 | 405)) || (answer.is_none() && reset),
            "{what}: {answer:?} {frames:?}"
        );
        let reached: Vec<String> = up.seen.try_iter().collect();
        assert!(reached.is_empty(), "{what}: {reached:?}");
    }
    // The same without any of it is served.
    let mut client = connect(gate.addr, &[]);
    client.send(frame(
        HEADERS,
        END_HEADERS,
        1,
        &target(&[("content-length", "2"), ("te", "trailers")]),
    ));
    client.send(frame(DATA, END_STREAM, 1, b"{}"));
    client.send(frame(SETTINGS, ACK, 0, &[]));
    assert_eq!(status_of(&until_answered(&mut client), 1), Some(200));
    up.seen.recv().unwrap();
    // A fragment is cut off by the library before it is seen: nothing of it leaves.
    let mut client = connect(gate.addr, &[]);
    let block = request("POST", "/acme/track#jane.roe");
    client.send(frame(HEADERS, END_HEADERS, 1, &block));
    client.send(frame(DATA, END_STREAM, 1, b"{}"));
    assert_eq!(status_of(&until_answered(&mut client), 1), Some(200));
    assert!(!up.seen.recv().unwrap().contains("jane"));
}

//! The gateway as a whole: what reaches the vendor, what comes back, and what happens when the
//! vendor, the files or the server itself fail.

#![allow(
    clippy::expect_used,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    clippy::useless_format,
    reason = "a panic is a failed test, and a table of cases is long"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may unwrap"
)]

mod door_support;

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use door_support::{Client, gate, gate_with, generation, good, post, status, upstream};
use tamis::config::Config;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn only_what_is_allowed_goes_and_comes() {
    let up = upstream(|_, peer| {
        while peer.request().is_some() {
            peer.write(
                "HTTP/1.1 200 Fine\r\nServer: x\r\nSet-Cookie: id=1\r\nETag: \"1\"\r\nLink: <a>\r\n\
                 Content-Type: application/json\r\nX-Rate: 7\r\nAlt-Svc: h3\r\nNEL: {}\r\n\
                 Access-Control-Allow-Origin: *\r\nVia: v\r\nRetry-After: 3\r\n\
                 Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx: y\r\n\r\n",
            );
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    client.send(
        "POST /acme/track?a=b HTTP/1.1\r\nHost: gate\r\nCookie: id=1\r\nReferer: http://r/\r\n\
         Origin: https://shop.example\r\nUser-Agent: canary\r\nX-Forwarded-For: 1.2.3.4\r\n\
         Via: 1.1 me\r\nTraceparent: t\r\nProxy: p\r\nConnection: x-a\r\nX-A: b\r\nTE: trailers\r\n\
         Upgrade: h2c\r\nIf-None-Match: \"1\"\r\nX-HTTP-Method-Override: DELETE\r\n\
         Content-Length: 2\r\n\r\n{}",
    );
    let answer = client.answer();
    let sent = up.seen.recv().unwrap();
    let head = sent.to_ascii_lowercase();
    assert!(sent.starts_with("POST /track?a=b HTTP/1.1\r\n"), "{sent}");
    for bad in [
        "cookie",
        "referer",
        "origin",
        "canary",
        "forwarded",
        "via",
        "traceparent",
        "proxy",
        "x-a",
        "te:",
        "upgrade",
        "if-none-match",
        "override",
        "gate",
        "connection",
    ] {
        assert!(!head.contains(bad), "{bad} in {sent}");
    }
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("{}"));
    for good in [
        "content-type: application/json",
        "x-rate: 7",
        "retry-after: 3",
        "access-control-allow-origin: https://shop.example",
        "access-control-allow-credentials: true",
        "content-length: 2",
    ] {
        assert!(answer.contains(good), "{good} in {answer}");
    }
    for bad in [
        "server", "cookie", "etag", "link", "alt-svc", "nel", "via", ": *", "chunked", "x: y",
    ] {
        assert!(
            !answer.to_ascii_lowercase().contains(bad),
            "{bad} in {answer}"
        );
    }
}

#[test]
fn cors_is_answered_here() {
    let up = good();
    let gate = gate(&up.url, |c| {
        c.gateway.allowed_origins = vec!["https://shop.example".into()]
    });
    let mut client = Client::new(gate.addr);
    let ask = |origin: &str, path: &str| {
        format!(
            "OPTIONS {path} HTTP/1.1\r\nhost: g\r\norigin: {origin}\r\naccess-control-request-method: POST\r\naccess-control-request-headers: content-type,x-y\r\n\r\n"
        )
    };
    client.send(ask("https://shop.example", "/acme/track"));
    let answer = client.answer();
    assert_eq!(status(&answer), 204);
    assert!(
        answer.contains("access-control-allow-headers: content-type,x-y"),
        "{answer}"
    );
    assert!(!answer.contains("content-length"), "{answer}");
    client.send(ask("https://shop.example", "/acme/none"));
    let answer = client.answer();
    assert!(status(&answer) == 404 && answer.contains("access-control-allow-origin: https://shop"));
    client.send("POST /acme/none HTTP/1.1\r\nhost: g\r\norigin: https://shop.example\r\ncontent-length: 0\r\n\r\n");
    let answer = client.rest();
    assert!(status(&answer) == 404 && answer.contains("access-control-allow-origin: https://shop"));
    let mut client = Client::new(gate.addr);
    client.send(ask("https://evil.example", "/acme/track"));
    let answer = client.answer();
    assert_eq!(status(&answer), 403);
    assert!(
        !answer.contains("access-control") && !answer.contains("evil"),
        "{answer}"
    );
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn faults_of_the_vendor_are_5xx_and_never_sent_twice() {
    type Script = fn(&mut door_support::Peer);
    let cases: &[(u16, Script)] = &[
        (502, |_| {}),
        (502, |p| {
            p.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
        }),
        (502, |p| {
            p.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab")
        }),
        (502, |p| p.write("220 mail.example ESMTP\r\n\r\n")),
        (502, |p| p.write("HTTP/1.1 200 OK\ncontent-length: 0\n\n")),
        (502, |p| {
            p.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok")
        }),
        (502, |p| {
            p.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok")
        }),
        (502, |p| {
            p.write("HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n")
        }),
        (502, |p| {
            p.write("HTTP/1.1 302 Found\r\nlocation: http://a/\r\ncontent-length: 0\r\n\r\n")
        }),
        (502, |p| p.write("HTTP/2 200\r\n\r\n")),
        (502, |p| {
            p.write(&format!(
                "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n",
                "a".repeat(70_000)
            ))
        }),
        (502, |p| {
            p.write("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")
        }),
        (504, |p| {
            p.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab");
            // Holds the connection open until the gateway gives up.
            let _ = p.request();
        }),
        (504, |p| {
            let _ = p.request();
        }),
        (200, |p| {
            p.write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        }),
        (200, |p| p.write("HTTP/1.0 200 OK\r\n\r\nold")),
        (429, |p| {
            p.write("HTTP/1.1 429 Slow down\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n")
        }),
        (503, |p| {
            p.write("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")
        }),
        (204, |p| p.write("HTTP/1.1 204 No Content\r\n\r\n")),
    ];
    for (at, (want, script)) in cases.iter().enumerate() {
        let script = *script;
        let up = upstream(move |_, peer| {
            if peer.request().is_some() {
                script(peer);
            }
        });
        let gate = gate(&up.url, |c| {
            c.limits.upstream_timeout = Duration::from_millis(300)
        });
        let mut client = Client::new(gate.addr);
        client.send(post("{}"));
        let answer = client.answer();
        assert_eq!(status(&answer), *want, "case {at}: {answer}");
        if *want == 502 || *want == 504 {
            assert!(
                answer.contains("application/problem+json"),
                "case {at}: {answer}"
            );
        }
        assert!(up.seen.recv().is_ok());
        assert!(up.seen.try_recv().is_err(), "case {at}: sent once");
        // The client's connection goes on.
        client.send("GET /acme/none HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(status(&client.answer()), 404, "case {at}");
    }
}

#[test]
fn a_refused_connection_is_502() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let gate = gate(&url, |_| {});
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 502);
}

#[test]
fn connections_are_reused_only_when_clean() {
    let up = upstream(|nth, peer| match nth {
        // Kept for two requests, then closed after an answer.
        0 => {
            for _ in 0..2 {
                peer.request();
                peer.write(OK);
            }
            peer.request();
            peer.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
        }
        // Bytes that nobody asked for.
        1 => {
            peer.request();
            peer.write(&format!(
                "{OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nPOISON"
            ));
            peer.request();
        }
        // A body where there is none: it comes when the next request does.
        2 => {
            peer.request();
            peer.write("HTTP/1.1 204 No Content\r\ncontent-length: 44\r\n\r\n");
            peer.request();
            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nPOISON");
        }
        _ => {
            while peer.request().is_some() {
                peer.write(OK);
            }
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    for nth in 0..7 {
        client.send(post("{}"));
        let answer = client.answer();
        if nth == 4 {
            assert_eq!(status(&answer), 204, "{answer}");
        } else {
            assert!(status(&answer) == 200 && answer.ends_with("ok"), "{answer}");
        }
    }
    assert_eq!(up.seen.try_iter().count(), 7);
}

#[test]
fn a_kept_connection_that_died_idle_is_replaced() {
    let (closed, wait) = std::sync::mpsc::channel();
    let closed = Mutex::new(closed);
    let up = upstream(move |nth, peer| {
        peer.request();
        peer.write(OK);
        if nth == 0 {
            let _ = peer.stream.shutdown(std::net::Shutdown::Both);
            closed.lock().unwrap().send(()).unwrap();
        } else {
            peer.request();
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
    wait.recv().unwrap();
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
    assert_eq!(up.seen.try_iter().count(), 2);
}

#[test]
fn assets_keep_their_validators_and_head_has_no_body() {
    let up = upstream(|_, peer| {
        while let Some(request) = peer.request() {
            let body = if request.starts_with("HEAD") {
                ""
            } else {
                "js()"
            };
            peer.write(&format!(
                "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 4\r\n\r\n{body}"
            ));
        }
    });
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    client.send(
        "HEAD /acme/lib.js HTTP/1.1\r\nhost: a\r\n\r\nGET /acme/lib.js HTTP/1.1\r\nhost: a\r\n\r\n",
    );
    let head = door_support::message(&mut client.stream, &mut client.buf, true).unwrap();
    assert!(status(&head) == 200 && head.contains("etag"), "{head}");
    assert!(client.answer().ends_with("js()"));
}

#[test]
fn routes_by_host_and_prefix_and_base_path() {
    let up = good();
    let base = format!("{}/base/v2", up.url);
    let gate = gate("http://127.0.0.1:1", move |c| {
        let route = |path: Option<&str>, host: Option<&str>, body| tamis::config::Route {
            vendor: "acme".into(),
            path: path.map(Into::into),
            host: host.map(Into::into),
            upstream: Some(base.clone()),
            projects: Vec::new(),
            headers: Vec::new(),
            body,
        };
        c.routes = vec![
            route(Some("/a/b"), None, Some(4)),
            route(None, Some("mp.example"), None),
        ];
    });
    let mut client = Client::new(gate.addr);
    client.send("POST /a/b/track?x=1 HTTP/1.1\r\nhost: g\r\ncontent-length: 2\r\n\r\n{}");
    assert_eq!(status(&client.answer()), 200);
    assert!(
        up.seen
            .recv()
            .unwrap()
            .starts_with("POST /base/v2/track?x=1 ")
    );
    client.send("POST /track HTTP/1.1\r\nhost: MP.example:80\r\ncontent-length: 2\r\n\r\n{}");
    assert_eq!(status(&client.answer()), 200);
    assert!(up.seen.recv().unwrap().starts_with("POST /base/v2/track "));
    client.send("GET /acme/track HTTP/1.1\r\nhost: g\r\n\r\n");
    assert_eq!(status(&client.answer()), 404);
    client.send("POST /a/b/track HTTP/1.1\r\nhost: g\r\ncontent-length: 5\r\n\r\n");
    assert_eq!(status(&client.answer()), 413);
}

#[test]
fn the_upstream_of_the_command_line_goes_before_all() {
    let up = good();
    let url = up.url.clone();
    let gate = gate("https://127.0.0.1:1", move |c| {
        c.upstream_overrides = vec![("acme".into(), url.clone())];
    });
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
}

#[test]
fn a_trusted_peer_may_speak_the_proxy_protocol() {
    let up = good();
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\x0a\0\0\x01\0\x01\0\x02";
    let send = |trusted: bool, header: &[u8]| {
        let gate = gate(&up.url, move |c| {
            c.gateway.trusted_proxies = if trusted {
                vec!["127.0.0.0/8".parse().unwrap()]
            } else {
                Vec::new()
            };
        });
        let mut client = Client::new(gate.addr);
        client.send([header, post("{}").as_bytes()].concat());
        status(&client.answer())
    };
    assert_eq!(send(true, header), 200);
    assert_eq!(send(true, b""), 200);
    assert_eq!(send(true, &header[..14]), 0);
    assert_eq!(send(false, header), 400);
}

#[test]
fn large_bodies_go_through_whole() {
    let up = good();
    let gate = gate(&up.url, |_| {});
    let body = format!("{{\"a\":\"{}\"}}", "x ".repeat(1_500_000));
    let mut client = Client::new(gate.addr);
    client.send(post(&body));
    assert_eq!(status(&client.answer()), 200);
    assert!(up.seen.recv().unwrap().ends_with(&body));
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
}

#[test]
fn what_cannot_be_decoded_is_not_forwarded_nor_quoted() {
    let up = good();
    let gate = gate(&up.url, |_| {});
    let mut client = Client::new(gate.addr);
    client.send(post("{\"email\":\"canary@example.com\""));
    let answer = client.answer();
    assert_eq!(status(&answer), 400);
    assert!(
        !answer.contains("canary") && answer.contains("request_id"),
        "{answer}"
    );
    client.send("POST /acme/track HTTP/1.1\r\nhost: a\r\ncontent-encoding: lzma\r\ncontent-length: 2\r\n\r\n{}");
    assert_eq!(status(&client.answer()), 415);
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn a_reload_takes_effect_or_leaves_all_as_it_was() {
    let (one, two) = (good(), good());
    let (good_now, calls) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (flag, count) = (Arc::clone(&good_now), Arc::clone(&calls));
    let urls = [one.url.clone(), two.url.clone()];
    let gate = gate_with(Box::new(move || {
        if !flag.load(Ordering::Relaxed) {
            return Err("policy.toml:3:1: error[unknown-key]: no".into());
        }
        let mut config = Config::default();
        config.gateway.listen = vec!["127.0.0.1:0".parse().unwrap()];
        let nth = count.fetch_add(1, Ordering::Relaxed);
        Ok(generation(config, &urls[nth.min(1)]))
    }));
    let mut client = Client::new(gate.addr);
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
    assert!(one.seen.try_recv().is_ok());
    good_now.store(false, Ordering::Relaxed);
    assert!(gate.live.reload("test").is_err());
    assert!(gate.live.last_error().unwrap().contains("unknown-key"));
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
    assert!(one.seen.try_recv().is_ok());
    good_now.store(true, Ordering::Relaxed);
    gate.live.reload("test").unwrap();
    assert!(gate.live.last_error().is_none());
    client.send(post("{}"));
    assert_eq!(status(&client.answer()), 200);
    assert!(two.seen.try_recv().is_ok() && one.seen.try_recv().is_err());
}

#[test]
fn a_drain_ends_idle_connections_and_finishes_the_others() {
    let (arrived_send, arrived) = std::sync::mpsc::channel();
    let (go, went) = std::sync::mpsc::channel::<()>();
    let (arrived_send, went) = (Mutex::new(arrived_send), Mutex::new(went));
    let up = upstream(move |_, peer| {
        peer.request();
        arrived_send.lock().unwrap().send(()).unwrap();
        went.lock().unwrap().recv().unwrap();
        peer.write(OK);
        peer.request();
    });
    let mut gate = gate(&up.url, |_| {});
    let mut idle = Client::new(gate.addr);
    idle.send("GET /acme/none HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(status(&idle.answer()), 404);
    let mut busy = Client::new(gate.addr);
    busy.send(post("{}"));
    arrived.recv().unwrap();
    let handle = gate.handle.take().unwrap();
    handle.shutdown();
    assert_eq!(idle.rest(), "");
    drop(idle);
    go.send(()).unwrap();
    let answer = busy.rest();
    assert!(
        status(&answer) == 200 && answer.contains("connection: close"),
        "{answer}"
    );
    drop(busy);
    assert_eq!(handle.join(), 0);
    assert!(std::net::TcpStream::connect(gate.addr).is_err());
}

#[test]
fn a_client_that_hangs_up_leaves_nothing_behind() {
    let up = good();
    let gate = gate(&up.url, |_| {});
    for _ in 0..20 {
        let mut client = Client::new(gate.addr);
        client
            .send("POST /acme/track HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{\"half\":");
        client.stream.flush().unwrap();
    }
    while gate.live.connections() > 0 {
        std::thread::yield_now();
    }
    assert!(up.seen.try_recv().is_err());
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let up = upstream(|_, peer| {
        while peer.request().is_some() {
            let body = "x".repeat(4 << 20);
            peer.write(&format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                4 << 20
            ));
        }
    });
    let gate = gate(&up.url, |c| {
        c.limits.body_timeout = Duration::from_millis(200)
    });
    let mut client = Client::new(gate.addr);
    for _ in 0..4 {
        client.send(post("{}"));
    }
    up.seen.recv().unwrap();
    while gate.live.connections() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_body_that_drips_is_refused_in_time() {
    let up = good();
    let gate = gate(&up.url, |c| {
        c.limits.body_timeout = Duration::from_millis(300)
    });
    let mut client = Client::new(gate.addr);
    client.send("POST /acme/track HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\n");
    let mut writer = client.stream.try_clone().unwrap();
    let dripping = std::thread::spawn(move || while writer.write_all(b" ").is_ok() {});
    assert_eq!(status(&client.answer()), 408);
    drop(client);
    dripping.join().unwrap();
    assert!(up.seen.try_recv().is_err());
}

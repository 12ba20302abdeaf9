//! As a service: word to a service manager (`NOTIFY_SOCKET`), sockets handed over (`LISTEN_FDS`), signals.
//! `tests/systemd.py` shows the same with systemd and the units of `packaging/`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

mod door_support;

use std::fs::{read_to_string, write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use door_support::{Client, good, post, status};
use rustix::process::{Pid, Signal, kill_process};

/// A service that was handed two sockets; killed with the test.
struct Service {
    child: Child,
    notify: UnixDatagram,
    _folder: tempfile::TempDir,
    config: std::path::PathBuf,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// The next word; panics when none comes.
    fn word(&self) -> String {
        let mut buf = [0; 4096];
        let length = self.notify.recv(&mut buf).expect("a word in time");
        String::from_utf8(buf[..length].to_vec()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

/// What a shell does in place of systemd: descriptors from 3 on, and the process's own number. And a low
/// limit of open files, and cores as large as it may allow.
const HAND_OVER: &str = "ulimit -S -n 512; ulimit -S -c $(ulimit -H -c); \
    exec 3<&0 4<&1 </dev/null >/dev/null; LISTEN_PID=$$ exec \"$0\" \"$@\"";

fn config(upstream: &str, state: &Path, more: &str) -> String {
    format!(
        "state_dir = \"{}\"\n[gateway]\nlisten = \"127.0.0.1:1\"\n[admin]\nlisten = \"127.0.0.1:2\"\n[[route]]\nvendor = \"mixpanel\"\nupstream = \"{upstream}\"\n{more}",
        state.display()
    )
}

/// Ports 1 and 2 of the configuration are not to be opened: the sockets are handed over.
fn start(upstream: &str, gateway: TcpListener, admin: TcpListener) -> Service {
    let text = |state: &Path| config(upstream, state, "");
    start_with(&text, ["gateway", "admin"], gateway, admin)
}

fn start_with(
    text: &dyn Fn(&Path) -> String,
    names: [&str; 2],
    first: TcpListener,
    second: TcpListener,
) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tamis.toml");
    write(&file, text(folder.path())).unwrap();
    let socket = folder.path().join("notify");
    let notify = UnixDatagram::bind(&socket).unwrap();
    notify
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let child = Command::new("sh")
        .args([
            "-c",
            HAND_OVER,
            env!("CARGO_BIN_EXE_tamis"),
            "run",
            "--config",
        ])
        .arg(&file)
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", names.join(":"))
        .env("NOTIFY_SOCKET", &socket)
        .stdin(Stdio::from(OwnedFd::from(first)))
        .stdout(Stdio::from(OwnedFd::from(second)))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Service {
        child,
        notify,
        config: file,
        _folder: folder,
    }
}

fn track(client: &mut Client) -> u16 {
    let body = r#"[{"event":"e","properties":{"token":"t","distinct_id":"1"}}]"#;
    client.send(
        post(body)
            .replace("/acme/track", "/mixpanel/track")
            .replace("host: gate", "host: gate\r\ncontent-type: application/json"),
    );
    status(&client.answer())
}

#[test]
fn sockets_are_taken_over_and_every_step_is_told() {
    let up = good();
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [gateway, admin] = [0, 1].map(|at| sockets[at].local_addr().unwrap());
    // Asked before it runs: the kernel holds the connection until then.
    let mut early = Client::new(gateway);
    let [first, second] = sockets;
    let mut service = start(&up.url, first, second);
    assert_eq!(service.word(), "READY=1");
    assert_eq!(track(&mut early), 200);
    let ask = |path: &str| {
        let mut client = Client::new(admin);
        client.send(format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        ));
        status(&client.rest())
    };
    assert_eq!(ask("/readyz"), 200);

    // A reload that holds, and one that does not: both are told from beginning to end.
    let state = service.config.parent().unwrap().to_owned();
    for (text, told) in [
        (config(&up.url, &state, ""), "in force"),
        ("no = \"configuration\"\n".into(), "refused"),
        (config(&up.url, &state, ""), "in force"),
    ] {
        // Whole or not at all: the watch on files looks as well.
        let beside = state.join("beside");
        write(&beside, text).unwrap();
        std::fs::rename(&beside, &service.config).unwrap();
        service.signal(Signal::HUP);
        loop {
            let begun = service.word();
            let usec = begun.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            assert!(usec.parse::<u64>().unwrap() > 0, "{begun}");
            let done = service.word();
            assert!(done.starts_with("READY=1\nSTATUS="), "{done}");
            // Else it is the watch's word about the file before.
            if done.contains(told) {
                break;
            }
        }
        assert_eq!(track(&mut early), 200);
    }
    service.signal(Signal::TERM);
    loop {
        let word = service.word();
        if word == "STOPPING=1" {
            break;
        }
        assert!(
            word.starts_with("RELOADING=1") || word.starts_with("READY=1"),
            "{word}"
        );
    }
    assert!(service.child.wait().unwrap().success());
}

#[test]
fn descriptors_are_raised_and_no_core_is_left() {
    let up = good();
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [first, second] = sockets;
    let mut service = start(&up.url, first, second);
    assert_eq!(service.word(), "READY=1");
    // `RLIMIT_NOFILE` is raised to what is allowed.
    let limits = read_to_string(format!("/proc/{}/limits", service.child.id())).unwrap();
    let row = |name: &str| {
        let line = limits.lines().find_map(|l| l.strip_prefix(name));
        let words: Vec<_> = line.unwrap().split_whitespace().collect();
        [words[0].to_owned(), words[1].to_owned()]
    };
    let [soft, hard] = row("Max open files");
    assert_eq!(soft, hard, "{limits}");
    assert_eq!(row("Max core file size"), ["0", "0"], "{limits}");
    service.signal(Signal::ABORT);
    let ended = service.child.wait().unwrap();
    assert!(ended.signal().is_some() && !ended.core_dumped(), "{ended}");
}

#[test]
fn a_socket_that_was_handed_over_is_an_own_one() {
    // The forward proxy must not lead to the admin listener, wherever that was opened.
    let Ok(admin) = TcpListener::bind("127.0.0.1:443") else {
        let words =
            b"NOT RUN: a_socket_that_was_handed_over_is_an_own_one: port 443 cannot be had here\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), words);
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.toml");
    write(&ca, config("http://127.0.0.1:1", folder.path(), "")).unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_tamis"))
        .args(["ca", "new", "--config"])
        .arg(&ca)
        .output()
        .unwrap();
    assert!(made.status.success());
    let at = folder.path().join("ca");
    let forward = format!(
        "[forward]\nlisten = \"127.0.0.1:3\"\nother_hosts = \"tunnel\"\nprivate_networks = [\"127.0.0.0/8\", \"::1/128\"]\nca = {{ cert = \"{0}/ca.pem\", key = \"{0}/ca.key\" }}\n",
        at.display()
    );
    let text = |state: &Path| {
        config("http://127.0.0.1:1", state, &forward)
            .replace("listen = \"127.0.0.1:1\"", "listen = \"127.0.0.1:0\"")
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap();
    let service = start_with(&text, ["forward", "admin"], listener, admin);
    assert_eq!(service.word(), "READY=1");
    let mut client = Client::new(proxy);
    client.send("CONNECT localhost:443 HTTP/1.1\r\nhost: localhost:443\r\n\r\n");
    let answer = client.answer();
    assert_eq!(status(&answer), 403, "{answer}");
}

//! `tamis demo`: a stranger's first minute. The traffic of the 2025 incident goes to a fake vendor
//! twice, directly and through Tamis, and what the vendor then holds is shown side by side.
//!
//! The traffic is data (`config/demo/incident.json`); everything runs in this process on loopback.

use std::io::{IsTerminal, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use self::story::Story;
use self::vendor::FakeVendor;
use super::{Common, output, setup};
use crate::admin::Admin;
use crate::proxy::{Live, Server};

mod story;
mod vendor;

#[derive(Args)]
pub(super) struct Demo {
    /// The policy to show: a built-in one or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    policy: String,
    /// End at once instead of leaving the admin listener open
    #[arg(long)]
    exit: bool,
    #[command(flatten)]
    json: output::Json,
}

pub(super) fn main(args: &Demo) -> anyhow::Result<ExitCode> {
    let story = Story::load()?;
    let without = FakeVendor::start()?;
    let with = FakeVendor::start()?;
    let state = StateDir::new()?;
    let common = Common {
        policy: Some(args.policy.clone()),
        state_dir: Some(state.0.clone()),
        upstream: vec![format!("{}=http://{}", story.vendor, with.addr)],
        listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))],
        admin_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        config: None,
        shadow_policy: None,
    };
    let live = Live::start(Box::new(move || {
        setup::generation_with(&common, false).map_err(|error| format!("{error:#}").into())
    }))
    .map_err(|error| anyhow::anyhow!("{error}"))?;
    let server = Server::start(&live, 1).context("cannot start the gateway")?;
    let gateway = *server.addrs.first().context("the gateway has no address")?;
    for person in 0..story.people {
        for request in &story.requests(person) {
            post(without.addr, &request.path, &request.body)?;
            let path = format!("/{}{}", story.vendor, request.path);
            post(gateway, &path, &request.body)?;
        }
    }
    let sides = [story.look(&without.taken()), story.look(&with.taken())];
    if args.json.json {
        output::line(&format!("{:#}", story.to_json(&sides)));
    } else {
        story.print(&sides, &args.policy);
    }
    if !args.exit && std::io::stdout().is_terminal() {
        leave_open(&live, gateway)?;
    }
    server.shutdown();
    let _ = server.join();
    Ok(ExitCode::SUCCESS)
}

/// Keeps gateway and admin listener up until a signal.
fn leave_open(live: &Arc<Live>, gateway: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let admin = Admin::bind(live)?;
        output::line(&format!(
            "\nStill running: gateway http://{gateway}, metrics http://{}/metrics. Ctrl-C ends it.",
            admin.addr
        ));
        let end = tokio_util::sync::CancellationToken::new();
        let serving = tokio::task::spawn(admin.serve(end.clone()));
        tokio::signal::ctrl_c().await?;
        end.cancel();
        let _ = serving.await;
        anyhow::Ok(())
    })
}

/// One request as a browser's SDK sends it.
fn post(addr: SocketAddr, path: &str, body: &str) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(addr).context("cannot reach the demo's own server")?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let good = answer.starts_with(b"HTTP/1.1 200");
    anyhow::ensure!(good, "the demo's own server did not answer 200 to {path}");
    Ok(())
}

/// A state directory that goes with the demo.
struct StateDir(std::path::PathBuf);

impl StateDir {
    fn new() -> anyhow::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| anyhow::anyhow!("no random numbers"))?;
        let dir = std::env::temp_dir().join(format!("tamis-demo-{}", setup::hex(&random)));
        std::fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

//! `tamis healthcheck`: asks the admin listener, for containers without a shell.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{Common, output, setup};

#[derive(Args)]
pub(super) struct Healthcheck {
    #[command(flatten)]
    common: Common,
}

const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn main(args: &Healthcheck) -> anyhow::Result<ExitCode> {
    let mut addr = setup::config(&args.common)?.admin.listen;
    if addr.ip().is_unspecified() {
        addr.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    match ask(addr) {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => {
            output::note(&format!("{addr} answers, but not that it is healthy"));
            Ok(ExitCode::from(1))
        }
        Err(error) => {
            output::note(&format!("{addr}: {}", error.kind()));
            Ok(ExitCode::from(1))
        }
    }
}

fn ask(addr: std::net::SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(&head == b"HTTP/1.1 200")
}

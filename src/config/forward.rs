//! `[forward]`: the explicit forward proxy, off unless the table is there.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::Table;

use super::field::{empty, path, read_all, required_path};
use super::{TlsFiles, address};

/// `[forward]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// The local CA; `None`: the one in the state directory.
    pub ca: Option<TlsFiles>,
    /// What becomes of hosts that no catalog knows.
    pub other_hosts: OtherHosts,
    /// Who may use it, as `name:hash` lines; `None`: whoever reaches it.
    pub users_file: Option<PathBuf>,
    /// Networks of one's own in which hosts may stand although they are private.
    pub private_networks: Vec<ipnet::IpNet>,
}

/// What becomes of hosts that no catalog knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherHosts {
    /// 403.
    Refuse,
    /// Bytes are handed through unseen.
    Tunnel,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 3128))],
            ca: None,
            other_hosts: OtherHosts::Refuse,
            users_file: None,
            private_networks: Vec::new(),
        }
    }
}

/// Reads the table.
pub(super) fn forward(table: Table<'_>, d: &mut Diagnostics) -> Forward {
    let mut into = Forward {
        users_file: path(&table, "users_file", d),
        ..Forward::default()
    };
    if let Some(value) = table.value("listen") {
        let words = value.str_list(d);
        if value.as_str().is_none() && words.is_empty() {
            empty(
                &value,
                "leave `[forward]` out when there is to be no forward proxy",
                d,
            );
        }
        into.listen = read_all(&words, address::listen, d);
        if into.users_file.is_none() && into.listen.iter().any(|at| !at.ip().is_loopback()) {
            d.push(
                Diagnostic::warning(
                    "open-to-the-network",
                    "whoever reaches the forward proxy may use it",
                    value.span(),
                )
                .help("set `users_file`, or listen on `127.0.0.1`"),
            );
        }
    }
    into.ca = table.table("ca", d).and_then(|ca| {
        let cert = required_path(&ca, "cert", d);
        let key = required_path(&ca, "key", d);
        ca.finish(d);
        Some(TlsFiles {
            cert: cert?,
            key: key?,
        })
    });
    let options = [
        ("refuse", OtherHosts::Refuse),
        ("tunnel", OtherHosts::Tunnel),
    ];
    if let Some(chosen) = table.choice("other_hosts", &options, d) {
        into.other_hosts = chosen;
    }
    let networks = table.str_list("private_networks", d);
    into.private_networks = read_all(&networks, address::network, d);
    table.finish(d);
    into
}

#[cfg(test)]
mod tests {
    use super::super::load;
    use super::*;

    fn read(text: &str) -> Result<(Option<Forward>, String), String> {
        load("t.toml", text)
            .map(|(config, warnings)| (config.forward, warnings.to_string()))
            .map_err(|all| all.to_string())
    }

    #[test]
    fn it_is_off_unless_the_table_is_there() {
        assert_eq!(read("").unwrap().0, None);
        assert_eq!(read("[forward]").unwrap().0, Some(Forward::default()));
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"
[forward]
listen = "127.0.0.1:3128"
ca = { cert = "certs/ca.pem", key = "certs/ca.key" }
other_hosts = "tunnel"
users_file = "users"
private_networks = ["10.1.0.0/16"]
"#;
        let (forward, warnings) = read(text).unwrap();
        let forward = forward.unwrap();
        assert_eq!(warnings, "");
        assert_eq!(forward.other_hosts, OtherHosts::Tunnel);
        assert_eq!(forward.ca.unwrap().key, PathBuf::from("certs/ca.key"));
        assert_eq!(forward.private_networks.len(), 1);
    }

    #[test]
    fn mistakes_are_told() {
        assert!(
            read("[forward]\nother_hosts = \"pass\"")
                .unwrap_err()
                .contains("refuse")
        );
        assert!(
            read("[forward]\nca = { cert = \"a\" }")
                .unwrap_err()
                .contains("`key` is missing")
        );
        assert!(
            read("[forward]\nlisten = []")
                .unwrap_err()
                .contains("empty")
        );
        let (_, warnings) = read("[forward]\nlisten = \"0.0.0.0:3128\"").unwrap();
        assert!(warnings.contains("open-to-the-network"), "{warnings}");
    }
}

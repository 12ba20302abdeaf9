//! The files that a configuration names, as `tamis check` looks at them: would they be taken, until when
//! are they good, and can the state directory be written.
//!
//! Invariant: a look makes nothing and changes nothing. Findings name settings and files, never what is
//! in them.

use std::path::Path;

use super::check::Finding;
use super::setup;
use crate::admin;
use crate::config::Config;
use crate::diagnostic::Severity;
use crate::tls;

const DAY: i64 = 86_400;

/// Everything but the policy's key and the forward proxy's CA. `first_key`: a start would have to make it.
pub(super) fn check(config: &Config, first_key: bool, findings: &mut Vec<Finding>) {
    let mut find = |severity, text| findings.push(Finding { severity, text });
    if let Some(files) = &config.gateway.tls {
        match tls::server_config(files) {
            Err(error) => find(Severity::Error, format!("gateway.tls: {error}")),
            Ok(_) => {
                dates("gateway.tls", &files.cert, &mut find);
                private("gateway.tls", &files.key, &mut find);
            }
        }
    }
    match tls::client_config(config.upstream.ca_file.as_deref()) {
        Err(error) => find(Severity::Error, format!("upstream.ca_file: {error}")),
        Ok(trust) if trust.roots == 0 => find(
            Severity::Warning,
            "no root certificates: every https upstream will be refused; install the system's \
             (ca-certificates) or set upstream.ca_file"
                .to_owned(),
        ),
        Ok(_) => {}
    }
    if let Some(file) = &config.admin.token_file
        && let Err(error) = admin::check_token(file)
    {
        find(Severity::Error, error.to_string());
    }
    state(config, first_key, &mut find);
}

/// Until when a certificate is good.
pub(super) fn dates(setting: &str, cert: &Path, find: &mut impl FnMut(Severity, String)) {
    let Ok(valid) = tls::validity(cert) else {
        return;
    };
    let (now, file) = (crate::keys::now(), cert.display());
    if now >= valid.not_after {
        let days = (now - valid.not_after) / DAY;
        find(
            Severity::Error,
            format!(
                "{setting}: {file}: the certificate expired {days} days ago: clients refuse it; renew it"
            ),
        );
    } else if now < valid.not_before {
        find(
            Severity::Error,
            format!(
                "{setting}: {file}: the certificate is not yet valid: is the clock of this machine right?"
            ),
        );
    } else if valid.not_after - now < tls::EXPIRES_SOON_DAYS * DAY {
        let days = (valid.not_after - now) / DAY;
        find(
            Severity::Warning,
            format!("{setting}: {file}: the certificate expires in {days} days: renew it"),
        );
    }
}

/// A private key that everyone on the machine can read.
fn private(setting: &str, key: &Path, find: &mut impl FnMut(Severity, String)) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(key).map_or(0, |meta| meta.permissions().mode() & 0o7777);
    if mode & 0o007 != 0 {
        let file = key.display();
        find(
            Severity::Warning,
            format!(
                "{setting}: {file} is open to everyone (mode {mode:04o}): run `chmod 640 {file}`"
            ),
        );
    }
}

/// Whether the state directory can be written, or made.
fn state(config: &Config, first_key: bool, find: &mut impl FnMut(Severity, String)) {
    use rustix::fs::{Access, access};
    let dir = setup::state_dir(config);
    let there = dir.ancestors().find(|dir| dir.exists());
    let Some(there) = there.filter(|there| !there.as_os_str().is_empty()) else {
        return;
    };
    let shown = dir.display();
    if !there.is_dir() {
        let file = there.display();
        find(
            Severity::Error,
            format!("state_dir {shown}: {file} is a file; name a directory"),
        );
    } else if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
        let reason = std::io::Error::from(error).kind();
        // Tamis starts without a data map, but not without a key.
        let severity = if first_key {
            Severity::Error
        } else {
            Severity::Warning
        };
        find(
            severity,
            format!(
                "state_dir {shown}: it cannot be written ({reason}): a first key, new epochs and the data \
                 map need it; give it to the user who runs tamis, or name another with --state-dir"
            ),
        );
    }
}

//! From flags and files to what runs: configuration, policy, catalogs, keys, scrubber.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::{Common, output};
use crate::catalog::{self, Vendor};
use crate::config::{self, Config, TlsFiles};
use crate::keys::{self, Created, KeyRing, Period};
use crate::policy::{CompiledPolicy, Rotate, Scope};
use crate::proxy::{Generation, Rotation};
use crate::scrub::{Countries, Scrubber, Shadow};
use crate::sensitive::{SecretKey, SecretText};

/// The configuration: file, then environment and flags.
pub(super) fn config(common: &Common) -> anyhow::Result<Config> {
    let (mut config, warnings) = config::open::config(common.config.as_deref())?;
    output::diagnostics(&warnings);
    if let Some(policy) = &common.policy {
        config.policy.clone_from(policy);
    }
    if let Some(policy) = &common.shadow_policy {
        config.shadow_policy = Some(policy.clone());
    }
    if let Some(dir) = &common.state_dir {
        config.state_dir = Some(dir.clone());
    }
    if !common.listen.is_empty() {
        config.gateway.listen.clone_from(&common.listen);
    }
    if let Some(admin) = common.admin_listen {
        if !admin.ip().is_loopback() && config.admin.token_file.is_none() {
            bail!(
                "--admin-listen {admin} is not loopback: set [admin] token_file in a configuration file"
            );
        }
        config.admin.listen = admin;
    }
    for text in &common.upstream {
        match config::address::upstream_override(text) {
            Ok(pair) => config.upstream_overrides.push(pair),
            // Of the text only the name: a URL may hold a password.
            Err(wrong) => bail!(
                "--upstream {}: {}; {}",
                text.split_once('=').map_or("…", |(vendor, _)| vendor),
                wrong.message,
                wrong.help
            ),
        }
    }
    let files = ca_files(&config);
    if let Some(forward) = &mut config.forward {
        forward.ca = Some(files);
    }
    Ok(config)
}

/// The policy of a configuration; warnings are drawn.
pub(super) fn policy(config: &Config) -> anyhow::Result<CompiledPolicy> {
    let (policy, warnings) = config::open::policy(&config.policy)?;
    output::diagnostics(&warnings);
    Ok(policy)
}

/// The shadow policy of a configuration; warnings are drawn.
fn shadow_policy(config: &Config) -> anyhow::Result<Option<CompiledPolicy>> {
    let Some(name) = &config.shadow_policy else {
        return Ok(None);
    };
    let (policy, warnings) = config::open::policy(name)?;
    output::diagnostics(&warnings);
    Ok(Some(policy))
}

/// The catalogs, among which is each vendor that the configuration and the flags name.
pub(super) fn vendors(config: &Config) -> anyhow::Result<Vec<Arc<Vendor>>> {
    let vendors = catalogs(config)?;
    named(config, &vendors)?;
    Ok(vendors)
}

/// The compiled-in catalogs, and those of `vendors_dir`, which replace by name.
pub(super) fn catalogs(config: &Config) -> anyhow::Result<Vec<Arc<Vendor>>> {
    let mut vendors = catalog::load::builtin()?;
    if let Some(dir) = &config.vendors_dir {
        for file in toml_files(dir)? {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let (vendor, warnings) = catalog::load::load(&file.display().to_string(), &text)?;
            output::diagnostics(&warnings);
            vendors.retain(|known| known.name != vendor.name);
            vendors.push(vendor);
        }
        vendors.sort_by(|a, b| a.name.cmp(&b.name));
    }
    Ok(vendors.into_iter().map(Arc::new).collect())
}

/// Whether each vendor that a route or a flag names is there.
pub(super) fn named(config: &Config, vendors: &[Arc<Vendor>]) -> anyhow::Result<()> {
    for (name, _) in &config.upstream_overrides {
        if !vendors.iter().any(|v| *v.name == **name) {
            let known = crate::reader::nearest(name, vendors.iter().map(|v| &*v.name));
            let hint = known.map_or(String::new(), |k| format!("; did you mean {k}?"));
            bail!("--upstream {name}=…: no such vendor{hint}");
        }
    }
    let known: Vec<&str> = vendors.iter().map(|v| &*v.name).collect();
    let unknown = config::open::unknown_vendors(config, &known);
    if unknown.has_errors() {
        return Err(unknown.into());
    }
    Ok(())
}

/// The vendor of that name.
///
/// # Errors
/// There is none; the nearest is named.
pub(super) fn vendor<'v>(
    vendors: &'v [Arc<Vendor>],
    name: &str,
) -> anyhow::Result<&'v Arc<Vendor>> {
    vendors.iter().find(|v| *v.name == *name).with_context(|| {
        let near = crate::reader::nearest(name, vendors.iter().map(|v| &*v.name));
        let hint = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
        format!("no vendor {name:?}{hint} (`tamis vendors` lists them)")
    })
}

/// The texts of the catalogs by their vendors' names (those of `vendors_dir` replace), and of the
/// sets that they share, as `shared/NAME`.
pub(super) fn catalog_texts(config: &Config) -> anyhow::Result<Vec<(String, String)>> {
    let stem = |file: &str| {
        file.rsplit('/')
            .next()
            .unwrap_or(file)
            .trim_end_matches(".toml")
            .to_owned()
    };
    let mut texts: Vec<(String, String)> = catalog::load::FILES
        .iter()
        .map(|(file, text)| (stem(file), (*text).to_owned()))
        .collect();
    for (file, text) in catalog::include::SETS {
        texts.push((format!("shared/{}", stem(file)), (*text).to_owned()));
    }
    for file in config
        .vendors_dir
        .as_deref()
        .map(toml_files)
        .transpose()?
        .unwrap_or_default()
    {
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let (vendor, _) = catalog::load::load(&file.display().to_string(), &text)?;
        texts.retain(|(name, _)| **name != *vendor.name);
        texts.push((vendor.name.to_string(), text));
    }
    Ok(texts)
}

fn toml_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir)
        .with_context(|| format!("cannot read vendors_dir {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Where state lives: told, or systemd's, or the user's, or the system's.
pub(super) fn state_dir(config: &Config) -> PathBuf {
    let told = config.state_dir.clone();
    let from = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    told.or_else(|| from("STATE_DIRECTORY"))
        .or_else(|| from("XDG_STATE_HOME").map(|dir| dir.join("tamis")))
        .or_else(|| {
            from("HOME")
                .filter(|home| home.as_os_str() != "/root" && home.as_os_str() != "/")
                .map(|home| home.join(".local/state/tamis"))
        })
        .unwrap_or_else(|| PathBuf::from("/var/lib/tamis"))
}

/// The local CA's files: told, or in the state directory.
pub(super) fn ca_files(config: &Config) -> TlsFiles {
    let told = config.forward.as_ref().and_then(|f| f.ca.clone());
    told.unwrap_or_else(|| {
        let dir = state_dir(config).join("ca");
        TlsFiles {
            cert: dir.join("ca.pem"),
            key: dir.join("ca.key"),
        }
    })
}

/// The pseudonym key of a policy, and where it is.
pub(super) struct Key {
    pub(super) current: SecretKey,
    /// All epochs, oldest first; one without a number for a key from outside.
    pub(super) epochs: Vec<(Option<u32>, SecretKey)>,
    /// Where it is, in words.
    pub(super) place: String,
    /// When the next epoch begins, for pseudonyms that rotate; seconds since 1970.
    next: Option<i64>,
}

impl Key {
    /// The key of an epoch that an encrypted text names.
    pub(super) fn of_epoch(&self, epoch: u32) -> Option<(u32, SecretKey)> {
        let same = |(number, _): &&(Option<u32>, SecretKey)| number.unwrap_or(0) == epoch;
        self.epochs
            .iter()
            .find(same)
            .map(|(_, key)| (epoch, key.clone()))
    }

    fn current_epoch(&self) -> u32 {
        self.epochs
            .last()
            .and_then(|(number, _)| *number)
            .unwrap_or(0)
    }
}

/// The scope of a vendor's keys.
pub(super) fn scope<'v>(policy: &CompiledPolicy, vendor: &'v Vendor) -> &'v str {
    match policy.pseudonyms.scope {
        Scope::Vendor => &vendor.name,
        Scope::Global => "global",
    }
}

/// Where countries are known from.
fn countries(config: &Config) -> anyhow::Result<Countries> {
    let of_address = match &config.geoip_db {
        Some(file) => Some(config::geo::open(file).map_err(anyhow::Error::msg)?),
        None => None,
    };
    Ok(Countries {
        of_address,
        header: config.gateway.country_header.as_deref().map(Into::into),
    })
}

/// The key of a policy; a ring is made on first use, and that is said.
pub(super) fn key(config: &Config, policy: &CompiledPolicy) -> anyhow::Result<Key> {
    let (key, created) = open_key(config, policy)?;
    if created {
        output::note(&format!(
            "a new pseudonym key was made in {}: back it up; without it pseudonyms cannot be continued",
            key.place
        ));
    }
    Ok(key)
}

/// The key of a policy, which must be there: nothing can have been encrypted under one made now.
///
/// # Errors
/// There is none yet, or it cannot be read.
pub(super) fn key_there(config: &Config, policy: &CompiledPolicy) -> anyhow::Result<Key> {
    match check_key(config, policy)? {
        None => key(config, policy),
        Some(place) => anyhow::bail!(
            "there is no pseudonym key in {}: nothing was encrypted under it \
             (`--state-dir` or the configuration says where keys are; `tamis run` and `tamis keys new` make one)",
            place.display()
        ),
    }
}

/// Whether the key of a policy can be read; tells where the first start will make one, if there is
/// none yet.
pub(super) fn check_key(
    config: &Config,
    policy: &CompiledPolicy,
) -> anyhow::Result<Option<PathBuf>> {
    let source = &*policy.pseudonyms.key;
    if let Some(external) = keys::external(source) {
        external?;
        return Ok(None);
    }
    let dir = state_dir(config);
    let there = KeyRing::is_there(&dir, source)?;
    Ok((!there).then(|| dir.join("keys").join(source)))
}

fn open_key(config: &Config, policy: &CompiledPolicy) -> anyhow::Result<(Key, bool)> {
    let source = &*policy.pseudonyms.key;
    let now = keys::now();
    let period = period(policy.pseudonyms.rotate);
    let next = period.map(|period| period.next(now));
    if let Some(external) = keys::external(source) {
        let primary = external?;
        let epochs = match period {
            Some(period) => derived(&primary, period, now),
            None => vec![(None, primary.clone())],
        };
        let key = Key {
            current: epochs.last().map_or(primary, |(_, key)| key.clone()),
            epochs,
            place: source.to_owned(),
            next,
        };
        return Ok((key, false));
    }
    let dir = state_dir(config);
    let (mut ring, created) = KeyRing::open_or_create(&dir, source)?;
    if let Some(period) = period {
        ring.advance(period, now)?;
        if let Some(keep) = policy.pseudonyms.retain {
            ring.retain(keep)?;
        }
    }
    let place = dir.join("keys").join(source).display().to_string();
    let key = Key {
        current: ring.current(),
        epochs: ring
            .epochs()
            .map(|(n, key)| (Some(n), key.clone()))
            .collect(),
        place,
        next,
    };
    Ok((key, created == Created::Yes))
}

/// The salts that the configuration names.
pub(super) fn salts(
    config: &Config,
    vendors: &[Arc<Vendor>],
) -> anyhow::Result<Vec<(String, SecretText)>> {
    let mut salts = Vec::new();
    for (vendor, source) in &config.checksum_salts {
        if !vendors.iter().any(|v| *v.name == **vendor) {
            let known = crate::reader::nearest(vendor, vendors.iter().map(|v| &*v.name));
            let hint = known.map_or(String::new(), |k| format!("; did you mean {k}?"));
            bail!("[checksum_salts] {vendor}: no such vendor{hint}");
        }
        let salt = keys::secret_text(source)
            .with_context(|| format!("[checksum_salts] {vendor}: {source}"))?;
        salts.push((vendor.clone(), salt));
    }
    Ok(salts)
}

fn period(rotate: Rotate) -> Option<Period> {
    match rotate {
        Rotate::Never => None,
        Rotate::Daily => Some(Period::Daily),
        Rotate::Weekly => Some(Period::Weekly),
        Rotate::Monthly => Some(Period::Monthly),
        Rotate::Yearly => Some(Period::Yearly),
    }
}

/// The epochs of a key from elsewhere, oldest first.
fn derived(primary: &SecretKey, period: Period, now: i64) -> Vec<(Option<u32>, SecretKey)> {
    let mut epochs: Vec<_> = period
        .past(now)
        .map(|day| (Some(day), keys::derived(primary, day)))
        .collect();
    epochs.reverse();
    epochs
}

/// What gives the engine its next key, for pseudonyms that rotate.
fn rotation(config: &Config, key: &Key) -> Option<Rotation> {
    let next = key.next?;
    let config = config.clone();
    Some(Rotation {
        next: next.into(),
        renew: Box::new(move |scrubber| {
            let (key, _) =
                open_key(&config, scrubber.policy()).map_err(|error| output::chain(&error))?;
            scrubber.use_key(&key.current, key.current_epoch());
            Ok(key.next.unwrap_or(i64::MAX))
        }),
    })
}

/// What judges requests; the first key is made only when the catalogs have what is asked for.
pub(super) fn scrubber(
    config: &Config,
    known: impl FnOnce(&[Arc<Vendor>]) -> anyhow::Result<()>,
) -> anyhow::Result<Scrubber> {
    let policy = policy(config)?;
    let vendors = vendors(config)?;
    known(&vendors)?;
    let key = key(config, &policy)?;
    assemble_for(config, policy, &key, vendors)
}

fn assemble(config: &Config, policy: CompiledPolicy, key: &Key) -> anyhow::Result<Scrubber> {
    assemble_for(config, policy, key, vendors(config)?)
}

fn assemble_for(
    config: &Config,
    policy: CompiledPolicy,
    key: &Key,
    vendors: Vec<Arc<Vendor>>,
) -> anyhow::Result<Scrubber> {
    let salts = salts(config, &vendors)?;
    let scrubber = Scrubber::new(Arc::new(policy), vendors, &key.current)
        .with_salts(salts)
        .with_countries(countries(config)?);
    scrubber.use_key(&key.current, key.current_epoch());
    Ok(scrubber)
}

/// What a proxy runs: the engine, and the shadow policy's beside it. That one's pseudonyms are seen by
/// nobody: it has the key of the policy in force, so that it asks about the same samples of people.
fn with_shadow(config: &Config, policy: CompiledPolicy, key: &Key) -> anyhow::Result<Scrubber> {
    let scrubber = assemble(config, policy, key)?;
    Ok(match shadow_policy(config)? {
        None => scrubber,
        Some(policy) => {
            let vendors = scrubber.vendors().to_vec();
            let beside = assemble_for(config, policy, key, vendors)?;
            scrubber.with_shadow(Shadow::new(beside))
        }
    })
}

/// Everything that a reload replaces.
pub(super) fn generation(common: &Common) -> anyhow::Result<Generation> {
    generation_with(common, true)
}

/// The same; `say` whether a new key is worth a word (the demo's is not).
pub(super) fn generation_with(common: &Common, say: bool) -> anyhow::Result<Generation> {
    let config = config(common)?;
    let policy = policy(&config)?;
    let key = if say {
        key(&config, &policy)?
    } else {
        open_key(&config, &policy)?.0
    };
    let (policy_name, policy_digest) = (policy.name.to_string(), hex(&policy.digest));
    let scrubber = with_shadow(&config, policy, &key)?;
    let state_dir = state_dir(&config).display().to_string();
    Ok(Generation {
        rotation: rotation(&config, &key),
        config: Arc::new(config),
        scrubber: Arc::new(scrubber),
        policy_name,
        policy_digest,
        key_location: key.place,
        state_dir,
    })
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The vendor and endpoint named on a command line.
pub(super) fn endpoint(
    vendors: &[Arc<Vendor>],
    vendor: &str,
    method: &str,
    path: &str,
) -> anyhow::Result<(usize, usize)> {
    let known = self::vendor(vendors, vendor)?;
    let at = vendors.iter().position(|v| Arc::ptr_eq(v, known));
    let at = at.unwrap_or_default();
    match known.find(method, path) {
        catalog::Found::Endpoint(endpoint, _) => Ok((at, endpoint)),
        catalog::Found::Method(methods) => {
            bail!("{vendor} {path} takes {}, not {method}", methods.join(", "))
        }
        catalog::Found::Nothing => {
            let names = known.endpoints.iter().map(|endpoint| &*endpoint.name);
            let near = crate::reader::nearest(path, names);
            let hint = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
            bail!(
                "{vendor} has no endpoint {path}{hint} (`tamis vendors show {vendor}` lists them)"
            )
        }
    }
}

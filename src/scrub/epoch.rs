//! What an engine is given besides policy and catalogs: the keys of the present epoch, and where
//! countries are known from. Knows no clock: who runs the engine says when an epoch begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::RawRequest;
use super::headers::header;
use super::plan::Plan;
use crate::action::{CountryOf, Pseudonymizer};
use crate::catalog::Vendor;
use crate::policy::{CompiledPolicy, Scope};
use crate::sensitive::SecretKey;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Where the country of a client is known from.
#[derive(Default)]
pub struct Countries {
    /// A local database.
    pub of_address: Option<Box<CountryOf>>,
    /// A header field (lower case) that a proxy in front writes. Who calls [`super::Scrubber::scrub`] takes
    /// care that no client can write it.
    pub header: Option<Box<str>>,
}

/// The keys of one epoch, a pseudonymizer for each vendor. A request works with those it began with.
pub(super) struct Keys {
    /// What a thread has learned under other keys is not used with these.
    pub(super) id: u64,
    pub(super) vendors: Box<[Pseudonymizer]>,
}

impl Keys {
    pub(super) fn new(
        policy: &CompiledPolicy,
        vendors: &[Arc<Vendor>],
        primary: &SecretKey,
        epoch: u32,
    ) -> Self {
        let of = |vendor: &Arc<Vendor>| {
            let scope = match policy.pseudonyms.scope {
                Scope::Vendor => &*vendor.name,
                Scope::Global => "global",
            };
            Pseudonymizer::in_epoch(primary, scope, &vendor.id_prefixes, epoch)
                .except(&vendor.no_ids)
        };
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            vendors: vendors.iter().map(of).collect(),
        }
    }
}

impl Countries {
    /// The client's country, if a rule asks: what the proxy in front says, else the database.
    pub(super) fn of(&self, plan: &Plan, raw: &RawRequest<'_>) -> Option<[u8; 2]> {
        if !plan.by_country {
            return None;
        }
        let name = self.header.as_deref();
        let told = name.and_then(|name| header(raw, name).next());
        // `XX` is what proxies write for the unknown.
        let code = |text: &str| {
            let code = <[u8; 2]>::try_from(text.trim().to_ascii_uppercase().as_bytes()).ok()?;
            (code.iter().all(u8::is_ascii_uppercase) && code != *b"XX").then_some(code)
        };
        told.and_then(code)
            .or_else(|| self.of_address.as_ref()?(raw.client_ip))
    }
}

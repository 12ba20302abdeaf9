//! The policy language: `Policy` (written) → `CompiledPolicy` (runs).
//!
//! Rules are tried top to bottom, the first that matches decides. What is unknown is an error at
//! load time, with its place and a fix. This layer knows no HTTP and no JSON.

use crate::action::Action;
use crate::category::{CategorySet, DataCategory};
use crate::selector::Selector;

/// A policy that runs.
#[derive(Debug)]
pub struct CompiledPolicy {
    /// The policy's own name.
    pub name: Box<str>,
    /// SHA-256 of the file's text: what a privacy officer signs.
    pub digest: [u8; 32],
    /// Leaves that no rule matches.
    pub unlisted: Unlisted,
    /// How pseudonyms are made.
    pub pseudonyms: Pseudonyms,
    /// The policy's own classification, before the catalogs'.
    pub classify: Box<[Classify]>,
    /// The rules in order.
    pub rules: Box<[Rule]>,
    /// Whether this policy only reports what the others would do (`observe`).
    pub observe: bool,
}

/// What happens to a leaf that no rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlisted {
    /// Kept, still scanned for spans.
    Keep,
    /// Dropped: the rules are an allow list.
    Drop,
}

/// `[pseudonyms]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pseudonyms {
    /// The key's name: in `state_dir/keys`, or `env:NAME`, or `file:PATH`.
    pub key: Box<str>,
    /// Whether the same person gets different pseudonyms at different vendors.
    pub scope: Scope,
    /// How often the epoch changes.
    pub rotate: Rotate,
}

/// Where a pseudonym holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Different per vendor.
    Vendor,
    /// The same everywhere.
    Global,
}

/// How often pseudonyms change (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotate {
    /// Never.
    Never,
    /// Each day.
    Daily,
    /// Each ISO week.
    Weekly,
    /// Each month.
    Monthly,
    /// Each year.
    Yearly,
}

/// `[[classify]]`.
#[derive(Debug, Clone)]
pub struct Classify {
    /// Which fields.
    pub fields: Box<[Selector]>,
    /// Their category.
    pub category: DataCategory,
}

/// One rule. Conditions are joined by *and*, entries of a list by *or*; an empty list is no
/// condition.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The name that reports show.
    pub name: Box<str>,
    /// Categories, subtrees included; empty: any leaf, with or without a category.
    pub categories: CategorySet,
    /// Field selectors.
    pub fields: Box<[Selector]>,
    /// Globs of vendors.
    pub vendors: Box<[Box<str>]>,
    /// Globs of endpoints (`/track`).
    pub endpoints: Box<[Box<str>]>,
    /// Globs of event names.
    pub events: Box<[Box<str>]>,
    /// Further conditions.
    pub when: When,
    /// What is done.
    pub action: Action,
    /// Whether kept strings are scanned for spans.
    pub scan: bool,
    /// Free text for people.
    pub reason: Box<str>,
}

/// `when = { … }`; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct When {
    /// Sec-GPC or DNT sent (or not).
    pub gpc: Option<bool>,
}

//! `generalize`: less precise values.

use super::{Context, Effect, Value};

/// `generalize = { … }`: what is done depends on what the value is; the parts that are set apply.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Generalize {
    /// `location = "country"`: keeps a country, drops what is finer.
    pub location: bool,
    /// `user_agent = "family"`: browser and OS family and major version.
    pub user_agent: bool,
    /// `referrer = "common"`: the host when it is a common referrer, else nothing.
    pub referrer: bool,
    /// `url = { query = [globs], fragment = "drop" | "keep" }`.
    pub url: Option<UrlRule>,
    /// `email = "domain"`.
    pub email: bool,
    /// `ip = "prefix"`: bits kept of IPv4 and IPv6.
    pub ip: Option<IpPrefix>,
    /// `time = "hour" | "day" | …`.
    pub time: Option<TimeUnit>,
    /// `language = "primary"`: the primary tag.
    pub language: bool,
    /// `date = "year"`.
    pub date: bool,
}

/// What of a URL stays besides scheme, host and path.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct UrlRule {
    /// Globs of query parameters that stay.
    pub query: Box<[Box<str>]>,
    /// Whether the fragment stays.
    pub fragment: bool,
}

/// Bits of an address that stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpPrefix {
    /// Of IPv4 (0 to 32).
    pub v4: u8,
    /// Of IPv6 (0 to 128).
    pub v6: u8,
}

/// What a time is rounded down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// 60 s.
    Minute,
    /// 3600 s.
    Hour,
    /// A UTC day.
    Day,
    /// A UTC month.
    Month,
    /// A UTC year.
    Year,
}

impl Generalize {
    /// Makes a value less precise.
    pub fn apply(&self, _value: Value<'_>, _cx: &Context<'_>, _out: &mut String) -> Effect {
        Effect::Remove
    }
}

//! `generalize`: less precise values.
//!
//! A rule sets parts (url, user agent, …). Which part answers for a value follows from its category,
//! else from what the value evidently is. Invariants: a value that no part answers for is removed; a
//! part writes nothing but ranges of the value, words of its own and values from a list, so that
//! what it does not recognise cannot leave; a value that is coarse enough is kept as it came.

use std::sync::LazyLock;

use super::{Context, Effect, Value, shape};
use crate::category::DataCategory;

mod date;
mod device;
mod email;
mod identifier;
mod ip;
mod language;
mod location;
mod number;
mod postal;
mod referrer;
mod routes;
mod time;
mod url;
mod user_agent;

pub use date::DateUnit;
pub use number::Numbers;

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
    /// `date = "year" | "month" | "decade"`.
    pub date: Option<DateUnit>,
    /// `number = { step | buckets | top }`.
    pub number: Option<Numbers>,
    /// `postal_code = "zip3"`.
    pub postal_code: bool,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The parts that are set, as the policy language writes them.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (on, name) in [
            (self.location, "location"),
            (self.user_agent, "user_agent"),
            (self.referrer, "referrer"),
            (self.email, "email"),
            (self.language, "language"),
            (self.postal_code, "postal_code"),
        ] {
            if on {
                names.push(name.to_owned());
            }
        }
        if let Some(url) = &self.url {
            names.push(
                format!("url with {} parameters", url.query.join(" "))
                    .replace("with  ", "without "),
            );
        }
        names.extend(self.ip.map(|ip| format!("ip /{} /{}", ip.v4, ip.v6)));
        names.extend(
            self.time
                .map(|unit| format!("time {unit:?}").to_lowercase()),
        );
        names.extend(
            self.date
                .map(|unit| format!("date {unit:?}").to_lowercase()),
        );
        names.extend(
            self.number
                .as_ref()
                .map(|n| format!("number {n:?}").to_lowercase()),
        );
        names
    }

    /// Makes a value less precise.
    pub fn apply(&self, value: Value<'_>, cx: &Context<'_>, out: &mut String) -> Effect {
        let area = cx.category.map_or(Area::Unknown, area);
        let effect = self
            .by_category(area, value, cx, out)
            .unwrap_or_else(|| self.by_value(area, value, out));
        match (effect, value) {
            (Effect::Text, Value::Text(was)) | (Effect::Number, Value::Number(was))
                if out == was =>
            {
                out.clear();
                Effect::Keep
            }
            (Effect::Remove, _) => {
                out.clear();
                Effect::Remove
            }
            (effect, _) => effect,
        }
    }

    /// What the part that is made for the category does; `None` when it is not set.
    fn by_category(
        &self,
        area: Area,
        value: Value<'_>,
        cx: &Context<'_>,
        out: &mut String,
    ) -> Option<Effect> {
        match area {
            Area::Referrer if self.referrer => Some(referrer::apply(value, out)),
            Area::Referrer | Area::Browsing => {
                self.url.as_ref().map(|rule| url::apply(rule, value, out))
            }
            Area::Country if self.location => Some(location::country(value)),
            Area::Place if self.location => Some(location::place(value)),
            Area::PostalCode if self.postal_code => Some(postal::apply(value, out)),
            Area::FinerPlace | Area::PostalCode if self.location => Some(Effect::Remove),
            Area::Ip => match self.ip {
                Some(prefix) => Some(ip::apply(prefix, value, out)),
                None => (self.location).then(|| ip::country(value, cx.country_of, out)),
            },
            Area::Device if self.user_agent => Some(device::apply(value, out)),
            Area::Email if self.email => Some(email::apply(value, out)),
            Area::BirthDate => self.date.map(|unit| date::apply(unit, value, out)),
            Area::Language if self.language => Some(language::apply(value, out)),
            Area::Country
            | Area::Place
            | Area::FinerPlace
            | Area::PostalCode
            | Area::Device
            | Area::DeviceId
            | Area::Email
            | Area::Language
            | Area::Title
            | Area::Other
            | Area::Unknown => None,
        }
    }

    /// What the first part does that recognises the value. A value without a category is taken for
    /// what the rule's author must have meant.
    fn by_value(&self, area: Area, value: Value<'_>, out: &mut String) -> Effect {
        if let Value::Text(text) = value {
            if self.email && shape::is_email(text.trim()) {
                return email::apply(value, out);
            }
            if let Some(prefix) = self.ip
                && ip::is_address(text)
            {
                return ip::apply(prefix, value, out);
            }
            if url::is_absolute(text) {
                if let Some(rule) = &self.url {
                    return url::apply(rule, value, out);
                }
                if self.referrer {
                    return referrer::apply(value, out);
                }
            }
            if self.user_agent && user_agent::is_header(text) {
                return device::apply(value, out);
            }
        }
        if let Some(unit) = self.time
            && time::apply(unit, value, out) != Effect::Remove
        {
            return written(value);
        }
        out.clear();
        if let Some(unit) = self.date
            && date::apply(unit, value, out) != Effect::Remove
        {
            return written(value);
        }
        out.clear();
        if let Some(numbers) = &self.number
            && numbers.apply(value, out) != Effect::Remove
        {
            return written(value);
        }
        out.clear();
        if self.postal_code && postal::apply(value, out) == Effect::Text {
            return Effect::Text;
        }
        out.clear();
        if self.location && location::place(value) == Effect::Keep {
            return Effect::Keep;
        }
        if area != Area::Unknown {
            return Effect::Remove;
        }
        if let Some(rule) = &self.url {
            return url::apply(rule, value, out);
        }
        if self.referrer {
            return referrer::apply(value, out);
        }
        if self.user_agent {
            return device::apply(value, out);
        }
        if self.language {
            return language::apply(value, out);
        }
        Effect::Remove
    }
}

/// The effect of a part that wrote a value of the same kind.
fn written(value: Value<'_>) -> Effect {
    match value {
        Value::Text(_) => Effect::Text,
        Value::Number(_) => Effect::Number,
        Value::Bool(_) => Effect::Remove,
    }
}

/// What a category means to this action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Area {
    /// `…browsing_history.referrer`.
    Referrer,
    /// `…browsing_history.title`: free text, not a URL.
    Title,
    /// Other browsing history: URLs, paths, hosts.
    Browsing,
    /// A country.
    Country,
    /// A place of unknown precision.
    Place,
    /// Known to be finer than a country.
    FinerPlace,
    /// A postal code.
    PostalCode,
    /// An address of the network.
    Ip,
    /// Ids of devices and cookies.
    DeviceId,
    /// What a device is: agent, model, versions, screen, time zone.
    Device,
    /// E-mail addresses.
    Email,
    /// Birth dates.
    BirthDate,
    /// Languages.
    Language,
    /// A category that no part is made for.
    Other,
    /// No category.
    Unknown,
}

/// The area of a category.
fn area(category: DataCategory) -> Area {
    static AREAS: LazyLock<Box<[Area]>> =
        LazyLock::new(|| DataCategory::all().map(|c| area_of_key(c.key())).collect());
    AREAS.get(category.index()).copied().unwrap_or(Area::Other)
}

fn area_of_key(key: &str) -> Area {
    /// The first that is the key or above it decides.
    const AREAS: [(&str, Area); 17] = [
        ("user.behavior.browsing_history.referrer", Area::Referrer),
        ("user.behavior.browsing_history.title", Area::Title),
        ("user.behavior.browsing_history", Area::Browsing),
        ("user.contact.url", Area::Browsing),
        ("user.contact.address.country", Area::Country),
        ("user.contact.address.postal_code", Area::PostalCode),
        ("user.contact.address.", Area::FinerPlace),
        ("user.contact.address", Area::Place),
        ("user.location", Area::Place),
        ("user.device.ip_address", Area::Ip),
        ("user.device.device_id", Area::DeviceId),
        ("user.device.cookie_id", Area::DeviceId),
        ("user.device.cookie", Area::DeviceId),
        ("user.device", Area::Device),
        ("user.contact.email", Area::Email),
        ("user.demographic.date_of_birth", Area::BirthDate),
        ("user.demographic.language", Area::Language),
    ];
    let found = AREAS.iter().find(|(above, _)| key.starts_with(above));
    found.map_or(Area::Other, |(_, area)| *area)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::action::Pseudonymizer;
    use crate::sensitive::SecretKey;

    /// Applies parts to a text of a category (`""`: none); `None`: removed.
    pub(super) fn text(parts: &Generalize, category: &str, value: &str) -> Option<String> {
        match run(parts, category, Value::Text(value)) {
            (Effect::Keep, _) => Some(value.to_owned()),
            (Effect::Text, out) => Some(out),
            (effect, _) => {
                assert_eq!(effect, Effect::Remove, "{value}");
                None
            }
        }
    }

    pub(super) fn run(parts: &Generalize, category: &str, value: Value<'_>) -> (Effect, String) {
        let pseudonymizer = Pseudonymizer::new(&SecretKey::new([1; 32]), "v", &[]);
        let cx = Context::new(DataCategory::parse(category), &pseudonymizer);
        assert!(category.is_empty() || cx.category.is_some(), "{category}");
        let mut out = String::new();
        let effect = parts.apply(value, &cx, &mut out);
        if !matches!(effect, Effect::Text | Effect::Number) {
            assert!(out.is_empty(), "nothing is left in the buffer");
        }
        (effect, out)
    }

    fn all() -> Generalize {
        Generalize {
            location: true,
            user_agent: true,
            referrer: true,
            url: Some(UrlRule::default()),
            email: true,
            ip: Some(IpPrefix { v4: 24, v6: 48 }),
            time: Some(TimeUnit::Hour),
            language: true,
            date: Some(DateUnit::Year),
            number: None,
            postal_code: false,
        }
    }

    #[test]
    fn the_category_chooses_the_part() {
        let parts = all();
        let page = "https://shop.example/cart?email=a";
        let browsing = "user.behavior.browsing_history";
        assert_eq!(
            text(&parts, browsing, page).unwrap(),
            "https://shop.example/cart"
        );
        assert_eq!(
            text(&parts, "user.behavior.browsing_history.referrer", page),
            None
        );
        assert_eq!(
            text(&parts, "user.device.ip_address", "203.0.113.77").unwrap(),
            "203.0.113.0"
        );
        assert_eq!(
            text(&parts, "user.contact.email", "Jane@Example.com").unwrap(),
            "example.com"
        );
        assert_eq!(
            text(&parts, "user.demographic.date_of_birth", "1987-03-09").unwrap(),
            "1987"
        );
        assert_eq!(
            text(&parts, "user.demographic.language", "en-US").unwrap(),
            "en"
        );
        assert_eq!(text(&parts, "user.contact.address.city", "DE"), None);
        assert_eq!(text(&parts, "user.location", "DE").unwrap(), "DE");
    }

    #[test]
    fn what_nothing_fits_is_removed() {
        for category in [
            "user.name",
            "user.unique_id",
            "user.device.device_id",
            "user.content",
        ] {
            for value in [
                "Jane",
                "u-48213",
                "f47ac10b-58cc-4372-a567-0e02b2c3d479",
                "a b c",
            ] {
                assert_eq!(text(&all(), category, value), None, "{category} {value}");
            }
        }
        let only_location = Generalize {
            location: true,
            ..Generalize::default()
        };
        assert_eq!(
            text(&only_location, "user.device.ip_address", "203.0.113.77"),
            None
        );
        assert_eq!(text(&only_location, "", "https://shop.example/"), None);
        assert_eq!(
            run(&all(), "user.name", Value::Bool(true)).0,
            Effect::Remove
        );
        assert_eq!(
            run(&all(), "user.name", Value::Number("5")).0,
            Effect::Remove
        );
        assert_eq!(text(&Generalize::default(), "", "x"), None);
    }

    #[test]
    fn without_a_category_the_value_tells() {
        let parts = all();
        assert_eq!(text(&parts, "", "jane@example.com").unwrap(), "example.com");
        assert_eq!(
            text(&parts, "", "2024-05-06T07:08:09Z").unwrap(),
            "2024-05-06T07:00:00Z"
        );
        assert_eq!(
            run(&parts, "", Value::Number("1717171717")),
            (Effect::Number, "1717171200".to_owned())
        );
        assert_eq!(
            text(&parts, "user.name", "https://x.example/u/5").unwrap(),
            "https://x.example/u/:id"
        );
    }

    #[test]
    fn a_coarse_value_is_kept_as_it_came() {
        let (effect, _) = run(&all(), "user.demographic.language", Value::Text("en"));
        assert_eq!(effect, Effect::Keep);
    }
}

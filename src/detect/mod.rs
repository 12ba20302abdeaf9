//! Recognisers of values and of key names; pure functions over text.
//!
//! Linear time on every input: each recogniser walks the text once and looks a bounded distance
//! around a candidate. Spans are in order, do not overlap and lie on character boundaries. Offsets
//! are bytes. This layer knows no policy and no document.

mod address;
mod address_core;
mod address_parts;
mod address_words;
mod block;
mod bytes;
mod date;
mod email;
mod fold;
mod geo;
mod iban;
pub mod jsonl;
mod name_words;
pub mod names;
mod natid;
mod natid_checks;
mod net;
mod numbers;
mod person;
mod person_words;
mod phone;
mod prefilter;
mod scan;
mod secret;
mod secret_shapes;
mod secret_values;
mod token;
mod url;

pub(crate) use block::run;
pub use jsonl::{LineError, Lines};
pub use names::{classify_container, classify_name, classify_personal};
pub use prefilter::may_hold;
pub use scan::{
    may_be_whole_number, scan, scan_entities, scan_entities_for, scan_for, whole, whole_number,
};
pub use token::{Form, form, hex_id};

use crate::category::DataCategory;

/// What a span of text is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entity {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A payment card number that passes Luhn.
    CreditCard,
    /// An IBAN that passes mod 97.
    Iban,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A MAC address.
    MacAddress,
    /// A national identification number.
    NationalId,
    /// A credential: JWT, API key, password in a URL.
    Secret,
    /// Coordinates.
    Geo,
    /// A postal address.
    Address,
    /// A person's name.
    Person,
    /// A birth date.
    DateOfBirth,
    /// A UUID.
    Uuid,
    /// A person's id in a URL.
    UserId,
    /// A URL.
    Url,
}

/// A span found in a text: a byte range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// What it is.
    pub entity: Entity,
}

/// A set of entities that somebody asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted(u16);

impl Wanted {
    /// Every entity.
    pub const ALL: Self = Self(u16::MAX);

    /// The entities for which `test` holds.
    #[must_use]
    pub fn of(test: impl FnMut(&Entity) -> bool) -> Self {
        let bits = Entity::ALL.iter().copied().filter(test);
        Self(bits.fold(0, |all, entity| all | entity.bit()))
    }

    /// Whether any of `entities` is among them.
    #[must_use]
    pub fn any(self, entities: &[Entity]) -> bool {
        entities.iter().any(|entity| self.0 & entity.bit() != 0)
    }
}

impl Entity {
    const ALL: [Self; 15] = [
        Self::Email,
        Self::Phone,
        Self::CreditCard,
        Self::Iban,
        Self::IpAddress,
        Self::MacAddress,
        Self::NationalId,
        Self::Secret,
        Self::Geo,
        Self::Address,
        Self::Person,
        Self::DateOfBirth,
        Self::Uuid,
        Self::UserId,
        Self::Url,
    ];

    fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The data category by which rules judge such a span; `None` for entities that identify nobody
    /// by themselves (a UUID).
    #[must_use]
    pub fn category(self) -> Option<DataCategory> {
        let key = match self {
            Self::Email => "user.contact.email",
            Self::Phone => "user.contact.phone_number",
            Self::CreditCard => "user.financial.credit_card",
            Self::Iban => "user.financial.bank_account",
            Self::IpAddress => "user.device.ip_address",
            Self::MacAddress => "user.device.device_id",
            Self::NationalId => "user.government_id.national_identification_number",
            Self::Secret => "user.authorization.credentials",
            Self::Geo => "user.location.precise",
            Self::Address => "user.contact.address",
            Self::Person => "user.name",
            Self::DateOfBirth => "user.demographic.date_of_birth",
            Self::UserId => "user.unique_id",
            Self::Url => "user.behavior.browsing_history",
            Self::Uuid => return None,
        };
        DataCategory::parse(key)
    }

    /// What a dropped span leaves in a sentence.
    #[must_use]
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Email => "[email]",
            Self::Phone => "[phone]",
            Self::CreditCard => "[card]",
            Self::Iban => "[iban]",
            Self::IpAddress => "[ip]",
            Self::MacAddress => "[mac]",
            Self::NationalId => "[national-id]",
            Self::Secret => "[secret]",
            Self::Geo => "[location]",
            Self::Address => "[address]",
            Self::Person => "[name]",
            Self::DateOfBirth => "[date]",
            Self::Uuid => "[uuid]",
            Self::UserId => "[id]",
            Self::Url => "[url]",
        }
    }
}

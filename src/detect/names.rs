//! The key-name classifier: what a field's name says about its value, in any naming style and
//! several languages. The knowledge is data (`config/names.toml`, compiled in); this file is how it
//! is read and looked up.
//!
//! Names are compared after normalisation: compatibility forms, invisible characters, case, accents
//! and separators do not count. A name that is about a datum (`email_verified`, `phone_model`) is not
//! that datum. Nothing here looks at values.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use smallvec::SmallVec;

use super::fold::is_invisible;
use super::name_words::{Map, Words, plain};
use crate::category::DataCategory;

/// The category that the last name of `path` stands for; before it its parents' names, without array
/// steps. This is the engine's view: organisations, sessions and pages included.
#[must_use]
pub fn classify_name(path: &[&str]) -> Option<DataCategory> {
    TABLE.leaf(path).map(|entry| entry.category)
}

/// As [`classify_name`], without what only the engine treats as personal (organisations, sessions,
/// pages): the answer of `tamis detect`.
#[must_use]
pub fn classify_personal(path: &[&str]) -> Option<DataCategory> {
    TABLE.leaf(path).and_then(|entry| entry.report)
}

/// The category of an object or list that is about a person as a whole (`address`, `recipient`).
#[must_use]
pub fn classify_container(path: &[&str]) -> Option<DataCategory> {
    TABLE.container(path)
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| Table::read(include_str!("../../config/names.toml")).unwrap_or_default());

const PEOPLE: u8 = 1;
const QUALIFIER: u8 = 1 << 1;
const NEUTRAL: u8 = 1 << 2;
const SUFFIX: u8 = 1 << 3;
const STOP: u8 = 1 << 4;

/// What may stand before a key.
#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Prefix {
    Any,
    Known,
    Person,
    Exact,
}

#[derive(Clone, Copy)]
struct Entry {
    category: DataCategory,
    report: Option<DataCategory>,
    prefix: Prefix,
}

#[derive(Default)]
struct Table {
    abbreviations: Map<Box<str>>,
    vocabulary: Map<u8>,
    keys: Map<SmallVec<[Entry; 2]>>,
    containers: Map<DataCategory>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    people: Vec<String>,
    qualifiers: Vec<String>,
    neutral: Vec<String>,
    suffixes: Vec<String>,
    stop: Vec<String>,
    abbreviations: BTreeMap<String, String>,
    name: Vec<NameRow>,
    container: Vec<ContainerRow>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NameRow {
    category: String,
    prefix: Prefix,
    only: Option<String>,
    report: Option<String>,
    keys: Vec<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ContainerRow {
    category: String,
    keys: Vec<String>,
}

/// What joins a key to a word behind it that says nothing: `email_of_customer`, `correo_del_cliente`.
const CONNECTORS: [&str; 12] = [
    "of", "de", "del", "do", "da", "di", "du", "des", "van", "von", "d", "der",
];

impl Table {
    fn read(text: &str) -> Option<Self> {
        let file: File = toml::from_str(text).ok()?;
        let mut table = Self::default();
        for (short, long) in &file.abbreviations {
            table
                .abbreviations
                .insert(short.as_str().into(), long.as_str().into());
        }
        for (words, flag) in [
            (&file.people, PEOPLE),
            (&file.qualifiers, QUALIFIER),
            (&file.neutral, NEUTRAL),
            (&file.suffixes, SUFFIX),
            (&file.stop, STOP),
        ] {
            for word in words {
                *table
                    .vocabulary
                    .entry(table.words(word).joined.into())
                    .or_default() |= flag;
            }
        }
        for row in &file.name {
            let category = DataCategory::parse(&row.category)?;
            let report = match (&row.only, &row.report) {
                (Some(_), _) => None,
                (None, Some(other)) => Some(DataCategory::parse(other)?),
                (None, None) => Some(category),
            };
            for key in &row.keys {
                let entries = table
                    .keys
                    .entry(table.words(key).joined.into())
                    .or_default();
                entries.push(Entry {
                    category,
                    report,
                    prefix: row.prefix,
                });
            }
        }
        for row in &file.container {
            let category = DataCategory::parse(&row.category)?;
            for key in &row.keys {
                table
                    .containers
                    .insert(table.words(key).joined.into(), category);
            }
        }
        Some(table)
    }

    /// Cuts a name into normalised words.
    fn words(&self, name: &str) -> Words {
        let mut out = Words {
            joined: String::with_capacity(name.len() + 8),
            cuts: SmallVec::new(),
        };
        let folded;
        let name = if name.is_ascii() {
            name
        } else {
            folded = plain(name);
            folded.as_str()
        };
        let mut word = String::with_capacity(24);
        let mut last = ' ';
        let mut chars = name.chars().peekable();
        while let Some(c) = chars.next() {
            if !c.is_alphanumeric() {
                self.flush(&mut out, &mut word);
                last = ' ';
                continue;
            }
            // `userName`, `IPAddress`.
            let humps = c.is_uppercase()
                && (last.is_lowercase()
                    || last.is_ascii_digit()
                    || last.is_uppercase() && chars.peek().is_some_and(|n| n.is_lowercase()));
            if humps {
                self.flush(&mut out, &mut word);
            }
            if c.is_ascii() {
                word.push(c.to_ascii_lowercase());
            } else {
                word.extend(c.to_lowercase());
            }
            last = c;
        }
        self.flush(&mut out, &mut word);
        out
    }

    fn flush(&self, out: &mut Words, word: &mut String) {
        out.push(word, &self.abbreviations);
        word.clear();
    }

    fn flags(&self, word: &str) -> u8 {
        self.vocabulary.get(word).copied().unwrap_or(0)
    }

    fn leaf(&self, path: &[&str]) -> Option<Entry> {
        let (leaf, parents) = path.split_last()?;
        if leaf.len() > 128 {
            return None;
        }
        let own = self.words(leaf);
        // `$name` of a profile: a dollar stands for the person in several SDKs.
        let shows_nothing = |c: char| c.is_whitespace() || is_invisible(c);
        let dollar = leaf
            .trim_start_matches(shows_nothing)
            .starts_with(['$', '＄', '﹩']);
        if let Some(found) = self.lookup(&own, parents, dollar, own.len()) {
            // A name that leans on its parents (`address`) may be one with its parent (`client.address`).
            let leans = found.is_some_and(|entry| entry.prefix == Prefix::Exact);
            let joint = || {
                let chain = Words::chain(&[&self.words(parents.last()?), &own]);
                self.keys.get(chain.joined.as_str())?.first().copied()
            };
            return if leans { joint().or(found) } else { found };
        }
        // `phones[0].number`, `card.holder`, `email.cc.address`: the parent's name completes the leaf's.
        let mut chain = own;
        for depth in 1..=parents.len().min(2) {
            let at = parents.len() - depth;
            let (Some(parent), above) = (parents.get(at), parents.get(..at).unwrap_or(&[])) else {
                break;
            };
            if parent.len() > 64 {
                break;
            }
            let leaf_len = chain.len();
            chain = Words::chain(&[&self.words(parent), &chain]);
            if let Some(found) = self.lookup(&chain, above, false, leaf_len) {
                return found;
            }
        }
        None
    }

    /// `Some(None)` is a veto: the name is about something else. The match must reach into the last
    /// `own` words.
    #[expect(
        clippy::option_option,
        reason = "found, vetoed and unknown are three answers"
    )]
    fn lookup(
        &self,
        words: &Words,
        parents: &[&str],
        dollar: bool,
        own: usize,
    ) -> Option<Option<Entry>> {
        let n = words.len();
        if n == 0 || n > 12 {
            return Some(None);
        }
        if let Some(found) = self.at(words, 0, n, parents, dollar) {
            return Some(Some(found));
        }
        let flags: SmallVec<[u8; 12]> = (0..n).map(|i| self.flags(words.slice(i, i + 1))).collect();
        if flags.iter().any(|f| f & STOP != 0) {
            return Some(None);
        }
        let mut end = n;
        loop {
            for from in 0..end {
                if let Some(found) = self.at(words, from, end, parents, dollar) {
                    return Some(Some(found));
                }
            }
            let last = words.slice(end - 1, end);
            let empty = flags.get(end - 1).is_some_and(|f| f & SUFFIX != 0)
                || end < n && CONNECTORS.contains(&last)
                || last.bytes().all(|b| b.is_ascii_digit());
            if !empty || end <= 1 || n - end > own {
                return None;
            }
            end -= 1;
        }
    }

    /// The entry for words `from..to`, when what stands before them is allowed.
    fn at(
        &self,
        words: &Words,
        from: usize,
        to: usize,
        parents: &[&str],
        dollar: bool,
    ) -> Option<Entry> {
        let key = words.slice(from, to);
        let entries = self.keys.get(key).or_else(|| {
            let trimmed = key.trim_end_matches(|c: char| c.is_ascii_digit());
            (trimmed.len() < key.len())
                .then(|| self.keys.get(trimmed))
                .flatten()
        })?;
        let before = self.before(words, from);
        entries.iter().copied().find(|entry| match entry.prefix {
            Prefix::Any => true,
            Prefix::Known => before.is_some(),
            Prefix::Exact => from == 0 && self.parent(parents, 0) != Parent::Other,
            Prefix::Person => match before {
                Some(true) => true,
                Some(false) => {
                    self.parent(parents, 0) == Parent::Person
                        || dollar && from == 0 && is_dollar(entry.category)
                }
                None => false,
            },
        })
    }

    /// Whether all words before `from` are known; if so, whether one of them is a person.
    fn before(&self, words: &Words, from: usize) -> Option<bool> {
        if from == 0 {
            return Some(false);
        }
        let all = self.flags(words.slice(0, from));
        if all & (PEOPLE | QUALIFIER | NEUTRAL) != 0 {
            return Some(all & PEOPLE != 0);
        }
        let mut person = false;
        for i in 0..from {
            let flags = self.flags(words.slice(i, i + 1));
            if flags & (PEOPLE | QUALIFIER | NEUTRAL) == 0 {
                return None;
            }
            person |= flags & PEOPLE != 0;
        }
        Some(person)
    }

    /// What the nearest telling parent is.
    fn parent(&self, parents: &[&str], depth: usize) -> Parent {
        let Some((last, rest)) = parents.split_last() else {
            return Parent::None;
        };
        let words = self.words(last);
        let mut end = words.len();
        while end > 0 {
            let whole = self.flags(words.slice(0, end));
            let flags = whole | self.flags(words.slice(end - 1, end));
            if flags & PEOPLE != 0 {
                return Parent::Person;
            }
            if flags & (NEUTRAL | SUFFIX) == 0
                && !words
                    .slice(end - 1, end)
                    .bytes()
                    .all(|b| b.is_ascii_digit())
            {
                return Parent::Other;
            }
            if whole & NEUTRAL != 0 {
                break;
            }
            end -= 1;
        }
        if depth >= 4 {
            Parent::None
        } else {
            self.parent(rest, depth + 1)
        }
    }

    fn container(&self, path: &[&str]) -> Option<DataCategory> {
        let (leaf, parents) = path.split_last()?;
        if leaf.len() > 128 {
            return None;
        }
        let words = self.words(leaf);
        let n = words.len();
        if n == 0 || n > 6 || (0..n).any(|i| self.flags(words.slice(i, i + 1)) & STOP != 0) {
            return None;
        }
        (0..n).find_map(|from| {
            let category = self.containers.get(words.slice(from, n))?;
            self.before(&words, from)?;
            // `server.address`, `lockReason.address`: what has an address besides persons.
            (from > 0
                || words.slice(from, n) != "address"
                || self.parent(parents, 0) != Parent::Other)
                .then_some(*category)
        })
    }
}

/// What a leaf's surroundings are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    None,
    Person,
    Other,
}

fn is_dollar(category: DataCategory) -> bool {
    category.key().starts_with("user.name") || category.key().starts_with("user.contact")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(path: &str) -> Option<&'static str> {
        classify_name(&path.split('/').collect::<Vec<_>>()).map(DataCategory::key)
    }

    #[test]
    fn the_data_file_reads_and_names_only_categories_that_exist() {
        let file: File = toml::from_str(include_str!("../../config/names.toml")).unwrap();
        assert!(
            file.name
                .iter()
                .all(|row| DataCategory::parse(&row.category).is_some())
        );
        let table = Table::read(include_str!("../../config/names.toml")).unwrap();
        assert!(table.keys.len() > 1000);
    }

    #[test]
    fn styles_and_languages_meet() {
        for (path, key) in [
            ("email", "user.contact.email"),
            ("e-mail", "user.contact.email"),
            ("userEmailAddress", "user.contact.email"),
            ("user.email", "user.contact.email"),
            ("EMAIL ", "user.contact.email"),
            ("ｅｍａｉｌ", "user.contact.email"),
            ("em\u{200b}ail", "user.contact.email"),
            ("emails/value", "user.contact.email"),
            ("correo_electrónico", "user.contact.email"),
            ("eposta", "user.contact.email"),
            ("$phone", "user.contact.phone_number"),
            ("phones/number", "user.contact.phone_number"),
            ("denwa_bango", "user.contact.phone_number"),
            ("prénom", "user.name.first"),
            ("Nachname", "user.name.last"),
            ("vezeteknev", "user.name.last"),
            ("FIRST_NAME", "user.name.first"),
            ("user/name", "user.name"),
            ("traits/name", "user.name"),
            ("$name", "user.name"),
            ("customer_name", "user.name"),
            ("card/holder", "user.name"),
            ("fodselsdato", "user.demographic.date_of_birth"),
            ("szerokosc_geograficzna", "user.location.precise"),
            ("gclid", "user.behavior.campaign.click_id"),
            ("li_fat_id", "user.behavior.campaign.click_id"),
            ("$referrer", "user.behavior.browsing_history.referrer"),
            ("page_title", "user.behavior.browsing_history.title"),
            ("$current_url", "user.behavior.browsing_history"),
            ("session_id", "user.unique_id.session"),
            ("org_id", "user.workplace"),
            ("company/name", "user.workplace"),
            ("access_token", "user.authorization.credentials"),
            ("$user_agent", "user.device.user_agent"),
            ("device/id", "user.device.device_id"),
            ("x-forwarded-for", "user.device.ip_address"),
            ("shippingAddress/zip", "user.contact.address.postal_code"),
            ("password", "user.authorization.password"),
            ("email_of_customer", "user.contact.email"),
            ("telefono_del_cliente", "user.contact.phone_number"),
            (
                "employee/sin",
                "user.government_id.national_identification_number",
            ),
            (
                "user_pan",
                "user.government_id.national_identification_number",
            ),
            ("apellidoMaterno", "user.name.last"),
            ("nome_do_cliente", "user.name"),
            ("tanjoubi", "user.demographic.date_of_birth"),
            ("kouza-bangou", "user.financial.bank_account"),
            ("IdentifiantUtilisateur", "user.unique_id"),
            ("user/pin", "user.authorization.password"),
        ] {
            assert_eq!(category(path), Some(key), "{path}");
        }
    }

    #[test]
    fn near_misses_stay_out() {
        for path in [
            "email_verified",
            "phone_model",
            "event_name",
            "ip_rating",
            "file_name",
            "referrer_name",
            "product/name",
            "event/name",
            "plan/name",
            "file/name",
            "name",
            "has_phone",
            "password_changed",
            "zip_file",
            "email_template_id",
            "is_email_valid",
            "address_validation_status",
            "page_name",
            "library/name",
            "os/name",
            "id",
            "event_id",
            "order_id",
            "color",
            "plan",
            "lockReason/address",
            "device_model",
            "ssn_present",
            "city_count",
            "username_length",
            "sin",
            "wave/sin",
            "math/sin",
            "pan",
            "pan_gesture",
            "map/pin",
            "music/genre",
            "pseudo_class",
            "via",
            "cap_rate",
            "email_of",
            "number_of_customer_emails_sent",
        ] {
            assert_eq!(category(path), None, "{path}");
        }
    }

    #[test]
    fn containers_cover_what_has_no_name_of_its_own() {
        let container = |path: &str| {
            classify_container(&path.split('/').collect::<Vec<_>>()).map(DataCategory::key)
        };
        assert_eq!(
            container("shipping/recipient"),
            Some("user.contact.address")
        );
        assert_eq!(container("shipping_address"), Some("user.contact.address"));
        assert_eq!(container("user/emails"), Some("user.contact.email"));
        assert_eq!(container("server/address"), None);
        assert_eq!(container("properties"), None);
        assert_eq!(container("user"), None);
    }

    #[test]
    fn organisations_are_the_engines_matter_only() {
        assert!(
            classify_name(&["company_name"]).is_some()
                && classify_personal(&["company_name"]).is_none()
        );
        assert!(classify_personal(&["email"]).is_some());
    }
}

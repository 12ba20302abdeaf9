//! Data categories: the Fideslang taxonomy, extended in its own manner (`design` section 6).
//!
//! A category is a dotted key; a key stands for its whole subtree. Categories are interned: a
//! [`DataCategory`] is one byte, a [`CategorySet`] is a bit mask over all of them, so that "does a
//! rule's category list cover this leaf" is one AND. This file knows nothing of policies or vendors.
//!
//! Source: IABTechLab/fideslang, `data_files/data_categories.csv` (2025-05-14), plus the extensions
//! marked below.

/// Every key, sorted by bytes, so that a subtree is a contiguous range.
const KEYS: &[&str] = &[
    "system",
    "system.authentication",
    "system.operations",
    "user",
    "user.account",
    "user.account.settings",
    "user.account.username",
    "user.authorization",
    "user.authorization.biometric",
    "user.authorization.credentials",
    "user.authorization.password",
    "user.behavior",
    "user.behavior.browsing_history",
    "user.behavior.browsing_history.referrer",
    "user.behavior.browsing_history.title",
    "user.behavior.campaign",
    "user.behavior.campaign.click_id",
    "user.behavior.media_consumption",
    "user.behavior.purchase_history",
    "user.behavior.search_history",
    "user.biometric",
    "user.biometric.fingerprint",
    "user.biometric.health",
    "user.biometric.retinal",
    "user.biometric.voice",
    "user.childrens",
    "user.contact",
    "user.contact.address",
    "user.contact.address.city",
    "user.contact.address.country",
    "user.contact.address.postal_code",
    "user.contact.address.state",
    "user.contact.address.street",
    "user.contact.email",
    "user.contact.fax_number",
    "user.contact.organization",
    "user.contact.phone_number",
    "user.contact.url",
    "user.content",
    "user.content.private",
    "user.content.public",
    "user.content.self_image",
    "user.criminal_history",
    "user.demographic",
    "user.demographic.age_range",
    "user.demographic.date_of_birth",
    "user.demographic.gender",
    "user.demographic.language",
    "user.demographic.marital_status",
    "user.demographic.political_opinion",
    "user.demographic.profile",
    "user.demographic.race_ethnicity",
    "user.demographic.religious_belief",
    "user.demographic.sexual_orientation",
    "user.device",
    "user.device.cookie",
    "user.device.cookie_id",
    "user.device.device_id",
    "user.device.device_id.advertising",
    "user.device.ip_address",
    "user.device.screen",
    "user.device.timezone",
    "user.device.user_agent",
    "user.financial",
    "user.financial.bank_account",
    "user.financial.credit_card",
    "user.government_id",
    "user.government_id.birth_certificate",
    "user.government_id.drivers_license_number",
    "user.government_id.immigration",
    "user.government_id.national_identification_number",
    "user.government_id.passport_number",
    "user.government_id.vehicle_registration",
    "user.health_and_medical",
    "user.health_and_medical.genetic",
    "user.health_and_medical.insurance_beneficiary_id",
    "user.health_and_medical.record_id",
    "user.job_title",
    "user.location",
    "user.location.imprecise",
    "user.location.precise",
    "user.name",
    "user.name.first",
    "user.name.last",
    "user.payment",
    "user.privacy_preferences",
    "user.sensor",
    "user.social",
    "user.telemetry",
    "user.unique_id",
    "user.unique_id.pseudonymous",
    "user.unique_id.session",
    "user.user_sensor",
    "user.workplace",
];

/// A key of the taxonomy, e.g. `user.contact.email`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DataCategory(u8);

impl DataCategory {
    /// The category with exactly this key; `None` when the taxonomy has no such key.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        let at = KEYS.binary_search(&key).ok()?;
        u8::try_from(at).ok().map(Self)
    }

    /// The dotted key.
    #[must_use]
    pub fn key(self) -> &'static str {
        KEYS.get(usize::from(self.0)).copied().unwrap_or("user")
    }

    /// Whether `other` is this category or lies below it.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        other
            .key()
            .strip_prefix(self.key())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// Position in the taxonomy, below [`DataCategory::COUNT`]: an index for tables.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// How many categories there are.
    pub const COUNT: usize = KEYS.len();

    /// All categories in the order of their keys.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..KEYS.len()).filter_map(|at| u8::try_from(at).ok().map(Self))
    }
}

impl std::fmt::Debug for DataCategory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}

impl std::fmt::Display for DataCategory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.key())
    }
}

/// A set of categories, closed under "subtree" when built with [`CategorySet::subtree`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CategorySet(u128);

impl CategorySet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The category and everything below it.
    #[must_use]
    pub fn subtree(root: DataCategory) -> Self {
        Self(
            DataCategory::all()
                .filter(|c| root.contains(*c))
                .fold(0, |bits, c| bits | 1 << c.0),
        )
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set holds `category`.
    #[must_use]
    pub fn has(self, category: DataCategory) -> bool {
        self.0 >> category.0 & 1 == 1
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_fit_the_mask() {
        assert!(KEYS.is_sorted(), "binary search needs order");
        assert!(KEYS.len() <= 128, "CategorySet is 128 bits wide");
    }

    #[test]
    fn a_key_stands_for_its_subtree_and_nothing_else() {
        let device = DataCategory::parse("user.device").unwrap();
        let id = DataCategory::parse("user.device.device_id").unwrap();
        let name = DataCategory::parse("user.name").unwrap();
        assert!(device.contains(id) && device.contains(device) && !id.contains(device));
        assert!(!device.contains(name));
        let set = CategorySet::subtree(device);
        assert!(set.has(id) && !set.has(name));
        assert_eq!(DataCategory::parse("user.nam"), None);
    }
}

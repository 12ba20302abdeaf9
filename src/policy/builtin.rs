//! The policies that come with the program, as files: `config/policies/`.

/// Name, file and text of each built-in policy; the first is the default one.
pub const BUILTINS: &[(&str, &str, &str)] = &[
    (
        "default",
        "config/policies/default.toml",
        include_str!("../../config/policies/default.toml"),
    ),
    (
        "strict",
        "config/policies/strict.toml",
        include_str!("../../config/policies/strict.toml"),
    ),
    (
        "cnil",
        "config/policies/cnil.toml",
        include_str!("../../config/policies/cnil.toml"),
    ),
    (
        "hipaa-safe-harbor",
        "config/policies/hipaa-safe-harbor.toml",
        include_str!("../../config/policies/hipaa-safe-harbor.toml"),
    ),
    (
        "observe",
        "config/policies/observe.toml",
        include_str!("../../config/policies/observe.toml"),
    ),
];

/// File name and text of a built-in policy.
#[must_use]
pub fn builtin(name: &str) -> Option<(&'static str, &'static str)> {
    BUILTINS
        .iter()
        .find(|(known, _, _)| *known == name)
        .map(|(_, file, text)| (*file, *text))
}

/// The tests beside each built-in policy, by its name.
const TESTS: &[(&str, &str)] = &[
    (
        "default",
        include_str!("../../config/policies/default.test.toml"),
    ),
    (
        "strict",
        include_str!("../../config/policies/strict.test.toml"),
    ),
    ("cnil", include_str!("../../config/policies/cnil.test.toml")),
    (
        "hipaa-safe-harbor",
        include_str!("../../config/policies/hipaa-safe-harbor.test.toml"),
    ),
    (
        "observe",
        include_str!("../../config/policies/observe.test.toml"),
    ),
];

/// The name of the built-in policy whose tests are a file of this name, and their text.
#[must_use]
pub fn builtin_tests(file: &str) -> Option<(&'static str, &'static str)> {
    let name = file.strip_suffix(".test.toml")?;
    let (name, _, _) =
        (BUILTINS.iter()).find(|(_, of, _)| of.strip_suffix(".toml") == Some(name))?;
    TESTS.iter().find(|(of, _)| of == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::category::DataCategory;
    use crate::diagnostic::Diagnostics;
    use crate::policy::{CompiledPolicy, Unlisted};

    fn load(name: &str) -> CompiledPolicy {
        let (file, text) = builtin(name).unwrap();
        let (policy, warnings) = CompiledPolicy::load(file, text).unwrap_or_else(|d| panic!("{d}"));
        assert!(warnings.items.is_empty(), "{warnings}");
        policy
    }

    #[test]
    fn all_load_without_a_warning_under_their_own_names_and_say_why() {
        for (name, _, _) in BUILTINS {
            let policy = load(name);
            assert_eq!(&*policy.name, *name);
            for rule in &policy.rules {
                assert!(!rule.reason.is_empty(), "{name}: {}", rule.name);
            }
        }
        assert!(builtin("nothing").is_none());
    }

    #[test]
    fn none_removes_what_a_catalogued_vendor_needs() {
        let vendors = crate::catalog::load::builtin().unwrap_or_else(|d| panic!("{d}"));
        let vendors: Vec<_> = vendors.iter().collect();
        for (name, file, text) in BUILTINS {
            let mut d = Diagnostics::new(*file, *text);
            load(name).against(&vendors, &mut d);
            assert!(d.items.is_empty(), "{d}");
        }
    }

    #[test]
    fn strict_is_an_allow_list_and_observe_only_watches() {
        assert_eq!(load("strict").unlisted, Unlisted::Drop);
        assert_eq!(load("default").unlisted, Unlisted::Keep);
        assert!(load("observe").observe && !load("default").observe);
    }

    #[test]
    fn observe_watches_what_default_would_do() {
        let both = (load("default"), load("observe"));
        assert_eq!(
            format!("{:#?}", both.0.rules),
            format!("{:#?}", both.1.rules)
        );
        assert_eq!(both.0.unlisted, both.1.unlisted);
    }

    /// What becomes of a field of this category, as long as nothing else is known of it.
    fn decided(policy: &CompiledPolicy, key: &str, gpc: bool) -> &'static str {
        let category = DataCategory::parse(key).unwrap();
        let rule = policy.rules.iter().find(|rule| {
            rule.categories.has(category)
                && rule.fields.is_empty()
                && rule.when.gpc.is_none_or(|want| want == gpc)
        });
        match (rule, policy.unlisted) {
            (Some(rule), _) => rule.action.name(),
            (None, Unlisted::Keep) => "unlisted: keep",
            (None, Unlisted::Drop) => "unlisted: drop",
        }
    }

    #[test]
    fn what_default_lets_pass_is_known_by_name() {
        let policy = load("default");
        let mut kept: Vec<&str> = DataCategory::all()
            .map(DataCategory::key)
            .filter(|key| decided(&policy, key, false).ends_with("keep"))
            .collect();
        kept.retain(|key| !key.starts_with("system"));
        assert_eq!(
            kept,
            [
                "user",
                "user.behavior",
                "user.behavior.campaign",
                "user.behavior.media_consumption",
                "user.behavior.purchase_history",
                "user.demographic.age_range",
                "user.privacy_preferences",
                "user.telemetry",
            ]
        );
    }

    #[test]
    fn default_decides_as_it_reads() {
        let policy = load("default");
        for (key, without, with) in [
            ("user.contact.email", "drop", "drop"),
            ("user.contact.address.country", "generalize", "generalize"),
            ("user.contact.address.city", "drop", "drop"),
            ("user.unique_id", "hash", "random"),
            ("user.unique_id.session", "hash", "random"),
            ("user.account.username", "hash", "random"),
            ("user.workplace", "hash", "random"),
            ("user.device.device_id.advertising", "hash", "random"),
            ("user.device.cookie_id", "hash", "random"),
            ("user.device.ip_address", "generalize", "generalize"),
            ("user.device.user_agent", "generalize", "generalize"),
            ("user.device.screen", "drop", "drop"),
            ("user.location.precise", "generalize", "generalize"),
            ("user.behavior.browsing_history", "generalize", "generalize"),
            ("user.behavior.browsing_history.title", "drop", "drop"),
            ("user.behavior.campaign.click_id", "drop", "drop"),
            ("user.behavior.search_history", "drop", "drop"),
            ("user.content.private", "drop", "drop"),
            ("user.demographic.gender", "drop", "drop"),
            ("user.demographic.language", "generalize", "generalize"),
            ("user.authorization.password", "drop", "drop"),
            ("user.health_and_medical.record_id", "drop", "drop"),
        ] {
            assert_eq!(decided(&policy, key, false), without, "{key}");
            assert_eq!(decided(&policy, key, true), with, "{key}, GPC");
        }
    }

    #[test]
    fn strict_lets_only_pseudonyms_pass() {
        let policy = load("strict");
        for category in DataCategory::all() {
            let action = decided(&policy, category.key(), false);
            assert!(
                matches!(action, "hash" | "drop" | "unlisted: drop"),
                "{category}"
            );
            let action = decided(&policy, category.key(), true);
            assert!(
                matches!(action, "random" | "drop" | "unlisted: drop"),
                "{category}"
            );
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
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
}

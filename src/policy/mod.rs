//! The policy language: `Policy` (written) → `CompiledPolicy` (runs).
//!
//! Rules are tried top to bottom, the first that matches decides. What is unknown is an error at
//! load time, with its place and a fix. This layer knows no HTTP and no JSON.
//!
//! `written` reads a file as it stands, `lower` gives it a meaning (with `does` for actions
//! and `place` for categories, selectors and globs), `lint` looks at the rules together. Each
//! of them reports and goes on, so that one run tells everything.

use crate::action::Action;
use crate::category::{CategorySet, DataCategory};
use crate::diagnostic::Diagnostics;
use crate::selector::Selector;

mod against;
mod builtin;
mod does;
mod fate;
mod guess;
mod lint;
mod lower;
mod place;
mod written;

pub use against::mentions;
pub use builtin::{BUILTINS, builtin, builtin_tests};
pub use fate::HowFound;

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
    /// How many past epochs' keys are kept when a new one begins; `None`: all.
    pub retain: Option<usize>,
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
    /// What analysis loses by this rule, for people; printed by `tamis check`.
    pub cost: Box<str>,
}

/// `when = { … }`; all that are set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct When {
    /// Sec-GPC or DNT sent (or not).
    pub gpc: Option<bool>,
    /// The client is in one of these countries (ISO 3166-1 alpha-2, upper case); empty: anywhere. It
    /// never holds where the country is not known.
    pub country: Box<[[u8; 2]]>,
    /// What the SDK says about consent.
    pub consent: Option<Consent>,
    /// The person is one of this share of all (see [`share`]); it never holds for nobody.
    pub sampled: Option<u64>,
}

/// `consent = { field = "…", is = … }`: holds when the field has one of the values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Consent {
    /// Where, relative to the event (or `$query.…`, `$header.…`): keys and `[]` only.
    pub field: Selector,
    /// Which values, as text: `true`, `granted`, `1`.
    pub is: Box<[Box<str>]>,
}

/// The numbers below which a share of all numbers lies.
#[must_use]
pub fn share(of_all: f64) -> u64 {
    // Saturates: 1.0 is everyone but one in 2^64.
    (of_all * 18_446_744_073_709_551_616.0) as u64
}

impl When {
    /// Whether anything is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl CompiledPolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// Everything that is wrong with it, when something is; otherwise the warnings come with the
    /// policy.
    pub fn load(file: &str, text: &str) -> Result<(Self, Diagnostics), Diagnostics> {
        lower::load(file, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::generalize::{DateUnit, Numbers};
    use crate::action::{Action, Hash, Mask, Shape, Shift};
    use proptest::prelude::*;

    fn errors(text: &str) -> Vec<String> {
        match CompiledPolicy::load("p.toml", text) {
            Ok((_, warnings)) => warnings.to_string(),
            Err(all) => all.to_string(),
        }
        .lines()
        .map(str::to_owned)
        .collect()
    }

    fn action(text: &str) -> Result<Action, String> {
        let text = format!("version = 1\n[[rule]]\nname = \"r\"\naction = {text}\n");
        match CompiledPolicy::load("p.toml", &text) {
            Ok((policy, _)) => Ok(policy.rules[0].action.clone()),
            Err(d) => Err(d.to_string()),
        }
    }

    #[test]
    fn a_newcomers_three_mistakes_are_told_at_once() {
        let text = r#"version = 1
name = "mine"

[[rule]]
name     = "no e-mail"
category = ["user.email"]
action   = "drop"

[[rule]]
name    = "ids"
catgory = ["user.unique_id"]
action  = { hash = { shape = "keeep" } }
"#;
        let want = [
            "p.toml:6:13: error[unknown-category]: unknown data category `user.email`; help: did you mean `user.contact.email`?",
            "p.toml:11:1: error[unknown-key]: unknown key `catgory`; help: did you mean `category`?",
            "p.toml:12:30: error[unknown-value]: `shape`: unknown value `keeep`; help: did you mean `keep`?",
        ];
        assert_eq!(errors(text), want);
    }

    #[test]
    fn places_are_checked() {
        let text = r#"version = 2
unlisted = "dorp"
[pseudonyms]
key = "0123:secret"
scope = "world"
[[classify]]
field = "a..b"
[[rule]]
name = "one"
category = []
field = ["items[0].sku", "$.properties", "$client.port", "$header.User-Agent", "a.b**"]
vendor = ["Mixpanel", "mix?"]
endpoint = "tr**k"
event = ["", "Check**"]
when = { country = ["de"], gcp = true }
[[rule]]
name = "one"
when = {}
action = "remove"
"#;
        let want = [
            "p.toml:1:11: error[unknown-version]: expected version 1 of the policy language, found 2; help: write `version = 1`",
            "p.toml:2:12: error[unknown-value]: `unlisted`: unknown value `dorp`; help: did you mean `drop`?",
            "p.toml:4:7: error[bad-key-name]: `key`: expected the name of a key, found something else; help: write `key = \"primary\"` (in state_dir/keys), `\"env:NAME\"` or `\"file:PATH\"`",
            "p.toml:5:9: error[unknown-value]: `scope`: unknown value `world`; help: expected one of: `vendor`, `global`",
            "p.toml:6:1: error[missing-key]: `category` is missing",
            "p.toml:7:9: error[bad-selector]: `a..b`: a step is empty; write `a.b`, `a.*.b`, `**.b` or `a[].b`",
            "p.toml:8:1: error[missing-key]: `action` is missing",
            "p.toml:10:12: error[empty-condition]: `category` is an empty list: it would match nothing; help: name what is meant, or leave `category` out for any",
            "p.toml:11:10: error[bad-selector]: `items[0].sku`: a bracket is not `[]` or `[\"key\"]`; help: `[]` stands for every element: write `items[].sku`",
            "p.toml:11:26: error[bad-selector]: `$.properties`: a selector is relative to the event; help: leave out `$.`",
            "p.toml:11:42: error[bad-selector]: `$client.port`: `$client.port` does not exist; help: write `$client.ip`",
            "p.toml:11:58: error[bad-selector]: `$header.User-Agent`: header names are compared in lower case; help: write `$header.user-agent`",
            "p.toml:11:80: error[bad-selector]: `a.b**`: `**` must stand alone between dots",
            "p.toml:12:11: error[bad-glob]: `Mixpanel` is not in lower case, as vendors' names are; help: write `mixpanel`",
            "p.toml:12:23: error[bad-glob]: `mix?` is no vendor's name; `*` is the only wildcard; help: `tamis vendors` lists the names",
            "p.toml:13:12: error[bad-glob]: `tr**k` has two stars in a row; help: write `tr*k`",
            "p.toml:14:10: error[bad-glob]: `` is empty; help: write `*` for any",
            "p.toml:14:14: error[bad-glob]: `Check**` has two stars in a row; help: write `Check*`",
            "p.toml:15:21: error[bad-country]: `de` is no country code; help: write two capital letters (ISO 3166-1): `DE`, `FR`, `US`",
            "p.toml:15:28: error[unknown-key]: unknown key `gcp`; help: did you mean `gpc`?",
            "p.toml:17:8: warning[duplicate-name]: the rule in line 9 is called `one` as well; help: reports name rules: give each its own name",
            "p.toml:18:8: error[empty-condition]: `when` names no condition; help: write `when = { gpc = true }` or leave it out",
            "p.toml:19:10: error[unknown-action]: unknown action `remove`; help: did you mean `drop`?",
        ];
        let got = errors(text);
        for (got, want) in got.iter().zip(want) {
            assert_eq!(got, want);
        }
        assert_eq!(got.len(), want.len(), "{got:#?}");
    }

    #[test]
    fn rules_that_nothing_reaches_are_told() {
        let text = r#"version = 1
[[rule]]
name = "contact"
category = ["user.contact", "user.name"]
action = "drop"
[[rule]]
name = "mail"
category = ["user.contact.email", "user.device"]
action = "hash"
[[rule]]
name = "all"
action = "keep"
[[rule]]
name = "late"
field = "a"
action = "drop"
"#;
        let want = [
            "p.toml:8:13: warning[unreachable-category]: `user.contact.email` never reaches \"mail\": \"contact\" takes it before; help: the first rule that matches decides: put the narrower rule first",
            "p.toml:13:1: warning[unreachable-rule]: nothing reaches \"late\": \"all\" takes everything; help: move the rule without conditions to the end",
        ];
        assert_eq!(errors(text), want);
    }

    #[test]
    fn fields_that_are_taken_before_are_told() {
        let text = "version = 1\n[[rule]]\nname = \"a\"\nfield = [\"a.b\", \"**.mail\"]\naction = \"keep\"\n\
            [[rule]]\nname = \"b\"\nfield = [\"a.b\", \"x.mail\", \"x.y\"]\naction = \"drop\"\n\
            [[rule]]\nname = \"c\"\nfield = \"x.y\"\nwhen = { gpc = true }\naction = \"drop\"\n";
        let want = [
            "p.toml:8:10: warning[unreachable-field]: `a.b` never reaches \"b\": \"a\" takes it before; help: the first rule that matches decides: put the narrower rule first",
            "p.toml:8:17: warning[unreachable-field]: `x.mail` never reaches \"b\": \"a\" takes it before; help: the first rule that matches decides: put the narrower rule first",
            "p.toml:12:9: warning[unreachable-field]: `x.y` never reaches \"c\": \"b\" takes it before; help: the first rule that matches decides: put the narrower rule first",
        ];
        assert_eq!(errors(text), want);
    }

    #[test]
    fn names_and_numbers_of_rules_have_limits() {
        let text = "version = 1\nname = \"\"\n[[rule]]\nname = \"a\\nb\"\naction = \"keep\"\n";
        let want = [
            "p.toml:2:8: error[bad-name]: a name has 1 to 120 printable characters",
            "p.toml:4:8: error[bad-name]: a name has 1 to 120 printable characters",
        ];
        assert_eq!(errors(text), want);
        let many: String = (0..10_001)
            .map(|n| format!("[[rule]]\nfield = \"a{n}\"\naction = \"keep\"\n"))
            .collect();
        let found = errors(&format!("version = 1\n{many}"));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].contains("10001 rules, expected at most 10000"),
            "{found:?}"
        );
    }

    #[test]
    fn every_action_of_the_table() {
        assert_eq!(action(r#""keep""#), Ok(Action::Keep));
        assert_eq!(action(r#""drop_event""#), Ok(Action::DropEvent));
        assert_eq!(action(r#""hash""#), Ok(Action::Hash(Hash::default())));
        assert_eq!(
            action(r#"{ replace = "x" }"#),
            Ok(Action::Replace("x".into()))
        );
        assert_eq!(
            action(r#"{ mask = "email" }"#),
            Ok(Action::Mask(Mask::Email))
        );
        assert_eq!(
            action("{ mask = { keep_start = 1, keep_end = 2, char = \"#\" } }"),
            Ok(Action::Mask(Mask::Ends {
                keep_start: 1,
                keep_end: 2,
                char: '#'
            }))
        );
        assert_eq!(
            action("{ hash = { shape = \"hex\", prefix = \"u_\", length = 16 } }"),
            Ok(Action::Hash(Hash {
                shape: Shape::Hex,
                prefix: "u_".into(),
                length: Some(16),
                bits: None,
            }))
        );
        assert_eq!(
            action("{ random = { shape = \"uuid\" } }"),
            Ok(Action::Random(Shape::Uuid))
        );
        let all = r#"{ generalize = { ip = "prefix", location = "country", url = { query = ["utm_*"], fragment = "drop" }, user_agent = "family", referrer = "common", time = "hour", date = "decade", number = { step = 10 }, postal_code = "zip3", email = "domain", language = "primary" } }"#;
        let Ok(Action::Generalize(g)) = action(all) else {
            panic!("{:?}", action(all));
        };
        assert!(g.location && g.user_agent && g.referrer && g.email && g.language && g.postal_code);
        assert_eq!(g.date, Some(DateUnit::Decade));
        assert_eq!(g.number, Some(Numbers::Step(10.0)));
        assert_eq!(g.url.unwrap().query[0], "utm_*".into());
        assert_eq!(g.ip.unwrap().v4, 24);
    }

    #[test]
    fn every_condition_of_the_table() {
        let when = |text: &str| {
            let text =
                format!("version = 1\n[[rule]]\nname = \"r\"\naction = \"keep\"\nwhen = {text}\n");
            match CompiledPolicy::load("p.toml", &text) {
                Ok((policy, _)) => Ok(policy.rules[0].when.clone()),
                Err(d) => Err(d.to_string()),
            }
        };
        assert_eq!(action("{ encrypt = {} }"), Ok(Action::Encrypt));
        assert_eq!(
            action("{ shift = { days = 30 } }"),
            Ok(Action::Shift(Shift { days: 30 }))
        );
        assert_eq!(when("{ gpc = true }").unwrap().gpc, Some(true));
        assert_eq!(
            *when(r#"{ country = ["DE", "FR"] }"#).unwrap().country,
            [*b"DE", *b"FR"]
        );
        assert_eq!(when("{ sampled = 0.5 }").unwrap().sampled, Some(1 << 63));
        let consent =
            when(r#"{ consent = { field = "context.consent.ads", is = [true, "granted", 1] } }"#);
        let consent = consent.unwrap().consent.unwrap();
        assert_eq!(consent.field.to_string(), "context.consent.ads");
        assert_eq!(*consent.is, ["true".into(), "granted".into(), "1".into()]);
        for (text, message) in [
            ("{ sampled = 1 }", "above 0 and below 1"),
            ("{ sampled = 0 }", "above 0 and below 1"),
            ("{ country = [] }", "names no country"),
            (r#"{ consent = "granted" }"#, "expected a table"),
            (
                r#"{ consent = { field = "a.*", is = true } }"#,
                "stands for many fields",
            ),
            (r#"{ consent = { field = "a" } }"#, "`is` is missing"),
            (
                r#"{ consent = { field = "a", is = 1.5 } }"#,
                "a whole number",
            ),
        ] {
            let found = when(text).unwrap_err();
            assert!(found.contains(message), "{text}: {found}");
        }
    }

    #[test]
    fn what_is_no_action_says_what_to_write() {
        let help = |text: &str| action(text).unwrap_err();
        assert!(help(r#""hsh""#).contains("did you mean `hash`?"));
        assert!(help(r#""mask""#).contains("write `action = { mask = {"));
        assert!(help("{ encrypt = { key = 1 } }").contains("unknown key `key`"));
        assert!(help("{ shift = { days = 0 } }").contains("expected 1 to 3650"));
        assert!(help("{ shift = {} }").contains("`days` is missing"));
        assert!(help(r#""shift""#).contains("write `action = { shift = { days = 30 } }`"));
        assert!(help("{ drop = true }").contains("write `action = \"drop\"`"));
        assert!(help("{ hash = {}, mask = {} }").contains("one key"));
        assert!(help("3").contains("found an integer"));
        assert!(help("{ hash = { length = 4 } }").contains("length of their own"));
        assert!(help("{ generalize = {} }").contains("does not say what"));
        let number = |text| help(&format!("{{ generalize = {{ number = {text} }} }}"));
        assert!(number("10").contains("expected a table"));
        assert!(number("{ step = 0 }").contains("above 0"));
        assert!(number("{ step = 5, top = 9 }").contains("has one key"));
        assert!(number("{ buckets = [18, 0] }").contains("that ascend"));
        assert!(number("{ buckets = [] }").contains("that ascend"));
        assert!(number("{}").contains("has one key"));
        assert!(help("{ generalize = { ip = { v4 = 64 } } }").contains("expected 0 to 32"));
    }

    #[test]
    fn the_text_is_signed_and_the_defaults_are_those_of_the_language() {
        let (policy, _) =
            CompiledPolicy::load("dir/my.toml", "version = 1\nunlisted = \"keep\"").unwrap();
        assert_eq!(&*policy.name, "my");
        assert_eq!(&*policy.pseudonyms.key, "primary");
        assert_eq!(policy.pseudonyms.rotate, Rotate::Never);
        let (other, _) =
            CompiledPolicy::load("my.toml", "version = 1\nunlisted = \"keep\" ").unwrap();
        assert_ne!(policy.digest, other.digest);
    }

    proptest! {
        #[test]
        fn no_policy_makes_it_panic(
            text in "(\\PC|\n|version = 1\n|\\[\\[rule\\]\\]\n|category = \"user|action = |\\{ hash = |generalize = \\{|field = \\[\"|when = \\{ gpc = true \\}\n){0,30}"
        ) {
            let _ = CompiledPolicy::load("p.toml", &text);
        }

        #[test]
        fn no_word_in_a_rule_makes_it_panic(word in "[\\PC]{0,20}") {
            for key in ["category", "field", "vendor", "endpoint", "event", "action"] {
                let text = format!("version = 1\n[[rule]]\naction = \"keep\"\n{key} = {word:?}\n");
                let _ = CompiledPolicy::load("p.toml", &text);
            }
        }
    }
}

//! What `tamis check` tells newcomers: policies as people write them on the first day, three and more
//! mistakes in each. All are told in one run, each with its place and what to write instead.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

use tamis::catalog::load;
use tamis::policy::{CompiledPolicy, mentions};

/// A policy; what is told of it: `line:column code`, and what the help says.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// The findings of `tamis check`: place and code, and the help.
fn told(text: &str) -> Vec<(String, String)> {
    let vendors = load::builtin().unwrap();
    let vendors: Vec<_> = vendors.iter().collect();
    let d = match CompiledPolicy::load("p.toml", text) {
        Ok((policy, mut warnings)) => {
            policy.against(&vendors, &mut warnings);
            warnings
        }
        Err(mut errors) => {
            mentions(&vendors, &mut errors);
            errors
        }
    };
    let place = |item: &tamis::diagnostic::Diagnostic| {
        let (line, column) = d.position(item.span.clone().unwrap_or(0..0).start);
        format!("{line}:{column} {}", item.code)
    };
    d.items
        .iter()
        .map(|item| {
            (
                place(item),
                item.help.clone().unwrap_or_else(|| "-".to_owned()),
            )
        })
        .collect()
}

#[test]
fn all_mistakes_are_told_at_once_with_their_place_and_a_fix() {
    for (name, text, want) in CASES {
        let found = told(text);
        let list: Vec<String> = found
            .iter()
            .map(|(at, help)| format!("{at} {help}"))
            .collect();
        assert_eq!(found.len(), want.len(), "{name}: {list:#?}");
        for ((at, help), want) in found.iter().zip(*want) {
            let mut parts = want.splitn(3, ' ');
            let place = format!("{} {}", parts.next().unwrap(), parts.next().unwrap());
            assert_eq!(*at, place, "{name}: {list:#?}");
            assert!(
                help.contains(parts.next().unwrap()),
                "{name}: {want}: {help}"
            );
        }
    }
}

const CASES: &[Case] = &[
    (
        "keys of other tools",
        r##"version = 1
name = "shop"
[[rules]]
name = "no mail"
categories = ["user.contact.email"]
action = "delete"
"##,
        &[
            "3:3 unknown-key `rule`",
            "5:1 unknown-key `category`",
            "6:10 unknown-action `drop`",
        ],
    ),
    (
        "a category, an action and a vendor misspelt",
        r##"version = 1
name = "shop"

[[rule]]
name = "no mail"
category = "user.contact.emial"
action = "drop"

[[rule]]
name = "ids"
category = ["user.unique_id"]
action = "hash256"

[[rule]]
name = "ids"
vendor = ["mixpannel"]
action = "keep"
"##,
        &[
            "6:12 unknown-category `user.contact.email`",
            "12:10 unknown-action `hash`",
            "15:8 duplicate-name its own name",
            "16:11 unknown-vendor `mixpanel`",
        ],
    ),
    (
        "quotes where none belong, and none where they do",
        r##"version = "1"
unlisted = "block"

[[rule]]
name = no mail
category = ["user.contact"]
action = "drop"

[[rule]]
name = "ids"
category = ["user.unique_id"]
action = { hash = { shape = "UUID" } }
"##,
        &[
            "1:11 wrong-type `1`",
            "2:12 unknown-value `keep`, `drop`",
            "5:8 syntax `name = \"no mail\"`",
            "12:29 unknown-value `uuid`",
        ],
    ),
    (
        "British, brackets, a bare word",
        r##"version = 1
[[rule]]
name = "geo"
category = ["user.location"]
action = { generalise = { location = "country" } }

[[rule]]
name = "plan"
field = "properties[plan]"
action = { mask = { start = 2 } }

[[rule]]
name = "ids"
category = [user.unique_id]
action = "hash"
"##,
        &[
            "5:12 unknown-action `generalize`",
            "9:9 bad-selector `properties.plan`",
            "10:21 unknown-key `keep_start`",
            "14:13 syntax `\"user.unique_id\"`",
        ],
    ),
    (
        "tables misnamed and values of another type",
        r##"version = 1
[pseudonym]
rotate = "month"
[[rule]]
name = "ids"
category = ["user.unique_id"]
action = "hash"
when = { consent = true }
[[rule]]
name = "time"
field = ["properties.time"]
action = { generalize = { time = "hourly", number = 10 } }
"##,
        &[
            "2:2 unknown-key `pseudonyms`",
            "3:10 unknown-value `monthly`",
            "8:20 wrong-type `consent = {",
            "12:34 unknown-value `hour`",
            "12:53 wrong-type `number = { step = 10 }`",
        ],
    ),
    (
        "words of other tools, paths and expressions",
        r##"version = 1
[[rule]]
name = "a"
category = ["contact.email", "user.ip", "ip_address"]
action = "pseudonymize"
[[rule]]
name = "b"
field = ["$.properties.email", "properties/plan", "/^utm_.*$/"]
action = "anonymize"
[[rule]]
name = "c"
event = "Checkout (Completed|Started)"
action = "remove"
"##,
        &[
            "4:13 unknown-category `user.contact.email`",
            "4:30 unknown-category `user.device.ip_address`",
            "4:41 unknown-category `user.device.ip_address`",
            "5:10 unknown-action `hash`",
            "8:10 bad-selector `$.`",
            "8:32 no-path `properties.plan`",
            "8:51 no-expression `utm_*`",
            "9:10 unknown-action `hash`",
            "12:9 no-expression `*`",
            "13:10 unknown-action `drop`",
        ],
    ),
    (
        "a bracket left open",
        r##"version = 1
[[rule]]
name = "a"
category = ["user.contact.email"
action = "drop"

[[rule]]
name = "b"
catgory = ["user.name"]
action = "dorp"
"##,
        &[
            "4:12 syntax `]`",
            "9:1 unknown-key `category`",
            "10:10 unknown-action `drop`",
        ],
    ),
    (
        "one table instead of many",
        r##"version = 1
[rule]
name = "a"
category = ["user.contact.emial"]
action = "delete"
"##,
        &[
            "2:1 wrong-type `[[rule]]`",
            "4:13 unknown-category `user.contact.email`",
            "5:10 unknown-action `drop`",
        ],
    ),
    (
        "a quote left open",
        r##"version = 1
[[rule]]
name = "a
category = ["user.contact.email"]
action = "drop"

[[rule]]
name = "b"
category = ["user.nme"]
action = "dropp"
"##,
        &[
            "3:10 syntax `\"`",
            "9:13 unknown-category `user.name`",
            "10:10 unknown-action `drop`",
        ],
    ),
    (
        "texts for truth",
        r##"version = 1
unlisted = drop

[[rule]]
name = "a"
category = ["user.contact.email"]
action = drop

[[rule]]
name = "b"
field = ["properties.email",]
scan = "no"
action = "keep"
when = { gpc = "yes", country = "Germany" }
"##,
        &[
            "2:12 syntax `unlisted = \"drop\"`",
            "7:10 syntax `action = \"drop\"`",
            "12:8 wrong-type `false`",
            "14:16 wrong-type `true`",
            "14:33 bad-country `DE`",
        ],
    ),
    (
        "YAML",
        r##"version = 1
[[rule]]
name: "a"
category: ["user.contact.email"]
action: "drop"
[[rule]]
name = "b"
category = ["user.nme"]
action = "dropp"
"##,
        &[
            "3:5 syntax `name = \"a\"`",
            "4:9 syntax `category = [",
            "5:7 syntax `action = \"drop\"`",
            "8:13 unknown-category `user.name`",
            "9:10 unknown-action `drop`",
        ],
    ),
    (
        "lists and stars",
        r##"version = 1
[[classify]]
fields = ["properties.member"]
category = ["user.unique_id", "user.account"]
[[rule]]
name = "b"
category = ["user.*"]
action = { hash = true }
[[rule]]
category = ["user.unique_id"]
actoin = "hash"
"##,
        &[
            "3:1 unknown-key `field`",
            "4:12 wrong-type one only",
            "7:13 unknown-category `user`",
            "8:19 wrong-type `hash = {",
            "11:1 unknown-key `action`",
        ],
    ),
    (
        "settings of actions",
        r##"version = 1
[[rule]]
name = "dates"
field = ["properties.created"]
action = { shift = 30 }
[[rule]]
name = "x"
field = ["properties.x"]
action = { replace = 5 }
[[rule]]
name = "y"
field = ["properties.y"]
action = { drop = true, hash = {} }
[[rule]]
name = "z"
field = ["properties.z"]
action = { mask = { keep_start = "2", char = "**" } }
"##,
        &[
            "5:20 wrong-type `shift = { days = 30 }`",
            "9:22 wrong-type `\"5\"`",
            "13:10 bad-action `action = \"drop\"`",
            "17:34 wrong-type `2`",
            "17:46 bad-value `char = \"*\"`",
        ],
    ),
    (
        "a comma, a bracket and a key too many",
        r##"version = 1
[[rule]]
name = "a"
field = [
  "properties.a"
  "properties.b",
]
action = "drop"

[[rule
name = "b"
catgory = ["user.nme"]

[[rule]]
name = "c"
category = ["user.nme"]
action = "drop"
action = "hash"
"##,
        &[
            "6:1 syntax comma",
            "10:7 syntax -",
            "16:13 unknown-category `user.name`",
            "18:1 syntax -",
        ],
    ),
];

#[test]
fn a_word_of_a_list_is_not_mended_by_quotes() {
    let found = told(
        "version = 1\nunlisted = true\n[pseudonyms]\nrotate = 7\n[[rule]]\nname = \"a\"\naction = \"keep\"\n",
    );
    let help = |at: &str| {
        let item = found.iter().find(|(place, _)| place == at);
        item.unwrap_or_else(|| panic!("{at}: {found:#?}")).1.clone()
    };
    assert_eq!(help("2:12 wrong-type"), "expected one of: `keep`, `drop`");
    assert!(help("4:10 wrong-type").contains("`monthly`"), "{found:#?}");
}

#[test]
fn a_rule_that_takes_what_every_vendor_needs_is_one_mistake() {
    let found =
        told("version = 1\nunlisted = \"keep\"\n[[rule]]\nname = \"all\"\naction = \"drop\"\n");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].0, "4:8 removes-protocol");
}

//! From the written policy to the one that runs.

use sha2::{Digest, Sha256};

use crate::action::Action;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Mended, Spanned, Table, Value, show, verdict};

use super::place::{self, Names};
use super::written::{self, Written, WrittenClassify, WrittenPseudonyms, WrittenRule};
use super::{Classify, CompiledPolicy, Consent, Pseudonyms, Rotate, Rule, Scope, Unlisted, When};
use super::{does, lint};

/// The version of the language.
const VERSION: i64 = 1;
/// More than people can read.
const MOST_RULES: usize = 10_000;
/// The engine has a bit for each place of consent.
const MOST_CONSENTS: usize = 64;
/// Names stand in reports, metrics and on the admin page.
const LONGEST_NAME: usize = 120;

/// See [`CompiledPolicy::load`].
pub(super) fn load(file: &str, text: &str) -> Result<(CompiledPolicy, Diagnostics), Diagnostics> {
    let mended = Mended::of(text);
    let (document, mut d) = mended.document(file);
    let written = written::read(&document, &mut d);
    version(&written, &mut d);
    names(&written, &mut d);
    if let Some(rule) = written.rules.get(MOST_RULES) {
        let found = written.rules.len();
        d.push(Diagnostic::error(
            "too-many-rules",
            format!("{found} rules, expected at most {MOST_RULES}"),
            rule.span.clone(),
        ));
    }
    lint::lint(&written, &mut d);
    let policy = CompiledPolicy {
        name: name(&written, file),
        digest: Sha256::digest(text.as_bytes()).into(),
        unlisted: written
            .unlisted
            .as_ref()
            .and_then(|value| {
                value.choice(
                    &[("keep", Unlisted::Keep), ("drop", Unlisted::Drop)],
                    &mut d,
                )
            })
            .unwrap_or(Unlisted::Keep),
        pseudonyms: pseudonyms(&written.pseudonyms, &mut d),
        classify: written
            .classify
            .iter()
            .filter_map(|item| classify(item, &mut d))
            .collect(),
        rules: written
            .rules
            .into_iter()
            .enumerate()
            .filter_map(|(at, item)| rule(at, item, &mut d))
            .collect(),
        observe: written.observe,
    };
    consents(&policy, &mut d);
    verdict(Some(policy), d)
}

fn version(written: &Written<'_>, d: &mut Diagnostics) {
    let Some(value) = &written.version else {
        d.push(
            Diagnostic::warning("no-version", "`version` is missing, taken as 1", 0..0)
                .help("write `version = 1` in the first line"),
        );
        return;
    };
    if let Some(int) = value.int(d)
        && int.value != VERSION
    {
        d.push(
            Diagnostic::error(
                "unknown-version",
                format!(
                    "expected version 1 of the policy language, found {}",
                    int.value
                ),
                int.span,
            )
            .help("write `version = 1`"),
        );
    }
}

fn consents(policy: &CompiledPolicy, d: &mut Diagnostics) {
    let mut known: Vec<&Consent> = Vec::new();
    for consent in policy.rules.iter().filter_map(|r| r.when.consent.as_ref()) {
        if !known.contains(&consent) {
            known.push(consent);
        }
        if known.len() > MOST_CONSENTS {
            d.push(Diagnostic::error(
                "too-many-consents",
                format!("more than {MOST_CONSENTS} different conditions on consent"),
                0..0,
            ));
            return;
        }
    }
}

fn names(written: &Written<'_>, d: &mut Diagnostics) {
    let of_rules = written.rules.iter().filter_map(|rule| rule.name.as_ref());
    for name in written.name.iter().chain(of_rules) {
        let length = name.value.chars().count();
        if !(1..=LONGEST_NAME).contains(&length) || name.value.contains(char::is_control) {
            d.push(Diagnostic::error(
                "bad-name",
                format!("a name has 1 to {LONGEST_NAME} printable characters"),
                name.span.clone(),
            ));
        }
    }
}

/// The policy's own name, or the file's.
fn name(written: &Written<'_>, file: &str) -> Box<str> {
    let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
    written
        .name
        .as_ref()
        .map_or_else(|| stem.trim_end_matches(".toml"), |name| name.value)
        .into()
}

fn pseudonyms(written: &WrittenPseudonyms<'_>, d: &mut Diagnostics) -> Pseudonyms {
    let scopes = [("vendor", Scope::Vendor), ("global", Scope::Global)];
    let periods = [
        ("never", Rotate::Never),
        ("daily", Rotate::Daily),
        ("weekly", Rotate::Weekly),
        ("monthly", Rotate::Monthly),
        ("yearly", Rotate::Yearly),
    ];
    let rotate = (written.rotate.as_ref())
        .and_then(|value| value.choice(&periods, d))
        .unwrap_or(Rotate::Never);
    Pseudonyms {
        retain: written.retain.as_ref().and_then(|n| retain(n, rotate, d)),
        rotate,
        key: written
            .key
            .as_ref()
            .and_then(|key| key_name(key, d))
            .unwrap_or("primary")
            .into(),
        scope: (written.scope.as_ref())
            .and_then(|value| value.choice(&scopes, d))
            .unwrap_or(Scope::Vendor),
    }
}

fn retain(given: &Spanned<i64>, rotate: Rotate, d: &mut Diagnostics) -> Option<usize> {
    let found = usize::try_from(given.value).ok().filter(|n| *n <= 10_000);
    if found.is_none() {
        let message = "`retain`: expected how many past epochs are kept, 0 to 10000";
        d.push(Diagnostic::error(
            "out-of-range",
            message,
            given.span.clone(),
        ));
    } else if rotate == Rotate::Never {
        let message = "`retain` concerns past epochs, and `rotate` is \"never\"";
        d.push(
            Diagnostic::warning("idle-retain", message, given.span.clone())
                .help("write `rotate = \"daily\"`, or leave `retain` out"),
        );
    }
    found
}

/// A key is named, never written down: a name, `env:NAME` or `file:PATH`.
fn key_name<'d>(key: &Spanned<&'d str>, d: &mut Diagnostics) -> Option<&'d str> {
    let text = key.value;
    let good = match text.split_once(':') {
        Some(("env" | "file", rest)) => !rest.is_empty(),
        Some(_) => false,
        None => {
            !text.is_empty()
                && text.len() <= 64
                && !looks_like_a_key(text)
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        }
    };
    if !good {
        // The text is not shown: it may be the key itself.
        d.conceal(key.span.clone());
        d.push(
            Diagnostic::error(
                "bad-key-name",
                "`key`: expected the name of a key, found something else",
                key.span.clone(),
            )
            .help(
                "write `key = \"primary\"` (in state_dir/keys), `\"env:NAME\"` or `\"file:PATH\"`",
            ),
        );
    }
    good.then_some(text)
}

/// 32 bytes in hexadecimal or base64: a name of that look is the key itself, pasted.
fn looks_like_a_key(text: &str) -> bool {
    let hex = text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let base64 = matches!(text.len(), 43 | 44) && text.bytes().any(|b| b.is_ascii_digit());
    hex || base64
}

fn classify(written: &WrittenClassify<'_>, d: &mut Diagnostics) -> Option<Classify> {
    let fields = place::fields(written.field.as_ref(), d);
    let category = place::category(written.category.as_ref()?, d)?;
    Some(Classify { fields, category })
}

fn rule(at: usize, written: WrittenRule<'_>, d: &mut Diagnostics) -> Option<Rule> {
    let categories = place::categories(written.category.as_ref(), d);
    let fields = place::fields(written.field.as_ref(), d);
    let vendors = place::globs(written.vendor.as_ref(), Names::Vendors, d);
    let endpoints = place::globs(written.endpoint.as_ref(), Names::Endpoints, d);
    let events = place::globs(written.event.as_ref(), Names::Events, d);
    let when = written.when.map_or_else(When::default, |t| when(t, d));
    let action = written.action.as_ref().and_then(|v| does::action(v, d))?;
    if let Some(scan) = &written.scan
        && action != Action::Keep
    {
        d.push(
            Diagnostic::warning(
                "idle-scan",
                format!(
                    "`scan` concerns kept strings, and this rule's action is `{}`",
                    action.name()
                ),
                scan.span.clone(),
            )
            .help("leave `scan` out"),
        );
    }
    Some(Rule {
        name: written.name.map_or_else(
            || format!("rule {}", at + 1).into(),
            |name| name.value.into(),
        ),
        categories,
        fields,
        vendors,
        endpoints,
        events,
        when,
        action,
        scan: written.scan.is_none_or(|scan| scan.value),
        reason: written
            .reason
            .map_or_else(Box::default, |reason| reason.value.into()),
        cost: written
            .cost
            .map_or_else(Box::default, |cost| cost.value.into()),
    })
}

fn when(table: Table<'_>, d: &mut Diagnostics) -> When {
    let table = table.knows(&["gpc", "country", "consent", "sampled"]);
    let gpc = table.bool("gpc", d).map(|on| on.value);
    let country = table.value("country").map(|v| countries(&v, d));
    let example = "{ field = \"properties.consent.ads\", is = true }";
    let consent = (table.value("consent"))
        .and_then(|value| value.table_like(example, d))
        .and_then(|t| consent(t, d));
    let sampled = table.value("sampled").and_then(|v| sampled(&v, d));
    let when = When {
        gpc,
        country: country.unwrap_or_default(),
        consent,
        sampled,
    };
    if table.is_empty() {
        d.push(
            Diagnostic::error("empty-condition", "`when` names no condition", table.span())
                .help("write `when = { gpc = true }` or leave it out"),
        );
    }
    table.finish(d);
    when
}

fn countries(value: &Value<'_>, d: &mut Diagnostics) -> Box<[[u8; 2]]> {
    let words = value.str_list(d);
    if words.is_empty() {
        d.push(
            Diagnostic::error(
                "empty-condition",
                "`country` names no country",
                value.span(),
            )
            .help("write for instance `country = [\"DE\", \"FR\"]`"),
        );
    }
    let mut codes = Vec::new();
    for word in &words {
        match <[u8; 2]>::try_from(word.value.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => codes.push(code),
            Ok(_) | Err(_) => {
                let item = Diagnostic::error(
                    "bad-country",
                    format!("`{}` is no country code", show(word.value)),
                    word.span.clone(),
                );
                d.push(item.help("write two capital letters (ISO 3166-1): `DE`, `FR`, `US`"));
            }
        }
    }
    codes.into()
}

fn consent(table: Table<'_>, d: &mut Diagnostics) -> Option<Consent> {
    let field = table
        .required("field", d)
        .and_then(|value| place::one_field(&value, d));
    let is = table.required("is", d).map(|value| values(&value, d));
    table.finish(d);
    Some(Consent {
        field: field?,
        is: is?,
    })
}

/// One value or a list: texts, whole numbers, `true` and `false`.
fn values(value: &Value<'_>, d: &mut Diagnostics) -> Box<[Box<str>]> {
    let one = |value: &Value<'_>, d: &mut Diagnostics| -> Option<Box<str>> {
        if let Some(text) = value.as_str() {
            return Some(text.into());
        }
        match value.kind() {
            "a boolean" => value.bool(d).map(|on| on.value.to_string().into()),
            "an integer" => value.int(d).map(|int| int.value.to_string().into()),
            _ => {
                value.expected("a text, a whole number, `true` or `false`", d);
                None
            }
        }
    };
    if value.kind() == "a list" {
        let list = value.list(d);
        return list.iter().filter_map(|value| one(value, d)).collect();
    }
    one(value, d).into_iter().collect()
}

fn sampled(value: &Value<'_>, d: &mut Diagnostics) -> Option<u64> {
    let part = value.float(d)?;
    if part.value > 0.0 && part.value < 1.0 {
        return Some(super::share(part.value));
    }
    d.push(
        Diagnostic::error(
            "out-of-range",
            "`sampled`: expected a share of all persons, above 0 and below 1",
            part.span,
        )
        .help("write `sampled = 0.1` for one person in ten"),
    );
    None
}

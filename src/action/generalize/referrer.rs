//! `referrer = "common"`: the host of a referrer that very many visitors have, nothing of others.
//!
//! The list is data (`config/referrers.txt`). A subdomain stays only when it is one that everybody
//! sees (`www`, `m`, a language); a rare one would name its visitor.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::action::{Effect, Value};

const LIST: &str = include_str!("../../../config/referrers.txt");

/// The list, sorted into its kinds of lines.
struct Common {
    /// `google.com`: the host and its subdomains.
    hosts: HashSet<&'static str>,
    /// `google.*`: under every public suffix of one or two short labels.
    names: HashSet<&'static str>,
    /// `= (direct)`: words that SDKs send in place of a referrer.
    words: HashSet<&'static str>,
    /// `+ www`: subdomains that stay.
    subdomains: HashSet<&'static str>,
}

static COMMON: LazyLock<Common> = LazyLock::new(|| {
    let mut common = Common {
        hosts: HashSet::new(),
        names: HashSet::new(),
        words: HashSet::new(),
        subdomains: HashSet::new(),
    };
    for line in LIST.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        } else if let Some(word) = line.strip_prefix("= ") {
            common.words.insert(word);
        } else if let Some(subdomain) = line.strip_prefix("+ ") {
            common.subdomains.insert(subdomain);
        } else if let Some(name) = line.strip_suffix(".*") {
            common.names.insert(name);
        } else {
            common.hosts.insert(line);
        }
    }
    common
});

/// Writes `https://host/` for a URL, `host` for a host; what is not common is removed.
pub(super) fn apply(value: Value<'_>, out: &mut String) -> Effect {
    let Value::Text(text) = value else {
        return Effect::Remove;
    };
    let text = text.trim();
    if COMMON.words.contains(text) {
        out.push_str(text);
        return Effect::Text;
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let known = |s: &str| matches!(s, "http" | "https" | "android-app" | "ios-app");
    if scheme.is_some_and(|s| !known(s)) {
        return Effect::Remove;
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host
        .split(':')
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let host = host.to_ascii_lowercase();
    let Some(common) = common_part(&host) else {
        return Effect::Remove;
    };
    if let Some(scheme) = scheme {
        out.push_str(scheme);
        out.push_str("://");
    }
    out.push_str(common);
    if scheme.is_some() {
        out.push('/');
    }
    Effect::Text
}

/// The part of a host that may be shown.
fn common_part(host: &str) -> Option<&str> {
    let mut rest = host;
    let mut shown = None;
    loop {
        if COMMON.hosts.contains(rest) || is_national(rest) {
            return Some(shown.unwrap_or(rest));
        }
        let (label, parent) = rest.split_once('.')?;
        // Shown as long as all labels below the listed name are common ones.
        shown = COMMON
            .subdomains
            .contains(label)
            .then_some(shown.unwrap_or(rest));
        if shown.is_none() {
            // A rare label hides itself and all before it.
            return common_part(parent);
        }
        rest = parent;
    }
}

/// `google.ch`, `google.co.uk`, `google.com.br`.
fn is_national(host: &str) -> bool {
    let Some((name, suffix)) = host.split_once('.') else {
        return false;
    };
    let letters = |s: &str| s.bytes().all(|b| b.is_ascii_lowercase());
    let known_suffix = match suffix.split_once('.') {
        None => matches!(suffix.len(), 2 | 3) && letters(suffix),
        Some((second, country)) => {
            matches!(
                second,
                "co" | "com" | "net" | "org" | "ne" | "or" | "ac" | "gov" | "edu"
            ) && country.len() == 2
                && letters(country)
        }
    };
    known_suffix && COMMON.names.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Option<String> {
        let mut out = String::new();
        (apply(Value::Text(text), &mut out) == Effect::Text).then_some(out)
    }

    #[test]
    fn common_ones_stay_as_hosts() {
        for (given, want) in [
            (
                "https://www.google.com/search?q=jane+doe",
                "https://www.google.com/",
            ),
            ("https://www.google.co.uk/", "https://www.google.co.uk/"),
            ("https://GOOGLE.ch", "https://google.ch/"),
            (
                "https://l.facebook.com/l.php?u=x",
                "https://l.facebook.com/",
            ),
            ("http://m.facebook.com/jane", "http://m.facebook.com/"),
            ("https://t.co/abc", "https://t.co/"),
            ("https://github.com/jane/repo", "https://github.com/"),
            ("https://jane.wordpress.com/x", "https://wordpress.com/"),
            ("https://www.jane.wordpress.com/x", "https://wordpress.com/"),
            (
                "https://de.wikipedia.org/wiki/Jane",
                "https://de.wikipedia.org/",
            ),
            (
                "https://user:pw@www.bing.com:443/x",
                "https://www.bing.com/",
            ),
            (
                "android-app://com.google.android.gm/",
                "android-app://com.google.android.gm/",
            ),
            ("www.google.com", "www.google.com"),
            ("duckduckgo.com/?q=x", "duckduckgo.com"),
            ("$direct", "$direct"),
            ("(none)", "(none)"),
        ] {
            assert_eq!(run(given).as_deref(), Some(want), "{given}");
        }
    }

    #[test]
    fn rare_ones_go() {
        for bad in [
            "https://intranet.acme.example/",
            "https://google.evil.example/",
            "https://notgoogle.com/",
            "https://google.com.evil.example/",
            "https://shop.example",
            "jane",
            "",
            "https://",
            "file:///google.com",
            "https://google.com@evil.example/",
            "javascript://google.com/",
            "https://google.janedoe/",
        ] {
            assert_eq!(run(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_list_is_in_order() {
        assert!(COMMON.hosts.len() > 150 && COMMON.names.contains("google"));
        for host in &COMMON.hosts {
            assert!(
                host.contains('.') && *host == host.to_ascii_lowercase(),
                "{host}"
            );
        }
    }
}

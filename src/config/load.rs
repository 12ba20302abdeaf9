//! From the text of a configuration file to a [`Config`], telling everything that is wrong.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::policy;
use crate::reader::{Mended, Spanned, Table, nearest, show, verdict};

use super::field::{count, empty, path, read_all, read_one, required_path, size, time};
use super::open::is_path;
use super::{
    Admin, Config, Gateway, Inventory, Limits, TlsFiles, Upstream, address, forward, route,
};

/// The most that a body may be allowed to be.
pub(super) const LARGEST_BODY: usize = 1 << 30;

/// Reads a configuration file's text. What it does not say is as in [`Config::default`].
///
/// # Errors
/// Everything that is wrong with it, when something is; otherwise the warnings come with the
/// configuration.
pub fn load(file: &str, text: &str) -> Result<(Config, Diagnostics), Diagnostics> {
    let mended = Mended::of(text);
    let (document, mut d) = mended.document(file);
    // Findings are drawn with their lines, whatever they are about.
    for secret in credentials(text) {
        d.conceal(secret);
    }
    let root = document.root();
    let mut config = Config::default();
    if let Some(name) = root.str("policy", &mut d) {
        policy_name(&name, &mut d);
        config.policy = name.value.to_owned();
    }
    if let Some(name) = root.str("shadow_policy", &mut d) {
        policy_name(&name, &mut d);
        config.shadow_policy = Some(name.value.to_owned());
    }
    config.state_dir = path(&root, "state_dir", &mut d);
    config.vendors_dir = path(&root, "vendors_dir", &mut d);
    config.geoip_db = path(&root, "geoip_db", &mut d);
    if let Some(table) = root.table("gateway", &mut d) {
        gateway(table, &mut config.gateway, &mut d);
    }
    if let Some(table) = root.table("admin", &mut d) {
        admin(table, &mut config.admin, &mut d);
    }
    if let Some(table) = root.table("inventory", &mut d) {
        inventory(table, &mut config.inventory, &mut d);
    }
    if let Some(table) = root.table("limits", &mut d) {
        limits(table, &mut config.limits, &mut d);
    }
    if let Some(table) = root.table("upstream", &mut d) {
        upstream(table, &mut config.upstream, &mut d);
    }
    if let Some(table) = root.table("checksum_salts", &mut d) {
        config.checksum_salts = checksum_salts(&table, &mut d);
    }
    config.forward = (root.table("forward", &mut d)).map(|t| forward::forward(t, &mut d));
    config.routes = route::routes(root.tables("route", &mut d), &mut d);
    one_address_each(&config, &root, &mut d);
    root.finish(&mut d);
    verdict(Some(config), d)
}

/// `countly = "file:/run/secrets/countly-salt"`.
fn checksum_salts(table: &Table<'_>, d: &mut Diagnostics) -> Vec<(String, String)> {
    let mut salts = Vec::new();
    for (vendor, value) in table.entries() {
        let Some(source) = value.str(d) else {
            continue;
        };
        let named = ["env:", "file:"].iter().any(|kind| {
            source
                .value
                .strip_prefix(kind)
                .is_some_and(|rest| !rest.is_empty())
        });
        if named {
            salts.push((vendor.value.to_owned(), source.value.to_owned()));
        } else {
            d.conceal(source.span.clone());
            let message = "a salt is not written here, but named";
            d.push(
                Diagnostic::error("bad-salt", message, source.span)
                    .help("write `env:NAME` or `file:/run/secrets/name`"),
            );
        }
    }
    salts
}

/// A word without a slash and an ending is a built-in policy's name, and then it must be one.
fn policy_name(name: &Spanned<&str>, d: &mut Diagnostics) {
    let text = name.value;
    if policy::builtin(text).is_none() && !is_path(text) {
        d.push(unknown_policy(text, name.span.clone()));
    }
}

/// A word that is neither a built-in policy nor a file's name.
pub(super) fn unknown_policy(text: &str, span: Range<usize>) -> Diagnostic {
    let known = || policy::BUILTINS.iter().map(|(known, _, _)| *known);
    let item = Diagnostic::error(
        "unknown-policy",
        format!("no built-in policy is called `{}`", show(text)),
        span,
    );
    let names: Vec<String> = known().map(|name| format!("`{name}`")).collect();
    item.help(match nearest(text, known()) {
        Some(near) => {
            format!("did you mean `{near}`? a file is written with its ending: `my.toml`")
        }
        None => format!(
            "built in are {}; a file is written with its ending: `my.toml`",
            names.join(", ")
        ),
    })
}

/// Where URLs hold a user name and a password: `user:password` of `http://user:password@host`.
fn credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("://") {
        let start = at + mark.len();
        let rest = text.get(start..).unwrap_or("");
        let end = rest.find(['/', '"', '\'', '\n']).unwrap_or(rest.len());
        let host = rest.get(..end).unwrap_or("");
        if let Some(sign) = host.rfind('@') {
            found.push(start..start + sign);
        }
    }
    found
}

fn gateway(table: Table<'_>, into: &mut Gateway, d: &mut Diagnostics) {
    if let Some(value) = table.value("listen") {
        let words = value.str_list(d);
        if value.as_str().is_none() && value.is_empty_list() {
            empty(&value, "the gateway must listen somewhere", d);
        }
        into.listen = read_all(&words, address::listen, d);
    }
    let words = table.str_list("trusted_proxies", d);
    for word in &words {
        if address::network(word.value).is_ok_and(|net| net.prefix_len() == 0) {
            d.push(
                Diagnostic::warning(
                    "trusts-everyone",
                    "every client may say which address it comes from",
                    word.span.clone(),
                )
                .help("name the networks of your own proxies"),
            );
        }
    }
    into.trusted_proxies = read_all(&words, address::network, d);
    if let Some(word) = table.str("country_header", d) {
        into.country_header = read_one(&word, address::header, d);
    }
    if let Some(value) = table.value("allowed_origins") {
        let words = value.str_list(d);
        if value.as_str().is_none() && value.is_empty_list() {
            empty(&value, "leave it out, or write `\"*\"`, for any origin", d);
        }
        if !words.iter().any(|word| word.value == "*") {
            into.allowed_origins = read_all(&words, address::origin, d);
        }
    }
    into.tls = table.table("tls", d).and_then(|tls| {
        let cert = required_path(&tls, "cert", d);
        let key = required_path(&tls, "key", d);
        tls.finish(d);
        Some(TlsFiles {
            cert: cert?,
            key: key?,
        })
    });
    table.finish(d);
}

fn admin(table: Table<'_>, into: &mut Admin, d: &mut Diagnostics) {
    into.token_file = path(&table, "token_file", d);
    if let Some(word) = table.str("listen", d) {
        if let Some(at) = read_one(&word, address::listen, d) {
            into.listen = at;
        }
        if !into.listen.ip().is_loopback() && into.token_file.is_none() {
            d.push(
                Diagnostic::error(
                    "no-token",
                    "the admin listener can be reached from other machines and asks for no token",
                    word.span,
                )
                .help("set `token_file`, or listen on `127.0.0.1`"),
            );
        }
    }
    table.finish(d);
}

fn inventory(table: Table<'_>, into: &mut Inventory, d: &mut Diagnostics) {
    if let Some(enabled) = table.bool("enabled", d) {
        into.enabled = enabled.value;
    }
    if let Some(interval) = time(&table, "interval", d) {
        into.interval = interval;
    }
    table.finish(d);
}

fn limits(table: Table<'_>, into: &mut Limits, d: &mut Diagnostics) {
    let mut set_size = |key, most, into: &mut usize| {
        if let Some(bytes) = size(&table, key, most, d) {
            *into = bytes;
        }
    };
    set_size("body", LARGEST_BODY, &mut into.body);
    set_size("memory", 1 << 40, &mut into.memory);
    set_size("head", 1 << 20, &mut into.head);
    set_size("target", 1 << 20, &mut into.target);
    let mut set_count = |key, most, into: &mut usize| {
        if let Some(count) = count(&table, key, most, d) {
            *into = count;
        }
    };
    set_count("connections", 1_000_000, &mut into.connections);
    set_count(
        "client_connections",
        1_000_000,
        &mut into.client_connections,
    );
    set_count("upstream_requests", 1_000_000, &mut into.upstream_requests);
    set_count("headers", 1000, &mut into.headers);
    into.client_rate = count(&table, "client_rate", 1_000_000, d);
    into.client_burst = count(&table, "client_burst", 1_000_000, d);
    let mut set_time = |key, into: &mut Duration| {
        if let Some(time) = time(&table, key, d) {
            *into = time;
        }
    };
    set_time("header_timeout", &mut into.header_timeout);
    set_time("body_timeout", &mut into.body_timeout);
    set_time("upstream_timeout", &mut into.upstream_timeout);
    set_time("drain_timeout", &mut into.drain_timeout);
    set_time("idle_timeout", &mut into.idle_timeout);
    table.finish(d);
}

fn upstream(table: Table<'_>, into: &mut Upstream, d: &mut Diagnostics) {
    into.ca_file = path(&table, "ca_file", d);
    let proxy = table.str("proxy", d);
    into.proxy = proxy.and_then(|word| read_one(&word, address::egress_proxy, d));
    table.finish(d);
}

/// Two listeners cannot share an address (port 0 is a new one each time).
fn one_address_each(config: &Config, root: &Table<'_>, d: &mut Diagnostics) {
    let mut seen: Vec<SocketAddr> = Vec::new();
    let gateway = root.key_span("gateway").map(|span| ("gateway", span));
    let admin = root.key_span("admin").map(|span| ("admin", span));
    let forward = root.key_span("forward").map(|span| ("forward", span));
    let forwards = config.forward.iter().flat_map(|f| &f.listen);
    let all = (config.gateway.listen.iter().map(|at| (*at, &gateway)))
        .chain([(config.admin.listen, &admin)])
        .chain(forwards.map(|at| (*at, &forward)));
    for (at, place) in all {
        if at.port() != 0 && seen.contains(&at) {
            let span = place
                .as_ref()
                .or(gateway.as_ref())
                .map(|(_, span)| span.clone());
            d.push(
                Diagnostic::error(
                    "address-in-use",
                    format!("two listeners at {at}"),
                    span.unwrap_or(0..0),
                )
                .help("give each its own address or port"),
            );
        }
        seen.push(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SAMPLE: &str = include_str!("../../config/tamis.toml");

    fn errors(text: &str) -> Vec<String> {
        match load("t.toml", text) {
            Ok((_, warnings)) => warnings.to_string(),
            Err(all) => all.to_string(),
        }
        .lines()
        .map(str::to_owned)
        .collect()
    }

    #[test]
    fn the_sample_says_what_the_defaults_are() {
        let (config, warnings) =
            load("config/tamis.toml", SAMPLE).unwrap_or_else(|d| panic!("{d}"));
        assert!(warnings.items.is_empty(), "{warnings}");
        assert_eq!(format!("{config:#?}"), format!("{:#?}", Config::default()));
    }

    #[test]
    fn what_the_sample_shows_in_comments_can_be_switched_on() {
        let on: Vec<&str> = SAMPLE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.starts_with('[') || is_setting(rest) => rest,
                _ => line,
            })
            .collect();
        let (config, warnings) = load("t.toml", &on.join("\n")).unwrap_or_else(|d| panic!("{d}"));
        assert!(warnings.items.is_empty(), "{warnings}");
        assert_eq!(config.routes.len(), 2);
        assert_eq!(config.routes[0].body, Some(2 << 20));
        assert_eq!(config.routes[1].path, None);
        assert!(config.gateway.tls.is_some() && config.upstream.ca_file.is_some());
        assert_eq!(config.checksum_salts.len(), 1);
        assert_eq!(config.watched().len(), 10);
    }

    fn is_setting(line: &str) -> bool {
        line.split_once(" = ")
            .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
    }

    #[test]
    fn the_designs_sample_is_understood() {
        let text = r#"
policy    = "config/policies/default.toml"
state_dir = "/var/lib/tamis"
[gateway]
listen = ["0.0.0.0:8080"]
trusted_proxies = ["10.0.0.0/8"]
allowed_origins = ["https://shop.example"]
[admin]
listen = "127.0.0.1:9090"
[limits]
body             = "10 MiB"
connections      = 10000
header_timeout   = "10s"
body_timeout     = "30s"
upstream_timeout = "30s"
[upstream]
[[route]]
vendor   = "mixpanel"
path     = "/mixpanel"
upstream = "https://api-eu.mixpanel.com"
delivery = "direct"
projects = ["1ab7"]
headers  = ["X-Tenant"]
"#;
        let (config, warnings) = load("t.toml", text).unwrap_or_else(|d| panic!("{d}"));
        assert!(warnings.items.is_empty(), "{warnings}");
        assert_eq!(config.routes[0].projects, ["1ab7"]);
        assert_eq!(config.routes[0].headers, ["x-tenant"]);
        assert_eq!(config.gateway.trusted_proxies.len(), 1);
    }

    #[test]
    fn headers_about_the_client_are_not_for_a_route() {
        for name in [
            "Cookie",
            "x-forwarded-for",
            "Sec-CH-UA",
            "referer",
            "a b",
            "",
        ] {
            let text = format!("[[route]]\nvendor = \"mixpanel\"\nheaders = [\"{name}\"]\n");
            let d = load("t.toml", &text).unwrap_err().to_string();
            let codes = ["bad-header", "private-header"];
            assert!(codes.iter().any(|code| d.contains(code)), "{name}: {d}");
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = r#"polcy = "strict"
policy = "strct"
[gateway]
listen = [":8080", "127.0.0.1:9090"]
trusted_proxies = ["lan", "0.0.0.0/0"]
allowed_origins = ["shop.example/"]
tls = { cert = "a.pem" }
[admin]
listen = "0.0.0.0:9090"
[limits]
body = "10 megs"
connections = 0
header_timeout = 10
[forward]
listen = "127.0.0.1"
[[route]]
vendor = "mixpanel"
path = "mixpanel"
delivery = "spool"
[[route]]
upstream = "mixpanel.com"
host = "https://x"
[[route]]
vendor = "segment"
path = "/a"
upstream = "http://segment.example"
[[route]]
vendor = "segment"
path = "/a"
"#;
        let want = [
            "t.toml:1:1: error[unknown-key]: unknown key `polcy`; help: did you mean `policy`?",
            "t.toml:2:10: error[unknown-policy]: no built-in policy is called `strct`; help: did you mean `strict`? a file is written with its ending: `my.toml`",
            "t.toml:4:11: error[bad-value]: expected an address and a port; help: write `0.0.0.0:8080` for every address",
            "t.toml:5:20: error[bad-value]: expected a network or an address; help: write for instance `10.0.0.0/8` or `192.0.2.7`",
            "t.toml:5:27: warning[trusts-everyone]: every client may say which address it comes from; help: name the networks of your own proxies",
            "t.toml:6:20: error[bad-value]: expected an origin: scheme, host and port; help: write `https://shop.example`",
            "t.toml:7:7: error[missing-key]: `key` is missing",
            "t.toml:9:10: error[no-token]: the admin listener can be reached from other machines and asks for no token; help: set `token_file`, or listen on `127.0.0.1`",
            "t.toml:11:8: error[bad-value]: `body`: expected a size; help: write for instance `\"10 MiB\"`",
            "t.toml:12:15: error[bad-value]: `connections`: the number is out of range; help: write a number from 1 to 1000000",
            "t.toml:13:18: error[bad-value]: `header_timeout`: expected a time with its unit; help: write for instance `\"30s\"`",
            "t.toml:15:10: error[bad-value]: expected an address and a port; help: write `127.0.0.1:8080`",
            "t.toml:18:8: error[bad-value]: a route's path begins with `/`; help: write `/mixpanel`",
            "t.toml:19:12: error[not-in-this-version]: `delivery = \"spool\"` is not in this version; help: write `delivery = \"direct\"`: the client sees the vendor's own answer",
            "t.toml:20:1: error[missing-key]: `vendor` is missing",
            "t.toml:21:12: error[bad-value]: expected a URL with scheme and host; help: write `https://mixpanel.com`",
            "t.toml:22:8: error[bad-value]: expected a host name without scheme and port; help: write for instance `mp.shop.example`",
            "t.toml:26:12: warning[clear-text]: what is sent to this upstream travels unencrypted; help: write `https://…`",
            "t.toml:27:1: error[duplicate-route]: another route is at `/a` already; help: give each route its own `path` or `host`",
        ];
        let got = errors(text);
        for (got, want) in got.iter().zip(want) {
            assert_eq!(got, want);
        }
        assert_eq!(got.len(), want.len(), "{got:#?}");
    }

    #[test]
    fn no_finding_draws_a_secret() {
        for text in [
            "[upstream]\nproxy = \"http://user:hunter2@bad host\"\n",
            "upstream = { proxy = \"http://user:hunter2@proxy.example:3128\", x = 1 }\n",
            "[upstream]\nproxy = \"http://user:hun@ter2@proxy.example:3128\n",
            "[[route]]\nvendor = \"mixpanel\"\nupstream = \"https://user:hunter2@a.example\"\n",
            "[checksum_salts]\ncountly = \"hunter2\"\n",
        ] {
            let found = load("t.toml", text).unwrap_err();
            let drawn = format!("{found} {}", found.source);
            assert!(!drawn.contains("hun") && !drawn.contains("ter2"), "{drawn}");
            assert_eq!(found.source.len(), text.len());
        }
    }

    #[test]
    fn a_wrong_type_is_told_once() {
        assert_eq!(errors("[gateway]\nlisten = true\n").len(), 1);
        assert_eq!(errors("[gateway]\nallowed_origins = 3\n").len(), 1);
    }

    #[test]
    fn listeners_do_not_share_an_address() {
        let found = errors("[gateway]\nlisten = \"127.0.0.1:9090\"\n");
        assert_eq!(
            found,
            [
                "t.toml:1:2: error[address-in-use]: two listeners at 127.0.0.1:9090; help: give each its own address or port"
            ]
        );
        assert!(
            errors("[gateway]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"")
                .is_empty()
        );
    }

    #[test]
    fn a_route_without_a_place_is_at_its_vendors_name() {
        let (config, _) = load("t.toml", "[[route]]\nvendor = \"mixpanel\"").unwrap();
        assert_eq!(config.routes[0].path.as_deref(), Some("/mixpanel"));
        assert!(errors("policy = \"cnill\"")[0].contains("did you mean `cnil`?"));
        assert!(errors("shadow_policy = \"cnill\"")[0].contains("did you mean `cnil`?"));
        let (config, _) = load("t.toml", "shadow_policy = \"mine.toml\"").unwrap();
        assert_eq!(config.watched(), [std::path::Path::new("mine.toml")]);
        assert!(
            errors("[[route]]\nvendor = \"m\"\npath = \"/\"")[0].contains("cannot take every path")
        );
        assert!(errors("[gateway]\nlisten = []")[0].contains("empty list"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(
            text in "(\\PC|\n|\\[gateway\\]\n|\\[limits\\]\n|\\[\\[route\\]\\]\n|listen = |body = |vendor = \"|path = \"/|host = |upstream = \"http://|tls = \\{){0,30}"
        ) {
            let _ = load("t.toml", &text);
        }

        #[test]
        fn no_word_makes_it_panic(word in "[\\PC]{0,24}") {
            for key in ["policy", "gateway.listen", "gateway.trusted_proxies", "gateway.allowed_origins", "limits.body", "limits.body_timeout"] {
                let _ = load("t.toml", &format!("{key} = {word:?}\n"));
            }
            for key in ["path", "host", "upstream", "vendor", "delivery", "body"] {
                let _ = load("t.toml", &format!("[[route]]\n{key} = {word:?}\n"));
            }
        }
    }
}

//! `include`: sets of formats, defaults, endpoints and fields that several catalogs share.
//!
//! A set is a file in `config/vendors/shared/`, compiled in, and a catalog without a head. What a
//! vendor says itself comes before what it includes, so a set never overrides a vendor. Sets do not
//! include sets. Knows no vendor.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Document, Spanned, Table, did_you_mean, show};

use super::endpoint::{KindDefaults, read_defaults, read_endpoint};
use super::fields::{read_fields, read_kinds};
use super::load::{Shared, read_shared};
use super::{Endpoint, EventKind, Field};

/// The compiled-in sets: file name and text.
pub const SETS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/shared.rs"));

/// What a set holds.
pub(super) struct Set {
    pub(super) shared: Shared,
    pub(super) defaults: Vec<KindDefaults>,
    document: Document<'static>,
    pub(super) kinds: Vec<EventKind>,
    pub(super) fields: Box<[Field]>,
}

/// The sets that `include` names, in order.
pub(super) fn read_includes(t: &Table<'_>, d: &mut Diagnostics) -> Vec<Set> {
    let words = t.str_list("include", d);
    words.iter().filter_map(|word| find(word, d)).collect()
}

/// The fields of the sets that an endpoint's `include` names.
pub(super) fn include_fields(t: &Table<'_>, d: &mut Diagnostics) -> Vec<Field> {
    let sets = read_includes(t, d).into_iter();
    sets.flat_map(|set| set.fields.into_vec()).collect()
}

fn find(word: &Spanned<&str>, d: &mut Diagnostics) -> Option<Set> {
    let known = SETS.iter().find(|(file, _)| name(file) == word.value);
    let Some((file, text)) = known else {
        let names = SETS.iter().map(|(file, _)| name(file));
        d.push(
            Diagnostic::error(
                "unknown-name",
                format!("no shared set is called `{}`", show(word.value)),
                word.span.clone(),
            )
            .help(did_you_mean(word.value, names, "known names")),
        );
        return None;
    };
    // A set's own findings have places in another file; a test holds that there are none.
    Some(read(file, text).0)
}

/// Reads one set.
pub(super) fn read(file: &str, text: &'static str) -> (Set, Diagnostics) {
    let (document, mut d) = Document::parse(file, text);
    let t = document.root();
    let shared = read_shared(&t, &mut d);
    let defaults = read_defaults(&t, &shared, &mut d);
    let fields = t.table("fields", &mut d);
    let fields = fields.map_or_else(Box::default, |t| read_fields(&t, &mut d));
    let kinds = read_kinds(&t, &mut d);
    let _ = t.tables("endpoint", &mut d);
    t.finish(&mut d);
    let set = Set {
        shared,
        defaults,
        document,
        kinds,
        fields,
    };
    (set, d)
}

impl Set {
    /// Its endpoints, under the defaults of the vendor that includes them.
    pub(super) fn endpoints(
        &self,
        defaults: &[KindDefaults],
        d: &mut Diagnostics,
    ) -> Vec<(Range<usize>, Endpoint)> {
        let t = self.document.root();
        let shared = read_shared(&t, d);
        let endpoints = t.tables("endpoint", d).into_iter();
        endpoints
            .filter_map(|t| read_endpoint(t, &shared, defaults, d))
            .collect()
    }
}

fn name(file: &str) -> &str {
    let file = file.rsplit('/').next().unwrap_or(file);
    file.strip_suffix(".toml").unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::load::load;

    const HEAD: &str =
        "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://in.acme.example\"\n";

    #[test]
    fn every_set_loads_without_a_finding() {
        assert!(!SETS.is_empty());
        for (file, text) in SETS {
            let (set, mut d) = read(file, text);
            let endpoints = set.endpoints(&set.defaults, &mut d);
            assert!(d.items.is_empty(), "{d}");
            assert!(endpoints.is_empty() || !set.defaults.is_empty());
            assert!(
                !set.fields.is_empty() || !set.shared.formats.is_empty(),
                "{file}"
            );
        }
    }

    #[test]
    fn what_a_vendor_says_comes_before_what_it_includes() {
        let text = format!(
            "{HEAD}include = [\"segment\"]\n[[endpoint]]\npaths = [\"/v1/t\"]\nkind = \"collect\"\n\
             answers = [{{ status = 202 }}]\n[fields]\n\"user.name\" = [\"userId\"]\n"
        );
        let (vendor, d) = load("acme.toml", &text).unwrap();
        assert!(d.items.is_empty(), "{d}");
        let crate::catalog::Found::Endpoint(0, own) = vendor.find("POST", "/v1/t") else {
            panic!("the vendor's own endpoint is first");
        };
        assert_eq!(own.answers[0].status, 202);
        assert!(!own.bodies.is_empty(), "the set's defaults hold for it");
        assert!(vendor.endpoints.len() > 1 && vendor.fields.len() > 1);
        let text = text.replace(
            "[fields]",
            "[defaults.collect]\nanswers = [{ status = 204 }]\n[fields]",
        );
        let (vendor, _) = load("acme.toml", &text).unwrap();
        let crate::catalog::Found::Endpoint(_, set) = vendor.find("POST", "/v1/i") else {
            panic!("an endpoint of the set");
        };
        assert_eq!(
            set.answers[0].status, 204,
            "the vendor's defaults hold for the set"
        );
        assert_eq!(vendor.fields[0].selector.to_string(), "userId");
    }

    #[test]
    fn a_set_that_does_not_exist_is_told() {
        let d = load("acme.toml", &format!("{HEAD}include = [\"segmnt\"]\n")).unwrap_err();
        let told = d.to_string();
        assert!(told.contains("did you mean `segment`?"), "{told}");
    }
}

//! Reads what becomes of a body's named parts: `items` of an envelope, `parts` of a multipart form.
//!
//! A part is judged through layers of its own, dropped, or refused with the whole body. Parts that
//! no entry names are never let through unjudged: `"*"` says whether they are dropped or refused.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::{Spanned, Table, Value, did_you_mean, show};

use super::{Layer, Member, Members, Treat, words};

/// Fills the last layer with the format's `items` or `parts`.
pub(super) fn fill(layers: Box<[Layer]>, t: &Table<'_>, d: &mut Diagnostics) -> Box<[Layer]> {
    let items = t.table("items", d).map(|t| (t.span(), read(&t, d)));
    let parts = t.table("parts", d).map(|t| (t.span(), read(&t, d)));
    let mut used = (false, false);
    let filled = layers
        .into_iter()
        .map(|layer| match (layer, &items, &parts) {
            (Layer::Envelope(_), Some((_, members)), _) => {
                used.0 = true;
                Layer::Envelope(Arc::clone(members))
            }
            (Layer::Multipart(_), _, Some((_, members))) => {
                used.1 = true;
                Layer::Multipart(Arc::clone(members))
            }
            (layer, ..) => layer,
        })
        .collect();
    let unused = [
        (items, used.0, "`items` belong to the layer `envelope`"),
        (parts, used.1, "`parts` belong to the layer `multipart`"),
    ];
    for (table, used, message) in unused {
        if let Some((span, _)) = table.filter(|_| !used) {
            d.push(Diagnostic::error("bad-layers", message, span));
        }
    }
    filled
}

fn read(t: &Table<'_>, d: &mut Diagnostics) -> Members {
    let entries = t.entries().into_iter();
    entries
        .filter_map(|(name, value)| {
            let treat = treat(&name, &value, d)?;
            Some(Member {
                name: name.value.into(),
                treat,
            })
        })
        .collect()
}

fn treat(name: &Spanned<&str>, value: &Value<'_>, d: &mut Diagnostics) -> Option<Treat> {
    if let Some(word) = value.as_str() {
        return match word {
            "drop" => Some(Treat::Drop),
            "refuse" => Some(Treat::Refuse),
            other => {
                let message = format!("`{}` is not what becomes of a part", show(other));
                let help = did_you_mean(other, ["drop", "refuse"], "expected one of");
                d.push(Diagnostic::error("bad-part", message, value.span()).help(help));
                None
            }
        };
    }
    let t = value.table(d)?;
    if name.value == "*" {
        let message = "parts that nobody knows are dropped or refused";
        d.push(Diagnostic::error("bad-part", message, t.span()));
    }
    let layers = t.required("layers", d)?;
    let read = words::layers(&layers.str_list(d), layers.span(), d);
    let framed = |layer: &Layer| {
        matches!(
            layer,
            Layer::Form(_) | Layer::Envelope(_) | Layer::Multipart(_)
        )
    };
    if read.iter().any(framed) {
        let message = "a part holds no form, envelope or parts of its own";
        d.push(Diagnostic::error("bad-layers", message, layers.span()));
    }
    let events = t.value("events").map(|v| {
        let words = v.str_list(d);
        words
            .iter()
            .filter_map(|w| words::event_root(w, d))
            .collect()
    });
    t.finish(d);
    Some(Treat::Judge {
        layers: read,
        events: events.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use crate::catalog::load::load;
    use crate::catalog::{Layer, Treat};

    fn catalog(format: &str) -> String {
        format!(
            "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://in.acme.example\"\n\
             [formats.f]\ntypes = \"*\"\n{format}\n\
             [[endpoint]]\npaths = [\"/e\"]\nkind = \"collect\"\nmethods = [\"POST\"]\n\
             body = [\"f\"]\nevents = [\".\"]\nanswers = [{{ status = 204 }}]\n"
        )
    }

    fn findings(format: &str) -> String {
        match load("acme.toml", &catalog(format)) {
            Ok((_, warnings)) => warnings.to_string(),
            Err(all) => all.to_string(),
        }
    }

    #[test]
    fn items_are_judged_dropped_or_refused() {
        let text = catalog(
            "layers = [\"gzip?\", \"envelope\"]\n[formats.f.items]\n\
             log = { layers = [\"json\"], events = [\"items[]\"] }\nattachment = \"drop\"\n\"*\" = \"refuse\"",
        );
        let (vendor, d) = load("acme.toml", &text).unwrap();
        assert!(d.items.is_empty(), "{d}");
        let Some(Layer::Envelope(members)) = vendor.endpoints[0].bodies[0].layers.last() else {
            panic!("no envelope");
        };
        let Treat::Judge { layers, events } = &members[0].treat else {
            panic!("not judged");
        };
        assert_eq!((&layers[..], events.len()), (&[Layer::Json][..], 1));
        assert_eq!(members[1].treat, Treat::Drop);
        assert_eq!(members[2].treat, Treat::Refuse);
    }

    #[test]
    fn mistakes_are_told() {
        for (format, code) in [
            (
                "layers = [\"envelope\"]\nitems = { a = \"pass\" }",
                "bad-part",
            ),
            (
                "layers = [\"envelope\"]\nparts = { a = \"drop\" }",
                "bad-layers",
            ),
            (
                "layers = [\"json\"]\nitems = { a = \"drop\" }",
                "bad-layers",
            ),
            ("layers = [\"envelope\", \"json\"]", "bad-layers"),
            (
                "layers = [\"multipart\"]\nparts = { a = { layers = [\"form:b\", \"json\"] } }",
                "bad-layers",
            ),
            (
                "layers = [\"envelope\"]\nitems = { \"*\" = { layers = [\"json\"] } }",
                "bad-part",
            ),
            ("layers = [\"base64\", \"envelope\"]", "bad-layers"),
        ] {
            assert!(
                findings(format).contains(code),
                "{format}: {}",
                findings(format)
            );
        }
    }
}

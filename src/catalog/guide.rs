//! Reads what a catalog says to people: the line to change for each SDK, what degrades, known limits.
//!
//! Nothing here changes what the proxy does; `tamis vendors --markdown` prints it.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::reader::Table;

use super::words::boxes;

/// What a catalog says to people besides what its data shows.
#[derive(Debug, Clone, Default)]
pub struct Guide {
    /// How each client library is pointed at the proxy.
    pub sdks: Box<[Sdk]>,
    /// What works less well at the vendor under the `default` policy, a sentence each.
    pub degrades: Box<[Box<str>]>,
    /// What does not pass through the proxy, or cannot, a sentence each.
    pub limits: Box<[Box<str>]>,
}

/// A client library.
#[derive(Debug, Clone)]
pub struct Sdk {
    /// Its name in its registry: `mixpanel-browser`.
    pub name: Box<str>,
    /// The line to change, as it is afterwards.
    pub line: Box<str>,
}

/// `[[sdk]]`, `degrades`, `limits`.
pub(super) fn read_guide(t: &Table<'_>, d: &mut Diagnostics) -> Guide {
    let degrades = boxes(&t.str_list("degrades", d));
    let limits = boxes(&t.str_list("limits", d));
    let sdks = t.tables("sdk", d).into_iter();
    Guide {
        sdks: sdks.filter_map(|t| read_sdk(t, d)).collect(),
        degrades,
        limits,
    }
}

fn read_sdk(t: Table<'_>, d: &mut Diagnostics) -> Option<Sdk> {
    let name = t.required_str("name", d);
    let line = t.required_str("line", d);
    let span = t.span();
    t.finish(d);
    let (name, line) = (name?.value, line?.value);
    if name.is_empty() || line.is_empty() || line.contains("```") {
        let message = "an SDK has a name and the line to change";
        d.push(Diagnostic::error("bad-sdk", message, span));
    }
    Some(Sdk {
        name: name.into(),
        line: line.trim().into(),
    })
}

#[cfg(test)]
mod tests {
    use crate::catalog::load::load;

    const HEAD: &str =
        "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://in.acme.example\"\n";

    #[test]
    fn what_is_said_to_people_is_read() {
        let text = format!(
            "{HEAD}degrades = [\"Audiences match nobody.\"]\nlimits = [\"The chat is not proxied.\"]\n\
             [[sdk]]\nname = \"acme-js\"\nline = 'acme.init({{ host: \"https://t.example/acme\" }})'\n"
        );
        let (vendor, d) = load("acme.toml", &text).unwrap();
        assert!(d.items.is_empty(), "{d}");
        assert_eq!(&*vendor.guide.sdks[0].name, "acme-js");
        assert_eq!(
            (vendor.guide.degrades.len(), vendor.guide.limits.len()),
            (1, 1)
        );
    }

    #[test]
    fn an_sdk_without_its_line_is_a_mistake() {
        let d = load("acme.toml", &format!("{HEAD}[[sdk]]\nname = \"acme-js\"\n")).unwrap_err();
        assert_eq!(d.items[0].code, "missing-key");
    }
}

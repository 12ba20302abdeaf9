//! `email = "domain"`: the domain of an address, in lower case.

use crate::action::shape::is_email;
use crate::action::{Effect, Value};

/// Writes the domain; what is no address is removed.
pub(super) fn apply(value: Value<'_>, out: &mut String) -> Effect {
    let Value::Text(text) = value else {
        return Effect::Remove;
    };
    let text = text.trim();
    match text.rsplit_once('@') {
        Some((_, domain)) if is_email(text) => {
            out.extend(domain.chars().flat_map(char::to_lowercase));
            Effect::Text
        }
        _ => Effect::Remove,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_stays() {
        let mut out = String::new();
        assert_eq!(
            apply(Value::Text(" Jane@Mail.Example "), &mut out),
            Effect::Text
        );
        assert_eq!(out, "mail.example");
        for bad in [
            "jane",
            "a@b@c.example",
            "@x.example",
            "Jane <jane@x.example>",
        ] {
            assert_eq!(apply(Value::Text(bad), &mut out), Effect::Remove);
        }
    }
}

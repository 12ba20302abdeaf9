//! CORS: preflights are answered here, and every answer to an allowed origin says so.
//!
//! The origin is echoed exactly, with credentials, never `*`: SDKs send credentialed requests.

use std::borrow::Cow;

use super::reply::{Problem, Reply};
use crate::deliver::grammar::is_token;

/// Who may read the answer.
#[derive(Debug, Default, Clone)]
pub(crate) struct Cors {
    origin: Option<Box<str>>,
}

/// Longest origin that is echoed.
const ORIGIN: usize = 512;
/// Longest list of header names that is echoed in a preflight's answer.
const LIST: usize = 4096;

impl Cors {
    /// From the `Origin` field; an empty list of allowed origins allows any.
    pub(crate) fn of(headers: &[(&str, &str)], allowed: &[String]) -> Result<Self, Problem> {
        let mut origins = headers.iter().filter(|(name, _)| *name == "origin");
        let Some((_, origin)) = origins.next() else {
            return Ok(Self::default());
        };
        let visible = origin
            .bytes()
            .all(|b| (0x21..0x7f).contains(&b) && b != b',');
        if origins.next().is_some() || origin.is_empty() || origin.len() > ORIGIN || !visible {
            return Err(Problem::Malformed("the Origin field is repeated or odd"));
        }
        if !allowed.is_empty() && !allowed.iter().any(|a| a.eq_ignore_ascii_case(origin)) {
            return Err(Problem::Origin);
        }
        Ok(Self {
            origin: Some((*origin).into()),
        })
    }

    /// Marks an answer, and the fields that its endpoint answers with, as readable by the origin.
    pub(crate) fn mark(&self, reply: &mut Reply, exposed: &[Box<str>]) {
        if let Some(origin) = &self.origin {
            reply.set("access-control-allow-origin", origin.to_string());
            reply.set("access-control-allow-credentials", "true");
            let mut names = Cow::Borrowed("retry-after");
            for name in exposed.iter().filter(|name| &***name != "retry-after") {
                names.to_mut().extend([", ", name]);
            }
            reply.set("access-control-expose-headers", names);
            reply.set("vary", "origin");
        }
    }

    /// The same, by move.
    pub(crate) fn marked(&self, mut reply: Reply, exposed: &[Box<str>]) -> Reply {
        self.mark(&mut reply, exposed);
        reply
    }
}

/// The answer to `OPTIONS` on a known path.
pub(crate) fn preflight(cors: &Cors, methods: &[&str], headers: &[(&str, &str)]) -> Reply {
    let field = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    let mut allow = methods.join(", ");
    if !methods.contains(&"OPTIONS") {
        allow.push_str(", OPTIONS");
    }
    let mut reply = Reply::new(204, "", "");
    cors.mark(&mut reply, &[]);
    if field("access-control-request-method").is_none() {
        reply.set("allow", allow);
        return reply;
    }
    // What is asked for is not echoed: a method that no endpoint has would be a 405 afterwards.
    reply.set("access-control-allow-methods", allow);
    if let Some(names) = field("access-control-request-headers") {
        let listed = names.len() <= LIST && names.split(',').all(|name| is_token(name.trim()));
        if listed {
            reply.set("access-control-allow-headers", names.to_owned());
        }
    }
    if field("access-control-request-private-network") == Some("true") {
        reply.set("access-control-allow-private-network", "true");
    }
    reply.set("access-control-max-age", "7200");
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_matched_whole() {
        let allowed = vec!["https://shop.example".to_owned()];
        let of = |origin: &str| Cors::of(&[("origin", origin)], &allowed);
        assert!(of("https://shop.example").is_ok());
        assert_eq!(
            of("https://shop.example.evil.example").err(),
            Some(Problem::Origin)
        );
        assert_eq!(of("null").err(), Some(Problem::Origin));
        assert!(Cors::of(&[("origin", "null")], &[]).is_ok());
        assert!(Cors::of(&[("origin", "a"), ("origin", "a")], &[]).is_err());
    }

    #[test]
    fn preflights_name_the_methods_there_are_and_echo_only_tokens() {
        let cors = Cors::of(&[("origin", "https://a.example")], &[]).unwrap();
        let reply = preflight(
            &cors,
            &["POST", "REPORT"],
            &[
                ("access-control-request-method", "PUT"),
                ("access-control-request-headers", "content-type, x-a"),
                ("access-control-request-private-network", "true"),
            ],
        );
        let get = |name: &str| {
            reply
                .headers
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| &**v)
        };
        assert_eq!(reply.status, 204);
        assert_eq!(
            get("access-control-allow-origin"),
            Some("https://a.example")
        );
        assert_eq!(
            get("access-control-allow-methods"),
            Some("POST, REPORT, OPTIONS")
        );
        assert_eq!(
            get("access-control-allow-headers"),
            Some("content-type, x-a")
        );
        assert_eq!(get("access-control-allow-private-network"), Some("true"));
        let odd = [
            ("access-control-request-method", "A"),
            ("access-control-request-headers", "a b"),
        ];
        let reply = preflight(&cors, &["POST"], &odd);
        assert!(
            !reply
                .headers
                .iter()
                .any(|(n, _)| n == "access-control-allow-headers")
        );
    }
}

//! A request's head at the door: request line, Host, framing, expectations.
//!
//! Invariant: a [`Head`] has one reading: exact version, visible target in origin form, one valid
//! Host, one framing. Holds ranges into the connection's buffer, no text.

use smallvec::SmallVec;

use super::reply::Problem;
use super::route::host_name;
use crate::config::Limits;
use crate::deliver::grammar::{self, Fields, Framing, Scanner, Span, is_token_byte, span};

/// Headers as the layers below read them.
pub(crate) type HeaderView<'b> = SmallVec<[(&'b str, &'b str); 24]>;

/// Which targets a listener takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// `/path`: the gateway, and inside of a tunnel.
    Origin,
    /// `http://host/path`, and `CONNECT host:port`: the forward proxy.
    Proxy,
}

/// What kind of target a head has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// A path alone.
    Origin,
    /// With scheme and host.
    Absolute {
        /// Whether the scheme is `https`.
        tls: bool,
    },
    /// Host and port of a `CONNECT`.
    Connect,
}

/// One head.
#[derive(Debug)]
pub(crate) struct Head {
    method: Span,
    path: Span,
    query: Option<Span>,
    host: Span,
    /// The whole Host field.
    host_field: Span,
    /// Of an absolute target or a `CONNECT`.
    authority: Span,
    pub(crate) target: Target,
    fields: Fields,
    /// How long the body is.
    pub(crate) framing: Framing,
    /// Whether the client may send another request on this connection.
    pub(crate) keep_alive: bool,
    /// Whether the client waits for `100 Continue`.
    pub(crate) expects: bool,
    /// Bytes of the head, its empty line included.
    pub(crate) len: usize,
}

/// What of a request is known before its body is read.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'b> {
    pub(crate) method: &'b str,
    pub(crate) path: &'b str,
    pub(crate) query: Option<&'b str>,
    /// Host name without port.
    pub(crate) host: &'b str,
    pub(crate) headers: &'b [(&'b str, &'b str)],
    pub(crate) framing: Framing,
    /// The host that a client of the forward proxy asked for, judged and in lower case.
    pub(crate) dialled: Option<&'b str>,
}

impl Head {
    /// The text of the fields that are text; others are framing-neutral and stay behind.
    pub(crate) fn headers<'b>(&self, buf: &'b [u8]) -> HeaderView<'b> {
        self.fields
            .iter()
            .filter_map(|(name, value)| {
                let value = std::str::from_utf8(grammar::bytes(buf, *value)).ok()?;
                Some((grammar::text(buf, *name), value))
            })
            .collect()
    }

    /// What admission needs of the headers: the origin, whose request it is, and all of them for a preflight.
    pub(crate) fn headers_to_admit<'b>(&self, buf: &'b [u8]) -> HeaderView<'b> {
        if grammar::bytes(buf, self.method) == b"OPTIONS" {
            return self.headers(buf);
        }
        self.fields
            .iter()
            .filter_map(|(name, value)| {
                let name = match grammar::bytes(buf, *name) {
                    b"origin" => "origin",
                    b"x-forwarded-for" => "x-forwarded-for",
                    _ => return None,
                };
                Some((name, grammar::text(buf, *value)))
            })
            .collect()
    }

    /// The head as the layers below read it.
    pub(crate) fn seen<'b>(&self, buf: &'b [u8], headers: &'b [(&'b str, &'b str)]) -> Seen<'b> {
        Seen {
            method: grammar::text(buf, self.method),
            path: grammar::text(buf, self.path),
            query: self.query.map(|query| grammar::text(buf, query)),
            host: grammar::text(buf, self.host),
            headers,
            framing: self.framing,
            dialled: None,
        }
    }

    /// Host and port of an absolute target or a `CONNECT`.
    pub(crate) fn authority<'b>(&self, buf: &'b [u8]) -> &'b str {
        grammar::text(buf, self.authority)
    }

    /// The whole Host field; empty when there is none.
    pub(crate) fn host_field<'b>(&self, buf: &'b [u8]) -> &'b str {
        grammar::text(buf, self.host_field)
    }

    /// The one field of this name; `None` when there is none, or more than one.
    pub(crate) fn only<'b>(&self, buf: &'b [u8], name: &str) -> Option<&'b str> {
        let mut found = self
            .fields
            .iter()
            .filter(|(n, _)| grammar::text(buf, *n) == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(grammar::text(buf, *value)),
            _ => None,
        }
    }

    /// Whether the method is HEAD.
    pub(crate) fn is_head(&self, buf: &[u8]) -> bool {
        grammar::bytes(buf, self.method) == b"HEAD"
    }
}

/// Looks for a whole head within the limits and reads it.
pub(crate) fn read(
    scanner: &mut Scanner,
    buf: &mut [u8],
    limits: &Limits,
    form: Form,
) -> Result<Option<Head>, Problem> {
    let end = scanner.advance(buf)?;
    match scanner.first_line {
        // The method, the version and two blanks are allowed for.
        Some(first) if first > limits.target + 64 => return Err(Problem::TargetTooLong),
        None if buf.len() > limits.target + 64 => return Err(Problem::TargetTooLong),
        Some(_) | None => {}
    }
    let Some(end) = end else {
        return if buf.len() > limits.head {
            Err(Problem::HeadTooLarge)
        } else {
            Ok(None)
        };
    };
    if end > limits.head {
        return Err(Problem::HeadTooLarge);
    }
    let first = scanner.first_line.unwrap_or(0);
    parse(buf, (first, end), limits, form).map(Some)
}

fn parse(
    buf: &mut [u8],
    (first, end): (usize, usize),
    limits: &Limits,
    form: Form,
) -> Result<Head, Problem> {
    let line = buf.get(..first.saturating_sub(2)).unwrap_or(&[]);
    let (method, target, old) = request_line(line, limits)?;
    let (kind, authority, target) = target_form(line, method, target, form)?;
    let (path, query) = split_target(line, target);
    let fields = grammar::fields(buf, first, end, limits.headers)?;
    let framing = grammar::framing(buf, &fields)?;
    if old && framing == Framing::Chunked {
        return Err(Problem::Malformed("HTTP/1.0 has no transfer codings"));
    }
    let (mut host, mut host_field) = (None, (0, 0));
    let (mut close, mut expects) = (old, false);
    for (name, value) in &fields {
        let text = grammar::bytes(buf, *value);
        match grammar::bytes(buf, *name) {
            b"host" if host.is_some() => {
                return Err(Problem::Malformed("there is more than one Host field"));
            }
            b"host" => {
                let name = host_name(grammar::text(buf, *value))
                    .ok_or(Problem::Malformed("the Host field is not a host"))?;
                host_field = *value;
                host = Some(span(value.0 as usize, value.0 as usize + name.len()));
            }
            b"connection" => {
                close |= text
                    .split(|b| *b == b',')
                    .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"close"));
            }
            b"expect" if !old => {
                if !text.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Problem::Expectation);
                }
                expects = true;
            }
            _ => {}
        }
    }
    if host.is_none() && !old {
        return Err(Problem::Malformed("there is no Host field"));
    }
    Ok(Head {
        method,
        path,
        query,
        host: host.unwrap_or((0, 0)),
        host_field,
        authority,
        target: kind,
        fields,
        framing,
        keep_alive: !close,
        expects,
        len: end,
    })
}

/// Method, target and whether the version is 1.0.
fn request_line(line: &[u8], limits: &Limits) -> Result<(Span, Span, bool), Problem> {
    let bad = || Problem::Malformed("the request line is not METHOD target HTTP/1.1");
    let method = memchr::memchr(b' ', line).ok_or_else(bad)?;
    let version = memchr::memrchr(b' ', line).ok_or_else(bad)?;
    let token = line.get(..method).ok_or_else(bad)?;
    if token.is_empty() || token.len() > 32 || !token.iter().copied().all(is_token_byte) {
        return Err(bad());
    }
    let target = line.get(method + 1..version).ok_or_else(bad)?;
    if target.is_empty() || !target.iter().all(|b| (0x21..0x7f).contains(b)) {
        return Err(bad());
    }
    let old = match line.get(version + 1..).ok_or_else(bad)? {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            return Err(Problem::Version);
        }
        _ => return Err(bad()),
    };
    if target.len() > limits.target {
        return Err(Problem::TargetTooLong);
    }
    Ok((span(0, method), span(method + 1, version), old))
}

/// Tells scheme and host from the path, as far as this listener takes them.
fn target_form(
    line: &[u8],
    method: Span,
    target: Span,
    form: Form,
) -> Result<(Target, Span, Span), Problem> {
    let text = grammar::bytes(line, target);
    if text.contains(&b'#') {
        return Err(Problem::Malformed("the request target has a fragment"));
    }
    if form == Form::Origin {
        return match text.first() {
            Some(b'/') => Ok((Target::Origin, (0, 0), target)),
            _ => Err(Problem::Malformed("the request target is not a path")),
        };
    }
    if grammar::bytes(line, method) == b"CONNECT" {
        return Ok((Target::Connect, target, (0, 0)));
    }
    let scheme = |name: &[u8]| {
        text.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
            .then_some(name.len())
    };
    let (tls, start) = match (scheme(b"http://"), scheme(b"https://")) {
        (Some(length), _) => (false, length),
        (None, Some(length)) => (true, length),
        (None, None) => {
            return Err(Problem::Malformed(
                "a forward proxy takes absolute http targets and CONNECT",
            ));
        }
    };
    let rest = text.get(start..).unwrap_or(&[]);
    let path = memchr::memchr(b'/', rest).ok_or(Problem::Malformed(
        "the request target has no path behind its host",
    ))?;
    let begin = target.0 as usize + start;
    let authority = span(begin, begin + path);
    let path = span(begin + path, target.1 as usize);
    Ok((Target::Absolute { tls }, authority, path))
}

fn split_target(line: &[u8], target: Span) -> (Span, Option<Span>) {
    match memchr::memchr(b'?', grammar::bytes(line, target)) {
        None => (target, None),
        Some(at) => {
            let at = target.0 as usize + at;
            (
                span(target.0 as usize, at),
                Some(span(at + 1, target.1 as usize)),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<Head>, Problem> {
        let mut buf = text.as_bytes().to_vec();
        read(
            &mut Scanner::default(),
            &mut buf,
            &Limits::default(),
            Form::Origin,
        )
    }

    #[test]
    fn a_head_is_read() {
        let text =
            "POST /m/track?ip=1 HTTP/1.1\r\nHost: A.example:80\r\nContent-Length: 3\r\n\r\nabc";
        let mut buf = text.as_bytes().to_vec();
        let head = read(
            &mut Scanner::default(),
            &mut buf,
            &Limits::default(),
            Form::Origin,
        )
        .unwrap()
        .unwrap();
        let headers = head.headers(&buf);
        let seen = head.seen(&buf, &headers);
        assert_eq!(
            (seen.method, seen.path, seen.query),
            ("POST", "/m/track", Some("ip=1"))
        );
        assert_eq!((seen.host, seen.framing), ("A.example", Framing::Length(3)));
        assert_eq!(headers[1], ("content-length", "3"));
        assert!(head.keep_alive && !head.expects);
        assert_eq!(head.len, text.len() - 3);
    }

    #[test]
    fn odd_heads_are_refused() {
        let status = |line: &str, rest: &str| {
            head(&format!("{line}\r\n{rest}\r\n"))
                .map_err(|p| p.status())
                .err()
        };
        let host = "host: a\r\n";
        for line in [
            "GET /",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET\t/ HTTP/1.1",
            "GET http://a/ HTTP/1.1",
            "GET * HTTP/1.1",
            "GET a:80 HTTP/1.1",
            "GET /#a HTTP/1.1",
            "GET /\u{e9} HTTP/1.1",
            "G@T / HTTP/1.1",
            "GET / http/1.1",
            "GET / HTTP/11",
            "",
        ] {
            assert_eq!(status(line, host), Some(400), "{line:?}");
        }
        assert_eq!(status("GET / HTTP/2.0", host), Some(505));
        assert_eq!(status("GET / HTTP/1.2", host), Some(505));
        let line = "POST / HTTP/1.1";
        for rest in [
            "",
            "host: a\r\nhost: a\r\n",
            "host: \r\n",
            "host: a b\r\n",
            "host: u@a\r\n",
        ] {
            assert_eq!(status(line, rest), Some(400), "{rest:?}");
        }
        assert_eq!(
            status(line, "host: a\r\ntransfer-encoding: gzip\r\n"),
            Some(501)
        );
        assert_eq!(status(line, "host: a\r\nexpect: 200-ok\r\n"), Some(417));
        assert_eq!(
            status("POST / HTTP/1.0", "transfer-encoding: chunked\r\n"),
            Some(400)
        );
        assert_eq!(status("GET / HTTP/1.0", ""), None);
    }

    #[test]
    fn a_forward_proxys_targets_are_told_apart() {
        let read_as = |line: &str| {
            let mut buf = format!("{line} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes();
            let head = read(
                &mut Scanner::default(),
                &mut buf,
                &Limits::default(),
                Form::Proxy,
            )
            .map_err(|p| p.status())?
            .unwrap();
            let headers = head.headers(&buf);
            let seen = head.seen(&buf, &headers);
            let path = (seen.path.to_owned(), seen.query.map(str::to_owned));
            Ok::<_, u16>((head.target, head.authority(&buf).to_owned(), path))
        };
        assert_eq!(
            read_as("CONNECT a.example:443"),
            Ok((
                Target::Connect,
                "a.example:443".into(),
                (String::new(), None)
            ))
        );
        assert_eq!(
            read_as("GET HTTP://a.example/b?c=/d"),
            Ok((
                Target::Absolute { tls: false },
                "a.example".into(),
                ("/b".into(), Some("c=/d".into()))
            ))
        );
        for bad in [
            "GET /path",
            "GET *",
            "GET http:/a/b",
            "GET ftp://a/b",
            "GET http://a",
            "GET http://a/#b",
            "GET a.example:443",
        ] {
            assert_eq!(read_as(bad).err(), Some(400), "{bad}");
        }
    }

    #[test]
    fn limits_are_exact() {
        let limits = Limits {
            target: 100,
            headers: 3,
            head: 400,
            ..Limits::default()
        };
        let status = |text: String| {
            let mut buf = text.into_bytes();
            read(&mut Scanner::default(), &mut buf, &limits, Form::Origin)
                .map_err(|p| p.status())
                .err()
        };
        let target = |n: usize| format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(n - 1));
        assert_eq!(status(target(100)), None);
        assert_eq!(status(target(101)), Some(414));
        assert_eq!(status(format!("GET /{}", "a".repeat(400))), Some(414));
        let count = |n: usize| {
            format!(
                "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
                "a: b\r\n".repeat(n - 1)
            )
        };
        assert_eq!(status(count(3)), None);
        assert_eq!(status(count(4)), Some(431));
        let size = |n: usize| {
            format!(
                "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
                "a".repeat(n - 32)
            )
        };
        assert_eq!(size(400).len(), 400);
        assert_eq!(status(size(400)), None);
        assert_eq!(status(size(401)), Some(431));
    }
}

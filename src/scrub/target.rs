//! The real target of a request whose SDK wraps it into a query parameter.
//!
//! What is inside is treated as if it had stood on the request line: it must be a path of the
//! vendor's own with an optional query, or a whole URL at one of the vendor's catalogued hosts (which
//! says no more: the request goes to the route's upstream all the same). Whatever could be read as
//! something else (another host, a second wrapping, further parameters beside it) is refused.

use crate::catalog::Vendor;
use crate::codec::{DecodeError, DecodeErrorKind, form};

/// A path and a query within the vendor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Begins with one slash.
    pub path: String,
    /// Without `?`.
    pub query: Option<String>,
}

/// The target that a query wraps; `None` when it wraps none.
///
/// # Errors
/// [`DecodeError`] when there is one that cannot be read in exactly one way.
pub fn real_target(
    vendor: &Vendor,
    path: &str,
    query: Option<&str>,
) -> Result<Option<Target>, DecodeError> {
    let Some((param, query)) = vendor.forward_param.as_deref().zip(query) else {
        return Ok(None);
    };
    let (mut wrapped, mut others) = (None, false);
    for pair in form::pairs(query.as_bytes()) {
        let pair = pair?;
        let mut key = String::new();
        form::decode(query.as_bytes().get(pair.key).unwrap_or(&[]), &mut key)?;
        if key != param {
            others = true;
        } else if wrapped.replace(pair.value.unwrap_or(0..0)).is_some() {
            return Err(shape());
        }
    }
    let Some(value) = wrapped else {
        return Ok(None);
    };
    if others || !matches!(path, "" | "/") {
        return Err(shape());
    }
    let mut text = String::new();
    form::decode(query.as_bytes().get(value).unwrap_or(&[]), &mut text)?;
    let visible = text.bytes().all(|b| (b'!'..0x7f).contains(&b));
    if !visible || text.contains(['\\', '#']) {
        return Err(shape());
    }
    if let Some(path) = own_path(vendor, &text) {
        text = path.to_owned();
    }
    if !text.starts_with('/') || text.starts_with("//") {
        return Err(shape());
    }
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (text, None),
    };
    let target = Target { path, query };
    match real_target(vendor, "/", target.query.as_deref()) {
        Ok(None) => Ok(Some(target)),
        Ok(Some(_)) | Err(_) => Err(shape()),
    }
}

/// What follows the host of a URL that names one of the vendor's: no user, no port, no other scheme.
fn own_path<'t>(vendor: &Vendor, url: &'t str) -> Option<&'t str> {
    let rest = url.strip_prefix("https://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    let listed = |known: &str| match known.strip_prefix("*.") {
        Some(domain) => host
            .strip_suffix(domain)
            .and_then(|label| label.strip_suffix('.'))
            .is_some_and(|label| !label.is_empty() && label.bytes().all(is_label)),
        None => host == known,
    };
    vendor
        .hosts
        .iter()
        .any(|known| listed(known))
        .then_some(path)
}

fn is_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}

fn shape() -> DecodeError {
    DecodeError::new(DecodeErrorKind::Shape, "target", 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real(path: &str, query: &str) -> Result<Option<String>, DecodeErrorKind> {
        let catalog = "name = \"acme\"\ntitle = \"Acme\"\nupstream = \"https://in.acme.example\"\n\
            hosts = [\"in.acme.example\", \"*.in.acme.example\"]\nforward_param = \"fwd\"\n";
        let (vendor, _) = crate::catalog::load::load("acme.toml", catalog).unwrap();
        let target = real_target(&vendor, path, Some(query)).map_err(|e| e.kind)?;
        Ok(target.map(|t| format!("{} {}", t.path, t.query.as_deref().unwrap_or("-"))))
    }

    #[test]
    fn a_wrapped_target_is_the_target() {
        let inner = "fwd=%2Fapi%2Fv2%2Frum%3Fa%3D1%26b%3Dx%2520y";
        assert_eq!(real("/", inner), Ok(Some("/api/v2/rum a=1&b=x%20y".into())));
        assert_eq!(real("", "fwd=/v1/input"), Ok(Some("/v1/input -".into())));
        assert_eq!(real("/api", "a=1"), Ok(None));
        for host in ["in.acme.example", "rum.in.acme.example"] {
            let whole = format!("fwd=https%3A%2F%2F{host}%2Fapi%2Fv2%2Frum%3Fa%3D1");
            assert_eq!(real("/", &whole), Ok(Some("/api/v2/rum a=1".into())));
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for bad in [
            "fwd=",
            "fwd",
            "fwd=api",
            "fwd=https%3A%2F%2Fevil.example%2F",
            "fwd=https%3A%2F%2Fevil.example%2Fin.acme.example%2F",
            "fwd=https%3A%2F%2Fin.acme.example.evil.example%2F",
            "fwd=https%3A%2F%2Fevilin.acme.example%2F",
            "fwd=https%3A%2F%2Fevil.example%40in.acme.example%2F",
            "fwd=https%3A%2F%2F.in.acme.example%2F",
            "fwd=https%3A%2F%2Fin.acme.example%3A8443%2F",
            "fwd=https%3A%2F%2Fin.acme.example%3Fa%3D1",
            "fwd=https%3A%2F%2Fin.acme.example",
            "fwd=https%3A%2F%2Fin.acme.example%2F%2Fevil.example%2F",
            "fwd=http%3A%2F%2Fin.acme.example%2Fapi",
            "fwd=HTTPS%3A%2F%2Fin.acme.example%2Fapi",
            "fwd=%2F%2Fevil.example%2F",
            "fwd=%2F%5Cevil.example",
            "fwd=%2Fa%23b",
            "fwd=%2Fa%20b",
            "fwd=%2Fa+b",
            "fwd=%2Fa%0D%0AHost%3A%20x",
            "fwd=%2Fa%3Ffwd%3D%252Fb",
            "fwd=%2Fa&fwd=%2Fb",
            "fwd=%2Fa&email=x",
            "fwd=%2F%C3%A9",
            "fwd=%2Fa%3Fx%253B%3D1%3B",
        ] {
            assert!(real("/", bad).is_err(), "{bad}");
        }
        assert!(real("/elsewhere", "fwd=%2Fa").is_err());
    }
}

//! `ip = "prefix"`: an address with only its leading bits.
//!
//! A v4 address written as v6 (`::ffff:203.0.113.7`) is a v4 address. Lists are removed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::IpPrefix;
use crate::action::{CountryOf, Effect, Value};

/// Whether the text is one address.
pub(super) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// Writes the address with the other bits zero; what is no address is removed.
pub(super) fn apply(prefix: IpPrefix, value: Value<'_>, out: &mut String) -> Effect {
    let Value::Text(text) = value else {
        return Effect::Remove;
    };
    let Ok(address) = text.trim().parse::<IpAddr>() else {
        return Effect::Remove;
    };
    let masked = match address.to_canonical() {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.v4.min(32)));
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask.unwrap_or(0)))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.v6.min(128)));
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask.unwrap_or(0)))
        }
    };
    out.push_str(&masked.to_string());
    Effect::Text
}

/// Writes the country of an address; without a database none follows, and nothing stays.
pub(super) fn country(
    value: Value<'_>,
    country_of: Option<&CountryOf>,
    out: &mut String,
) -> Effect {
    let (Value::Text(text), Some(country_of)) = (value, country_of) else {
        return Effect::Remove;
    };
    let found = text.trim().parse::<IpAddr>().ok().and_then(country_of);
    match found.as_ref().map(|code| std::str::from_utf8(code)) {
        Some(Ok(code)) => {
            out.push_str(code);
            Effect::Text
        }
        Some(Err(_)) | None => Effect::Remove,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(v4: u8, v6: u8, text: &str) -> Option<String> {
        let mut out = String::new();
        let effect = apply(IpPrefix { v4, v6 }, Value::Text(text), &mut out);
        (effect == Effect::Text).then_some(out)
    }

    #[test]
    fn bits_go() {
        assert_eq!(run(24, 48, "203.0.113.77").unwrap(), "203.0.113.0");
        assert_eq!(run(0, 0, "203.0.113.77").unwrap(), "0.0.0.0");
        assert_eq!(run(32, 128, "203.0.113.77").unwrap(), "203.0.113.77");
        assert_eq!(run(24, 48, "2001:db8:1:2::7").unwrap(), "2001:db8:1::");
        assert_eq!(run(24, 0, "2001:db8:1:2::7").unwrap(), "::");
        assert_eq!(run(16, 48, "::ffff:203.0.113.77").unwrap(), "203.0.0.0");
        for bad in ["", "203.0.113", "1.2.3.4, 5.6.7.8", "auto", "fe80::1%eth0"] {
            assert_eq!(run(24, 48, bad), None);
        }
    }
}

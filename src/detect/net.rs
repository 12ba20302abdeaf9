//! IPv6 addresses, MAC addresses and UUIDs: runs of hexadecimal digits with marks between.
//!
//! Each run of hexadecimal digits, colons, dashes and dots is looked at once. IPv4 addresses are
//! numbers (see `numbers`), because versions look like them.

use std::net::Ipv6Addr;

use super::Entity;
use super::bytes::{at, before, part, skip, word_after, word_up_to};
use super::scan::Found;

/// Proposes every IPv6 address, MAC address and UUID.
pub(super) fn hexes(bytes: &[u8], found: &mut Vec<Found>) {
    let mut from = 0;
    // Nothing is one without a mark, so the run is looked for round each mark.
    while let Some(n) = memchr::memchr3(b':', b'-', b'.', part(bytes, from, bytes.len())) {
        let mark = from + n;
        let mut start = mark;
        while start > from && before(bytes, start).is_ascii_hexdigit() {
            start -= 1;
        }
        if word_up_to(bytes, start) || start == mark && at(bytes, mark) != b':' {
            from = mark + 1;
            continue;
        }
        let end = skip(bytes, start, |b| {
            b.is_ascii_hexdigit() || matches!(b, b':' | b'-' | b'.')
        });
        run(bytes, start, end, found);
        // Stand behind the run; a word that goes on cannot start a candidate.
        from = end.max(mark + 1);
    }
}

fn run(bytes: &[u8], start: usize, end: usize, found: &mut Vec<Found>) {
    let mut from = start;
    // A run may hold several candidates divided by dashes or colons; groups restart after a mark.
    while from < end {
        if let Some((stop, entity)) = uuid(bytes, from)
            .or_else(|| mac(bytes, from))
            .or_else(|| ipv6(bytes, from, end))
        {
            found.push(Found {
                start: from,
                end: stop,
                entity,
                rank: if entity == Entity::Uuid { 88 } else { 80 },
            });
            from = stop;
            continue;
        }
        // Only the head of a run and what follows a colon (`mac:`, `ip:`) or dash may start one.
        let group = skip(bytes, from, |b| b.is_ascii_hexdigit());
        if group - from >= 8 && at(bytes, group) == b'-' || from > start + 64 {
            break;
        }
        from = skip(bytes, group.max(from), |b| matches!(b, b':' | b'-' | b'.')).max(from + 1);
        if from > start + 8 {
            break;
        }
    }
}

/// Dashed 8-4-4-4-12.
fn uuid(bytes: &[u8], from: usize) -> Option<(usize, Entity)> {
    let end = from + 36;
    let text = bytes.get(from..end)?;
    let fits = text.iter().enumerate().all(|(i, b)| {
        if matches!(i, 8 | 13 | 18 | 23) {
            *b == b'-'
        } else {
            b.is_ascii_hexdigit()
        }
    });
    (fits
        && !word_after(bytes, end)
        && !(at(bytes, end) == b'-' && at(bytes, end + 1).is_ascii_hexdigit()))
    .then_some((end, Entity::Uuid))
}

/// `aa:bb:cc:dd:ee:ff`, `aa-bb-…`, `aabb.ccdd.eeff`.
fn mac(bytes: &[u8], from: usize) -> Option<(usize, Entity)> {
    let mark = at(bytes, from + 2);
    let (end, fits) = if mark == b':' || mark == b'-' {
        let text = bytes.get(from..from + 17)?;
        (
            from + 17,
            text.iter().enumerate().all(|(i, b)| {
                if i % 3 == 2 {
                    *b == mark
                } else {
                    b.is_ascii_hexdigit()
                }
            }),
        )
    } else {
        let text = bytes.get(from..from + 14)?;
        (
            from + 14,
            text.iter().enumerate().all(|(i, b)| {
                if i == 4 || i == 9 {
                    *b == b'.'
                } else {
                    b.is_ascii_hexdigit()
                }
            }),
        )
    };
    let text = part(bytes, from, end);
    let after = at(bytes, end);
    let longer = word_after(bytes, end)
        || matches!(after, b':' | b'-' | b'.') && at(bytes, end + 1).is_ascii_hexdigit();
    let lone = !longer;
    // `0000.0000.0000` of decimals is a number; dotted forms need a letter.
    let hexish = mark == b':' || text.iter().any(u8::is_ascii_digit);
    let dotted = mark == b':' || mark == b'-' || text.iter().any(u8::is_ascii_alphabetic);
    (fits && lone && hexish && dotted).then_some((end, Entity::MacAddress))
}

fn ipv6(bytes: &[u8], from: usize, end: usize) -> Option<(usize, Entity)> {
    let stop = from + 45.min(end.checked_sub(from)?);
    let run_end = skip(part(bytes, 0, stop), from, |b| {
        b.is_ascii_hexdigit() || matches!(b, b':' | b'.')
    });
    let mut tail = run_end;
    while tail > from
        && (before(bytes, tail) == b'.'
            || (before(bytes, tail) == b':' && !part(bytes, from, tail).ends_with(b"::")))
    {
        tail -= 1;
    }
    let text = part(bytes, from, tail);
    if memchr::memchr_iter(b':', text).count() < 2 || word_after(bytes, tail) {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<Ipv6Addr>().ok()?;
    let groups = text.split(':').filter(|g| !g.is_empty()).count();
    let first = text.find(':').unwrap_or(0);
    let plausible =
        text.bytes().any(|b| b.is_ascii_digit()) && (first >= 3 || groups >= 3) || text == "::1";
    if !plausible {
        return None;
    }
    let mut stop = tail;
    if at(bytes, stop) == b'%' && at(bytes, stop + 1).is_ascii_alphanumeric() {
        stop = skip(bytes, stop + 1, |b| b.is_ascii_alphanumeric());
    }
    Some((stop, Entity::IpAddress))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(text: &str) -> Vec<(Entity, &str)> {
        let mut out = Vec::new();
        hexes(text.as_bytes(), &mut out);
        out.iter()
            .map(|f| (f.entity, &text[f.start..f.end]))
            .collect()
    }

    #[test]
    fn addresses_and_ids_are_found() {
        for (text, entity, span) in [
            (
                "peer [2804:14c::a]:8443 closed",
                Entity::IpAddress,
                "2804:14c::a",
            ),
            (
                "64:ff9b::192.0.2.33",
                Entity::IpAddress,
                "64:ff9b::192.0.2.33",
            ),
            (
                "fe80::1ff:fe23:4567:890a%eth2",
                Entity::IpAddress,
                "fe80::1ff:fe23:4567:890a%eth2",
            ),
            ("ip: 2001:db8::4c16.", Entity::IpAddress, "2001:db8::4c16"),
            (
                "mac=00:1a:2b:2d:cd:04",
                Entity::MacAddress,
                "00:1a:2b:2d:cd:04",
            ),
            ("F0-18-98-F6-05-10", Entity::MacAddress, "F0-18-98-F6-05-10"),
            ("b827.ebb5.5523", Entity::MacAddress, "b827.ebb5.5523"),
            (
                "urn:uuid:ea98534e-7d93-4d65-82ca-84f5c7703a2c",
                Entity::Uuid,
                "ea98534e-7d93-4d65-82ca-84f5c7703a2c",
            ),
            (
                "{A6E06314-44A1-41C1-9C31-DDF203F16329}",
                Entity::Uuid,
                "A6E06314-44A1-41C1-9C31-DDF203F16329",
            ),
        ] {
            assert_eq!(found(text), [(entity, span)], "{text}");
        }
    }

    #[test]
    fn clocks_paths_and_hashes_are_left() {
        for text in [
            "00:00:00",
            "css:hover::selection",
            "ab:cd:ef:01:23",
            "crate::module::Type",
            "::after",
            "12:34",
            "C::D",
            "05:24:02.656596",
            "00-36e3dda71dd1bcbfa05d834920c8a504-7d5b8efebe2c0077-01",
            "16:28:23",
            "c758fb22bb2348843382910f3838d06f",
            "2018-05-23T00:42:34Z",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    /// A look at every byte.
    fn plainly(bytes: &[u8], found: &mut Vec<Found>) {
        let mut i = 0;
        while i < bytes.len() {
            let byte = at(bytes, i);
            if !(byte.is_ascii_hexdigit() || byte == b':') || word_up_to(bytes, i) {
                i += 1;
                continue;
            }
            let end = skip(bytes, i, |b| {
                b.is_ascii_hexdigit() || matches!(b, b':' | b'-' | b'.')
            });
            run(bytes, i, end, found);
            i = end.max(i + 1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn marks_lead_to_all_that_a_look_at_every_byte_finds(
            text in "([a-f0-9]{1,4}[:.-]{1,2}|[a-f0-9]{2}|[a-g0-9]{8}-[a-f0-9]{4}-|::|x|é| |-|203[.]0[.]113[.]7|00:1a:2b:2d:cd:04|ea98534e-7d93-4d65-82ca-84f5c7703a2c){0,12}"
        ) {
            let (mut mine, mut plain) = (Vec::new(), Vec::new());
            hexes(text.as_bytes(), &mut mine);
            plainly(text.as_bytes(), &mut plain);
            prop_assert_eq!(format!("{mine:?}"), format!("{plain:?}"));
        }
    }
}

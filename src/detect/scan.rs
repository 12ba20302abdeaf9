//! The entry points over values: runs the recognisers that a text's bytes call for, and settles
//! which of overlapping spans stand.
//!
//! Invariant: what comes out is sorted, disjoint, non-empty and on character boundaries of the
//! original text, whatever the recognisers propose.

use super::bytes::{AT, COLON, DASH, DOT, EQUALS, HIGH, LOWER, SLASH, SPACE, UPPER};
use super::{
    Entity, Span, Wanted, address, block, date, email, fold, geo, iban, net, numbers, person,
    prefilter, secret, token, url,
};

/// What a recogniser proposes; the highest rank of overlapping spans stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) entity: Entity,
    pub(super) rank: u8,
}

/// Spans as the engine judges them: a URL is one span, whatever stands inside it.
pub fn scan(text: &str, spans: &mut Vec<Span>) {
    scan_for(text, Wanted::ALL, spans);
}

/// The same, where only spans of some entities matter: all that stand, when any of those may be among
/// them or a URL stands in the text; else perhaps none.
pub fn scan_for(text: &str, wanted: Wanted, spans: &mut Vec<Span>) {
    if !prefilter::may_hold(text.as_bytes()) || formed(text, spans) {
        return;
    }
    let mut found = Vec::new();
    url::urls(text, &mut found);
    if let [only] = found.as_slice()
        && only.start == 0
        && only.end == text.len()
    {
        // Nothing inside stands beside it.
        settle(text, found, spans);
        return;
    }
    if found.is_empty() && !may_stand(text, wanted) {
        return;
    }
    collect(text, Wanted::ALL, &mut found);
    settle(text, found, spans);
}

/// Spans as `tamis detect` reports them: entities inside URLs, and no URLs.
pub fn scan_entities(text: &str, spans: &mut Vec<Span>) {
    scan_entities_for(text, Wanted::ALL, spans);
}

/// The same, where only spans of some entities matter (see [`scan_for`]).
pub fn scan_entities_for(text: &str, wanted: Wanted, spans: &mut Vec<Span>) {
    if !prefilter::may_hold(text.as_bytes()) || formed(text, spans) || !may_stand(text, wanted) {
        return;
    }
    let mut found = Vec::new();
    collect(text, Wanted::ALL, &mut found);
    settle(text, found, spans);
}

/// The span of an id whose form says all; false when the text is none.
fn formed(text: &str, spans: &mut Vec<Span>) -> bool {
    match token::form(text.as_bytes()) {
        None => false,
        Some(token::Form::Hex) => true,
        Some(token::Form::Uuid) => {
            spans.push(Span {
                start: 0,
                end: text.len(),
                entity: Entity::Uuid,
            });
            true
        }
    }
}

/// What the recognisers find, asked without any shortcut.
#[cfg(test)]
pub(super) fn recognised(text: &str, spans: &mut Vec<Span>) {
    let mut found = Vec::new();
    url::urls(text, &mut found);
    collect(text, Wanted::ALL, &mut found);
    settle(text, found, spans);
}

/// Whether a wanted entity may stand in the text. What stands is settled among all of them, so all
/// are looked for once one of those is proposed.
fn may_stand(text: &str, wanted: Wanted) -> bool {
    if wanted == Wanted::ALL {
        return true;
    }
    let mut found = Vec::new();
    collect(text, wanted, &mut found);
    found.iter().any(|one| wanted.any(&[one.entity]))
}

/// The entity that the trimmed text is as a whole, if it is one.
#[must_use]
pub fn whole(text: &str) -> Option<Entity> {
    let text = text.trim();
    if text.len() > 4096 || !prefilter::may_hold(text.as_bytes()) {
        return None;
    }
    let mut spans = Vec::new();
    scan_entities(text, &mut spans);
    if let [only] = spans.as_slice()
        && only.start == 0
        && only.end == text.len()
    {
        return Some(only.entity);
    }
    url::is_whole(text).then_some(Entity::Url)
}

/// Whether a JSON number, as it is written, may be an entity: it has an exponent, or whole digits
/// enough.
#[must_use]
#[inline]
pub fn may_be_whole_number(text: &[u8]) -> bool {
    let whole = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
    whole >= numbers::LEAST_CARD || text.iter().any(|b| matches!(b, b'e' | b'E'))
}

/// The entity that a JSON number, as it is written, is as a whole: a card number as an integer, a
/// float or in exponent form.
#[must_use]
pub fn whole_number(text: &str) -> Option<Entity> {
    if !may_be_whole_number(text.as_bytes()) {
        return None;
    }
    let digits = numbers::integer_digits(text)?;
    numbers::is_card(&digits).then_some(Entity::CreditCard)
}

fn collect(text: &str, wanted: Wanted, found: &mut Vec<Found>) {
    let Some(folded) = fold::fold(text) else {
        recognise(text, wanted, found);
        return;
    };
    let first = found.len();
    recognise(&folded.text, wanted, found);
    let mut kept = first;
    for i in first..found.len() {
        let Some(mut one) = found.get(i).copied() else {
            break;
        };
        if let Some((start, end)) = folded.unfold(one.start, one.end) {
            (one.start, one.end) = (start, end);
            if let Some(slot) = found.get_mut(kept) {
                *slot = one;
                kept += 1;
            }
        }
    }
    found.truncate(kept);
}

/// Runs the recognisers of what is wanted whose marks the text bears.
fn recognise(text: &str, wanted: Wanted, found: &mut Vec<Found>) {
    use Entity::{
        Address, CreditCard, DateOfBirth, Email, Geo, Iban, IpAddress, MacAddress, NationalId,
        Person, Phone, Secret, UserId, Uuid,
    };
    let bytes = text.as_bytes();
    let (seen, digits) = block::classes(bytes);
    let letters = seen & (LOWER | UPPER | HIGH) != 0;
    if seen & AT != 0 && wanted.any(&[Email]) {
        email::emails(text, found);
    }
    if letters && wanted.any(&[Email]) && prefilter::may_be_written_out(bytes) {
        email::written_out(text, found);
    }
    if seen & (COLON | DASH | DOT) != 0 && wanted.any(&[IpAddress, MacAddress, Uuid]) {
        net::hexes(bytes, found);
    }
    if digits >= 4 && wanted.any(&[IpAddress, CreditCard, Phone, NationalId]) {
        numbers::numbers(bytes, found);
    }
    if digits >= 4 && wanted.any(&[Iban]) {
        iban::ibans(bytes, found);
    }
    if digits >= 5 && (seen & (DOT | HIGH) != 0) && wanted.any(&[Geo]) {
        geo::coordinates(text, found);
    }
    if digits >= 4 && letters && wanted.any(&[DateOfBirth]) {
        date::birth_dates(text, found);
    }
    if bytes.len() >= 8 && wanted.any(&[Secret, NationalId]) {
        secret::secrets(text, seen, found);
    }
    if seen & (SLASH | EQUALS) != 0 && wanted.any(&[UserId]) {
        url::user_ids(text, found);
    }
    let words = seen & (SPACE | HIGH) != 0;
    if digits >= 1 && words && letters && wanted.any(&[Address]) {
        address::addresses(text, found);
    }
    if bytes.len() >= 6 && words && seen & (UPPER | HIGH) != 0 && wanted.any(&[Person]) {
        person::persons(text, found);
    }
}

/// Sorts, lets the higher rank win where spans overlap, and appends what stands.
fn settle(text: &str, mut found: Vec<Found>, spans: &mut Vec<Span>) {
    found.retain(|f| {
        f.start < f.end && text.is_char_boundary(f.start) && text.is_char_boundary(f.end)
    });
    found.sort_by(|a, b| {
        a.start
            .cmp(&b.start)
            .then(b.rank.cmp(&a.rank))
            .then(b.end.cmp(&a.end))
    });
    let mut stack: Vec<Found> = Vec::with_capacity(found.len());
    'next: for one in found {
        while let Some(top) = stack.last() {
            if top.end <= one.start {
                break;
            }
            let wins = one.rank > top.rank
                || (one.rank == top.rank && one.end - one.start > top.end - top.start);
            if !wins {
                continue 'next;
            }
            stack.pop();
        }
        stack.push(one);
    }
    spans.extend(stack.into_iter().map(|f| Span {
        start: f.start,
        end: f.end,
        entity: f.entity,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entities(text: &str) -> Vec<(Entity, &str)> {
        let mut spans = Vec::new();
        scan_entities(text, &mut spans);
        spans
            .iter()
            .map(|s| (s.entity, &text[s.start..s.end]))
            .collect()
    }

    #[test]
    fn the_outer_url_wins_for_the_engine_and_the_inner_entities_for_detect() {
        let text = "see https://shop.example/u?email=jane@example.com now";
        let mut spans = Vec::new();
        scan(text, &mut spans);
        assert_eq!(spans.len(), 1);
        assert_eq!(spans[0].entity, Entity::Url);
        assert_eq!(
            &text[spans[0].start..spans[0].end],
            "https://shop.example/u?email=jane@example.com"
        );
        assert_eq!(entities(text), [(Entity::Email, "jane@example.com")]);
    }

    #[test]
    fn whole_values_are_recognised_and_ordinary_ones_are_not() {
        assert_eq!(whole(" jane@example.com "), Some(Entity::Email));
        assert_eq!(whole("https://example.com/a?b=c"), Some(Entity::Url));
        assert_eq!(whole("4111 1111 1111 1111"), Some(Entity::CreditCard));
        for text in [
            "checkout",
            "1.2.3",
            "2024-05-01T12:00:00Z",
            "Chrome/126.0.0.0",
            "19.99",
            "",
        ] {
            assert_eq!(whole(text), None, "{text}");
        }
        for text in [
            "4111111111111111",
            "4111111111111111.0",
            "4.111111111111111e15",
            "4111111111111111E0",
        ] {
            assert_eq!(whole_number(text), Some(Entity::CreditCard), "{text}");
        }
        for text in [
            "4111111111111112",
            "1691120769",
            "1e400",
            "-4111111111111111",
            "0.5",
        ] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }

    #[test]
    fn disguised_values_are_covered_in_the_original() {
        for (text, span) in [
            ("to jane&#64;example.com now", "jane&#64;example.com"),
            ("to jane\\u0040example.com", "jane\\u0040example.com"),
            (
                "an ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
                "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
            ),
            (
                "x ja\u{200b}ne@exam\u{ad}ple.com y",
                "ja\u{200b}ne@exam\u{ad}ple.com",
            ),
            ("/p?e=jane%40example.com&x=1", "jane%40example.com"),
            ("?tel=%2B4915123452519", "%2B4915123452519"),
            ("card ４１１１ 1111 1111 1111", "４１１１ 1111 1111 1111"),
            (
                "<b>+1\u{a0}415\u{2011}555\u{2011}0132</b>",
                "+1\u{a0}415\u{2011}555\u{2011}0132",
            ),
        ] {
            assert_eq!(
                entities(text).iter().map(|(_, t)| *t).collect::<Vec<_>>(),
                [span],
                "{text}"
            );
        }
    }

    #[test]
    fn ordinary_telemetry_survives_untouched() {
        for text in [
            "2024-05-01T12:00:00.123Z",
            "1714564800",
            "1714564800123",
            "1714564800123456789",
            "v2.14.3",
            "19.99",
            "USD 1,299.00",
            "SKU-40629",
            "ORD-2024-000123",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            "Europe/Berlin",
            "en-US",
            "1920x1080",
            "Checkout Started",
            "Add To Cart",
            "utm_source=google&utm_medium=cpc",
            "rgb(255, 0, 128)",
            "div.header > ul.nav li:nth-child(3)",
            "c758fb22bb2348843382910f3838d06f",
            "phc_abcdefghijklmnopqrstuvwxyz0123456789ABCDEF",
            "GMT+0200",
            "Windows 10",
            "iPhone14,5",
            "12:34:56",
            "3.141592653589793",
            "GET /api/v1/products?page=2 200 35ms",
            "TypeError: Cannot read properties of undefined (reading 'phone')",
            "Team Plan (Annual)",
            "Page 3 of 12",
            "Mac OS X 10.15.7",
            "i-0abcd1234efgh5678",
            "Variant B",
            "A/B Test 42",
        ] {
            assert_eq!(entities(text), [], "{text}");
            let mut spans = Vec::new();
            scan(text, &mut spans);
            assert_eq!(spans, [], "{text}");
        }
    }

    #[test]
    fn canaries_of_the_usual_kinds_are_found() {
        for (text, entity) in [
            ("742 Canary Birdcage Lane", Entity::Address),
            ("8218 Main St, Nairobi", Entity::Address),
            ("Hauptstraße 5, 10115 Berlin", Entity::Address),
            ("+254 712 345678", Entity::Phone),
            ("(212) 555-0187", Entity::Phone),
            ("203.0.113.77", Entity::IpAddress),
            ("2001:db8::7", Entity::IpAddress),
            ("52.520008,13.404954", Entity::Geo),
            ("GB82 WEST 1234 5698 7654 32", Entity::Iban),
            ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", Entity::Secret),
            ("3f2504e0-4f89-11d3-9a0c-0305e82c3301", Entity::Uuid),
            ("078-05-1120", Entity::NationalId),
            ("00:1A:2B:3C:4D:5E", Entity::MacAddress),
        ] {
            assert_eq!(whole(text), Some(entity), "{text}");
            assert_eq!(
                entities(&format!("note: {text}, thanks")),
                [(entity, text)],
                "{text}"
            );
        }
    }

    fn lawful(text: &str) -> Result<(), TestCaseError> {
        for entry in [scan, scan_entities] {
            let mut spans = Vec::new();
            entry(text, &mut spans);
            let mut last = 0;
            for span in &spans {
                prop_assert!(last <= span.start && span.start < span.end && span.end <= text.len());
                prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
                last = span.end;
            }
            if !prefilter::may_hold(text.as_bytes()) {
                let mut found = Vec::new();
                collect(text, Wanted::ALL, &mut found);
                url::urls(text, &mut found);
                prop_assert!(found.is_empty(), "{text:?} {found:?}");
            }
        }
        let _ = (whole(text), whole_number(text));
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn what_is_wanted_stands_as_among_all(
            text in "(jane@example[.]com|[+]49 30 123456[0-9]|203[.]0[.]113[.]7|see |https://a[.]example/|[?]uid=8731|078-05-1120|4111 1111 1111 1111|742 Canary Lane|Dear Jane Doe|943 476 5919|token=[a-z0-9]{9}|%40|[ .,:-]|[A-Z][a-z]{2,5}){0,6}",
            bits in any::<u16>(),
        ) {
            let wanted = Wanted(bits);
            let mut all = Vec::new();
            scan(&text, &mut all);
            let mut mine = Vec::new();
            scan_for(&text, wanted, &mut mine);
            if mine.is_empty() {
                prop_assert!(!all.iter().any(|s| wanted.any(&[s.entity])), "{text:?} {all:?}");
            } else {
                prop_assert_eq!(mine, all);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn spans_are_lawful_on_any_text(text in any::<String>()) {
            lawful(&text)?;
        }

        #[test]
        fn spans_are_lawful_on_candidate_soup(text in "([a-f0-9]{1,4}[:.@/ -]|%40|\\\\u0040|＠|ß|[+(]|[0-9]{1,5}|[A-Z][a-z]{2,6} |eyJ|token=|born |street ){0,14}") {
            lawful(&text)?;
        }

        #[test]
        fn spans_are_lawful_on_short_words(text in "[A-Za-z0-9 ./_-]{0,24}") {
            lawful(&text)?;
        }
    }
}

//! `location = "country"`: countries stay, what is finer goes.
//!
//! Invariant: what stays is a country of ISO 3166-1, by its code or its name in one of the languages
//! of `countries.txt`, whatever the field is called: a field for countries in which somebody wrote a
//! town keeps nothing. Numbers (coordinates, postal codes) always go.

use std::sync::LazyLock;

use crate::action::{Effect, Value};

/// ISO 3166-1 alpha-2.
const ALPHA2: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UK UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// ISO 3166-1 alpha-3.
const ALPHA3: &str = "ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE";

/// ISO 3166-1 numeric, which spreadsheets and payment systems use.
const NUMERIC: &str = "004 008 010 012 016 020 024 028 031 032 036 040 044 048 050 051 052 056 060 064 068 070 072 074 076 084 086 090 092 096 100 104 108 112 116 120 124 132 136 140 144 148 152 156 158 162 166 170 174 175 178 180 184 188 191 192 196 203 204 208 212 214 218 222 226 231 232 233 234 238 239 242 246 248 250 254 258 260 262 266 268 270 275 276 288 292 296 300 304 308 312 316 320 324 328 332 334 336 340 344 348 352 356 360 364 368 372 376 380 384 388 392 398 400 404 408 410 414 417 418 422 426 428 430 434 438 440 442 446 450 454 458 462 466 470 474 478 480 484 492 496 498 499 500 504 508 512 516 520 524 528 531 533 534 535 540 548 554 558 562 566 570 574 578 580 581 583 584 585 586 591 598 600 604 608 612 616 620 624 626 630 634 638 642 643 646 652 654 659 660 662 663 666 670 674 678 682 686 688 690 694 702 703 704 705 706 710 716 724 728 729 732 740 744 748 752 756 760 762 764 768 772 776 780 784 788 792 795 796 798 800 804 807 818 826 831 832 833 834 840 850 854 858 860 862 876 882 887 894";

/// No country's name is longer.
const LONGEST: usize = 160;

/// Names as [`plain`] writes them, sorted; whether each names something smaller as well.
static NAMES: LazyLock<Box<[(&str, bool)]>> = LazyLock::new(|| {
    let lines = include_str!("countries.txt").lines();
    let names = lines.filter(|line| !line.starts_with('#'));
    let mark = |line: &'static str| match line.strip_suffix('*') {
        Some(name) => (name, true),
        None => (line, false),
    };
    names.map(mark).collect()
});

/// A value that is said to be a country: kept when it is one.
pub(super) fn country(value: Value<'_>) -> Effect {
    let Value::Text(text) = value else {
        return Effect::Remove;
    };
    let text = text.trim();
    let numeric = text.len() == 3 && NUMERIC.split(' ').any(|code| code == text);
    if numeric || is_code(text) || named(text).is_some() {
        Effect::Keep
    } else {
        Effect::Remove
    }
}

/// A place of unknown precision: kept only when it is a country and nothing smaller. `Georgia` is a
/// state as well.
pub(super) fn place(value: Value<'_>) -> Effect {
    match value {
        Value::Text(text) if is_code(text.trim()) || named(text.trim()) == Some(false) => {
            Effect::Keep
        }
        Value::Text(_) | Value::Number(_) | Value::Bool(_) => Effect::Remove,
    }
}

fn is_code(text: &str) -> bool {
    let mut listed = match text.len() {
        2 => ALPHA2.split(' '),
        3 => ALPHA3.split(' '),
        _ => return false,
    };
    listed.any(|code| code.eq_ignore_ascii_case(text))
}

/// Whether a country is called like that; if so, whether something smaller is, too.
fn named(text: &str) -> Option<bool> {
    if text.len() > LONGEST {
        return None;
    }
    let name = plain(text);
    let at = NAMES.binary_search_by(|(known, _)| (*known).cmp(&name));
    at.ok().and_then(|at| NAMES.get(at)).map(|(_, both)| *both)
}

/// A name as the list writes it: its spelling's variants are one.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            // Abbreviations; accents that stand apart from their letter.
            '.' | '\u{300}'..='\u{36f}' => {}
            '\u{2019}' => out.push('\''),
            ' ' | '\u{a0}' | '-' | '_' if out.is_empty() || out.ends_with(' ') => {}
            ' ' | '\u{a0}' | '-' | '_' => out.push(' '),
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_stay() {
        for text in [
            "CH",
            "de",
            "USA",
            "Switzerland",
            "united states",
            "Türkiye",
            "Schweiz",
            "U.S.A.",
            "日本",
            "Česká republika",
            "Cote d'Ivoire",
            "Côte d’Ivoire",
            "Cote D'Ivoire",
            "Bosnia & Herzegovina",
            "Bosnia and Herzegovina",
            "Bosnia-Herzegovina",
            "Korea, Republic of",
            "Россия",
            "España",
            "Espan\u{303}a",
            "ESPAÑA",
            "South_Korea",
            "Viet Nam",
            "Iran, Islamic Republic of",
        ] {
            assert_eq!(place(Value::Text(text)), Effect::Keep, "{text}");
            assert_eq!(country(Value::Text(text)), Effect::Keep, "{text}");
        }
        for text in [
            "Zürich",
            "California",
            "Bavaria",
            "England",
            "ZZ",
            "47.37,8.54",
            "8001",
            "Mars",
            "Jane",
            "Jane Doe",
            "US-CA",
            "Zürich, Schweiz",
            "8001 Zürich",
            "unknown",
            "Bahnhofstrasse",
        ] {
            assert_eq!(place(Value::Text(text)), Effect::Remove, "{text}");
            assert_eq!(country(Value::Text(text)), Effect::Remove, "{text}");
        }
        assert_eq!(place(Value::Number("47.37")), Effect::Remove);
        assert_eq!(country(Value::Number("756")), Effect::Remove);
    }

    #[test]
    fn what_is_also_something_smaller_stays_where_a_country_stands() {
        for text in ["Georgia", "Niger", "Granada", "Maurice", "756", "Irã"] {
            assert_eq!(place(Value::Text(text)), Effect::Remove, "{text}");
            assert_eq!(country(Value::Text(text)), Effect::Keep, "{text}");
        }
    }

    #[test]
    fn the_lists_are_whole() {
        assert_eq!(ALPHA2.split(' ').count(), 251);
        assert_eq!(ALPHA3.split(' ').count(), 249);
        assert_eq!(NUMERIC.split(' ').count(), 249);
        assert!(NAMES.is_sorted() && NAMES.len() > 7000);
        for (name, _) in NAMES.iter() {
            assert_eq!(
                *name,
                plain(name),
                "what is looked for is written like that"
            );
            assert!(name.len() <= LONGEST, "{name}");
        }
    }
}

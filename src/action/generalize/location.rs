//! `location = "country"`: countries stay, what is finer goes.
//!
//! A value is a country by its category, or when it is an ISO 3166-1 code or a country's name in
//! English. Numbers (coordinates, postal codes) always go.

use crate::action::{Effect, Value};

/// ISO 3166-1 alpha-2.
const ALPHA2: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UK UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// ISO 3166-1 alpha-3.
const ALPHA3: &str = "ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE";

/// Names that are written in English. (`Georgia` is a state as well, and so not among them.)
const NAMES: &str = "afghanistan,albania,algeria,andorra,angola,argentina,armenia,australia,austria,azerbaijan,bahamas,bahrain,bangladesh,barbados,belarus,belgium,belize,benin,bhutan,bolivia,bosnia and herzegovina,botswana,brazil,brunei,bulgaria,burkina faso,burundi,cambodia,cameroon,canada,cape verde,chad,chile,china,colombia,comoros,congo,costa rica,croatia,cuba,cyprus,czechia,czech republic,denmark,djibouti,dominica,dominican republic,ecuador,egypt,el salvador,eritrea,estonia,eswatini,ethiopia,fiji,finland,france,gabon,gambia,germany,ghana,greece,greenland,grenada,guatemala,guinea,guyana,haiti,honduras,hong kong,hungary,iceland,india,indonesia,iran,iraq,ireland,israel,italy,ivory coast,jamaica,japan,jordan,kazakhstan,kenya,kiribati,kosovo,kuwait,kyrgyzstan,laos,latvia,lebanon,lesotho,liberia,libya,liechtenstein,lithuania,luxembourg,macau,madagascar,malawi,malaysia,maldives,mali,malta,mauritania,mauritius,mexico,micronesia,moldova,monaco,mongolia,montenegro,morocco,mozambique,myanmar,namibia,nauru,nepal,netherlands,the netherlands,new zealand,nicaragua,niger,nigeria,north korea,north macedonia,norway,oman,pakistan,palau,palestine,panama,papua new guinea,paraguay,peru,philippines,poland,portugal,puerto rico,qatar,romania,russia,russian federation,rwanda,samoa,san marino,saudi arabia,senegal,serbia,seychelles,sierra leone,singapore,slovakia,slovenia,solomon islands,somalia,south africa,south korea,south sudan,spain,sri lanka,sudan,suriname,sweden,switzerland,syria,taiwan,tajikistan,tanzania,thailand,togo,tonga,trinidad and tobago,tunisia,turkey,türkiye,turkmenistan,tuvalu,uganda,ukraine,united arab emirates,united kingdom,great britain,united states,united states of america,uruguay,uzbekistan,vanuatu,vatican city,venezuela,vietnam,yemen,zambia,zimbabwe";

/// A value that is known to be a country: kept unless it is evidently something else.
pub(super) fn country(value: Value<'_>) -> Effect {
    let Value::Text(text) = value else {
        return Effect::Remove;
    };
    let plain = |c: char| c.is_alphabetic() || matches!(c, ' ' | '-' | '\'' | '.' | '(' | ')');
    // `Washington, United States` has a comma.
    if is_country(text) || (text.chars().count() <= 40 && text.chars().all(plain)) {
        Effect::Keep
    } else {
        Effect::Remove
    }
}

/// A place of unknown precision: kept only when it is a country.
pub(super) fn place(value: Value<'_>) -> Effect {
    match value {
        Value::Text(text) if is_country(text) => Effect::Keep,
        Value::Text(_) | Value::Number(_) | Value::Bool(_) => Effect::Remove,
    }
}

fn is_country(text: &str) -> bool {
    let mut listed = match text.len() {
        2 => ALPHA2.split(' '),
        3 => ALPHA3.split(' '),
        _ => return NAMES.split(',').any(|name| name == text.to_lowercase()),
    };
    listed.any(|code| code.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_stay() {
        for text in ["CH", "de", "USA", "Switzerland", "united states", "Türkiye"] {
            assert_eq!(place(Value::Text(text)), Effect::Keep, "{text}");
        }
        for text in [
            "Zürich",
            "California",
            "ZZ",
            "47.37,8.54",
            "8001",
            "Georgia",
            "Mars",
        ] {
            assert_eq!(place(Value::Text(text)), Effect::Remove, "{text}");
        }
        assert_eq!(place(Value::Number("47.37")), Effect::Remove);
        assert_eq!(country(Value::Text("Schweiz")), Effect::Keep);
        assert_eq!(country(Value::Text("Zürich, Schweiz")), Effect::Remove);
        assert_eq!(country(Value::Text("8001 Zürich")), Effect::Remove);
        assert_eq!(ALPHA2.split(' ').count(), 251);
        assert_eq!(ALPHA3.split(' ').count(), 249);
    }
}

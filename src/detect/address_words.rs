//! The words that streets, their parts and their neighbours are made of: data for `address`.
//!
//! Lower case. One look-up per word answers for all lists. Knows nothing of texts.

use std::sync::LazyLock;

use hashbrown::HashMap;

/// Ends an English street and means little else.
pub(super) const STREET: u8 = 1;
/// Ends an English street and means much else.
pub(super) const WEAK: u8 = 1 << 1;
/// Opens a street's name.
pub(super) const OPENER: u8 = 1 << 2;
/// Names a part of a building.
pub(super) const UNIT: u8 = 1 << 3;
/// A day or a month.
pub(super) const CALENDAR: u8 = 1 << 4;
/// Means so much else that a tail must prove the street.
pub(super) const RISKY: u8 = 1 << 5;

/// Not a list: the word is a number, as houses have.
pub(super) const NUMBER: u8 = 1 << 6;

static WORDS: LazyLock<HashMap<&'static str, u8, foldhash::fast::FixedState>> =
    LazyLock::new(|| {
        let mut words = HashMap::default();
        for (list, flag) in [
            (STREETS, STREET),
            (WEAK_STREETS, WEAK),
            (RISKY_STREETS, WEAK | RISKY),
            (OPENERS, OPENER),
            (UNITS, UNIT),
            (CALENDAR_WORDS, CALENDAR),
        ] {
            for word in list {
                *words.entry(word.trim_end_matches('.')).or_insert(0) |= flag;
            }
        }
        words
    });

/// What openers begin with: a bit for each three bytes, each by its lowest five bits, so that both
/// cases of a letter are one.
static BEGINNINGS: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut table = vec![0_u64; 512];
    for opener in OPENERS {
        let letters = opener.trim_end_matches('.').as_bytes();
        let at = |i: usize| letters.get(i).copied().unwrap_or(0);
        // Behind a word of two letters anything may stand.
        let thirds = if letters.len() < 3 {
            0..32
        } else {
            at(2) & 31..(at(2) & 31) + 1
        };
        for third in thirds {
            let (slot, bit) = beginning(at(0), at(1), third);
            if let Some(slot) = table.get_mut(slot) {
                *slot |= bit;
            }
        }
    }
    table
});

fn beginning(first: u8, second: u8, third: u8) -> (usize, u64) {
    let bits = |b: u8| usize::from(b & 31);
    let at = bits(first) << 10 | bits(second) << 5 | bits(third);
    (at / 64, 1 << (at % 64))
}

/// Whether an opener may begin with these bytes.
pub(super) fn may_open(first: u8, second: u8, third: u8) -> bool {
    if (first | second | third) >= 0x80 {
        return true;
    }
    let (slot, bit) = beginning(first, second, third);
    BEGINNINGS.get(slot).is_some_and(|bits| bits & bit != 0)
}

/// The lists that a lower-case word, without its full stop, stands in.
pub(super) fn flags(word: &str) -> u8 {
    if word.is_empty() || word.len() > 16 {
        0
    } else {
        WORDS.get(word).copied().unwrap_or(0)
    }
}

/// Endings of English streets that mean little else.
#[rustfmt::skip]
const STREETS: &[&str] = &[
    "street", "st", "avenue", "ave", "av", "road", "rd", "lane", "ln", "drive", "dr", "boulevard", "blvd", "court", "ct", "place", "pl",
    "terrace", "close", "crescent", "gardens", "grove", "highway", "hwy", "parkway", "pkwy", "square", "walk", "row", "hill", "alley",
    "way", "circle", "cir", "trail", "trl", "mews", "quay", "wharf", "parade", "esplanade", "str", "wynd", "rise", "turnpike", "causeway", "expressway",
    "freeway", "stravenue", "trafficway", "throughway", "motorway", "overpass", "underpass", "route", "courts", "drives", "roads", "streets",
];
/// Endings that mean much else, too: they need a tail, or to be all there is.
#[rustfmt::skip]
const WEAK_STREETS: &[&str] = &[
    "ranch", "unions", "union", "mills", "mill", "garden", "island", "islands", "slope", "tarn", "triangle", "cape", "port", "ports", "extensions",
    "extension", "branch", "bridge", "brook", "brooks", "burg", "burgs", "bypass", "camp", "canyon",   "cliff", "cliffs", 
    "common", "corner", "corners",  "cove", "coves", "creek", "crest", "crossing", "crossroad", "curve", "dale", "dam", "divide", "estate",
    "estates", "fall", "falls", "ferry", "field", "fields", "flat", "flats", "ford", "fords", "forest", "forge", "forges", "fork", "forks", "fort",
    "gateway", "glen", "glens", "green", "greens", "groves", "harbor", "harbors", "haven", "heights", "hills", "hollow", "inlet", "isle", "junction",
    "junctions",   "knoll", "knolls", "lake", "lakes", "land",    "loaf", "lock", "locks", "lodge", 
    "mall", "manor", "manors", "meadow", "meadows",  "mount", "mountain", "mountains", "neck", "orchard", "oval", "park", "parks",
    "parkways",  "passage",  "pike", "pine", "pines",  "plains", "plaza",   "prairie", "radial", "ramp", "rapid",
    "rapids",  "ridge", "ridges", "river", "roads", "rue",  "shoal", "shoals", "shore", "shores", "skyway", "spring", "springs", "spur",
    "spurs", "squares", "station", "stream", "summit", "throughway",   "tunnel", "valley", "valleys", "via", "viaduct",  
    "village", "villages", "ville", "vista", "walks", "wall",  "well", "wells", "avenue", "copse", "dene", "nook", "pocket", "retreat", "towers",
    "foreshore", "firetrail", "byway", "circles", "concourse", "thoroughfare", "tollway", "plateau", "quadrant", "ridgeway", "siding", "tor", "lookout", "laneway", "frontage", "footway",
    "fairway", "distributor", "crossway", "colonnade", "brow", "boardwalk", "amble", "arcade", "grange", "glade", "gully", "vale", "trunkway", "circlet", "circus",
];
/// Endings of one-word streets of the continent.
#[rustfmt::skip]
pub(super) const SUFFIXES: &[&str] = &[
    "straße", "strasse", "str", "gasse", "weg", "platz", "allee", "damm", "straat", "laan", "plein", "gade", "vej", "gatan", "vägen", "katu", "kuja",
    "bulevardi", "boulevard", "polku", "kade", "dreef", "steeg", "singel", "gracht", "ring", "ufer", "vænget", "veien", "vegen", "gata", "gaten", "stræde",
    "toften", "parken", "stien", "torvet", "allé", "alle", "steig", "chaussee", "promenade", "markt", "utca", "tér", "körút", "tie", "pad", "baan", "hof",
    "prisgade", "gate", "vei", "veg", "tänav", "iela", "cesta", "kapu", "útja", "backen", "stigen", "gränd", "torget", "plads", "sgade", "raitti", "tori", "penger", "ranta", "lei", "markstraat", "berg", "park",
];
/// Words that open a street's name.
#[rustfmt::skip]
const OPENERS: &[&str] = &[
    "rue", "avenue", "chemin", "boulevard", "impasse", "allée", "allee", "quai", "cours", "via", "viale", "piazza", "corso", "vicolo", "largo", "strada",
    "incrocio", "borgo", "contrada", "calle", "avenida", "paseo", "plaza", "camino", "carrer", "ronda", "glorieta", "cuesta", "pasaje", "acceso", "urbanización",
    "urbanizacion", "cañada", "callejón", "rambla", "alameda", "pasadizo", "vial", "ulica", "ul.", "aleja", "al.", "plac", "rua", "travessa", "praça", "estrada", "rodovia", "condomínio",
    "conjunto", "núcleo", "loteamento", "vila", "vale", "viela", "quadra", "jardim", "setor", "sítio", "residencial", "recanto", "praia", "passarela", "parque", "morro", "ladeira", "lagoa", "lago",
    "favela", "feira", "fazenda", "estação", "esplanada", "distrito", "colônia", "chácara", "campo", "área", "aeroporto", "trecho", "trevo",
    "am", "an der", "im", "auf", "str.", "улица", "ул.", "проспект", "пр.", "пер.", "вулиця", "вул.", "rotonda", "piazzale", "pl.", "canale", "vereda", "pátio", "núcleo", "rodovia", "trevo", "aldeia", "place", "passage", "route", "pasaje", "circuito",
    "canal", "stretto", "viadotto", "põik",
    "calzada", "periférico", "privada", "cerrada", "andador", "corredor", "circunvalación", "viaducto", "prolongación", "retorno", "diagonal", "peatonal",
    "carrera", "transversal", "avda.", "intrarea", "bulevardul", "bd.", "soseaua", "șoseaua", "aleea", "calea", "drumul", "splaiul", "piața", "fundătura",
    "jl.", "jalan", "gg.", "наб.", "бул.", "ш.", "набережна", "набережная", "бульвар", "площа", "площадь", "провулок", "переулок", "шосе", "шоссе",
    "rang", "ruelle", "ulice", "náměstí", "třída", "trg",
];

/// Openers that a number stands before, too: `8 rue de la Paix`.
pub(super) const NUMBERED_OPENERS: &[&str] = &[
    "rue",
    "avenue",
    "chemin",
    "boulevard",
    "impasse",
    "allée",
    "quai",
    "ruelle",
    "rang",
    "bd",
    "av",
];
/// What names a part of a building.
#[rustfmt::skip]
const UNITS: &[&str] = &["apt", "apt.", "suite", "ste", "ste.", "unit", "flat", "studio", "level", "floor", "box", "room", "apartment", "lgh", "piso", "esc."];
/// Words inside names of places, in lower case.
#[rustfmt::skip]
pub(super) const JOINERS: &[&str] = &[
    "de", "du", "des", "la", "le", "les", "del", "della", "di", "da", "do", "dos", "das", "van", "von", "der", "den", "am", "an", "im", "bei", "ob", "of", "and", "y", "e",
    "sur", "sous", "en", "aux", "à", "u", "v", "nad", "i", "in", "the", "nan", "gld", "bin", "al", "el", "los", "las", "och", "na",
    "д.", "буд.", "дом", "к.", "стр.", "кв.", "д", "буд",
];

/// Days and months, which stand between numbers as streets do.
#[rustfmt::skip]
const CALENDAR_WORDS: &[&str] = &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "january",
        "february", "march", "april", "june", "july", "august", "september", "october", "november", "december", "monday", "tuesday", "wednesday", "thursday",
        "friday", "saturday", "sunday", "januar", "februar", "märz", "mai", "juni", "juli", "oktober", "dezember", "janvier", "février", "mars", "avril", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre", "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "octubre",
    ];
/// Endings of streets that need a tail even when they are all there is.
#[rustfmt::skip]
const RISKY_STREETS: &[&str] = &[
    "access", "break", "steps", "turn", "top", "block", "follow", "hub", "view", "views", "point", "points", "pass", "key", "keys", "run", "light", "lights", "rest", "track", "course", "plain",
    "loop", "path", "landing", "trace", "ways", "center", "centers", "club", "mission", "approach", "bend", "bowl", "strip", "round", "rotary", "subway", "pathway", "interchange", "deviation", "outlook",
    "stairs", "traverse", "yard", "ground", "cutting", "gate", "basin", "beach", "strand", "waters",
];

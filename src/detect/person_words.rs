//! Words round and in names of persons: data for `person`.
//!
//! Nothing here looks at a text.

/// Endings of surnames in many languages.
#[rustfmt::skip]
pub(super) const SURNAME_ENDINGS: &[&str] = &[
    "ov", "ova", "ev", "eva", "ski", "ska", "cki", "cka", "sson", "ez", "enko", "mann", "stein", "poulos", "sen", "sky", "czyk", "dze", "shvili", "berg", "wicz", "wski",
    "wska", "ini", "elli", "etti", "inen", "nen", "ius", "as", "man", "escu", "yan", "oglu", "vic", "dottir", "ian", "stra", "sma", "huis", "quist", "ström", "strom",
];

/// Brands and characters that carry a person's name.
#[rustfmt::skip]
pub(super) const BRANDS: &[&str] = &[
    "alexander wang", "alfa romeo", "anne klein", "aston martin", "ben nevis", "ben sherman", "calvin klein", "carolina herrera", "charles schwab", "charlotte tilbury", "christian dior",
    "christian louboutin", "dale carnegie", "donald duck", "donna karan", "eddie bauer", "elizabeth arden", "estee lauder", "franklin templeton", "fred perry", "giorgio armani", "guy laroche",
    "harley davidson", "harry potter", "hugo boss", "iron man", "jack daniel", "jack jones", "jack wolfskin", "james bond", "jean paul", "jim beam", "jimmy choo", "john deere", "john hancock",
    "john lewis", "johnnie walker", "johnson johnson", "karl lagerfeld", "kate spade", "kenneth cole", "levi strauss", "louis vuitton", "marc jacobs", "marc o'polo", "marks spencer", "martha stewart",
    "mary kay", "mary poppins", "max mara", "mercedes benz", "michael kors", "mickey mouse", "miu miu", "mona lisa", "morgan stanley", "oscar mayer", "paul smith", "perry ellis", "peppa pig", "ralph lauren",
    "ray ban", "robin hood", "ronald mcdonald", "sherlock holmes", "stella artois", "stella mccartney", "steve madden", "ted baker", "thomas cook", "tom ford", "tom tailor", "tommy bahama", "tommy hilfiger",
    "tory burch", "van gogh", "vera wang", "victoria beckham", "victoria's secret", "walt disney", "warner bros", "yves rocher", "yves saint laurent", "bob marley", "ben jerry", "peter pan", "santa claus",
    "isabel marant", "jo malone", "bobbi brown", "kylie jenner", "laura ashley", "laura mercier", "monica vinader", "oscar wilde", "rosetta stone", "sara lee", "wendy's",
    "oetker", "dr. oetker", "martens", "dr. martens", "ernst young", "martin luther", "rosa luxemburg", "jasmine rice", "agent smith", "earl grey", "ruby rails", "mr. robot", "robot",
];

/// What may stand directly before a name in a sentence, lower case, with its blank.
#[rustfmt::skip]
pub(super) const LEADS: &[&str] = &[
    "dear ", "assigned to ", "bonjour ", "frau ", "herr ", "herrn ", "mr. ", "mrs. ", "ms. ", "mr ", "mrs ", "ms ",
    "dr. ", "prof. ", "name is ", "named him ", "named her ", "follow up with ", "directed by: ", "directed by ",
    "have you heard ", "why is ", "shouted at ", "the assistant to ", "your name? ", "not by ", "verses from ", "madame ",
    "monsieur ", "señor ", "señora ", "sra. ", "sr. ", "signed by ", "written by ", "hello ", "hi ", "hola ", "caro ", "cara ",
    "liebe ", "lieber ", "my name's ", "i am called ", "name: ", "name:** ", "customer: ", "patient: ", "regards, ",
    "sincerely, ", "contact: ", "attn: ", "recipient: ", "invoice to ", "beneficiary: ", "welcome back, ", "welcome, ", "hey ",
    "from ", "by ", "for ", "with ", "invited ", "signed: ", "author: ", "grüßen ", "grüssen ", "grüße ", "cordialement, ", "saludos, ",
    "patient ", "von ", "für ", "par ", "por ", "pour ", "para ", "da ", "från ", "fra ", "door ", "van ", "user ", "customer ", "guest ",
    "driver ", "agent ", "caller ", "client ", "kunde ", "kundin ", "saluti, ", "groeten, ", "hälsningar, ", "thanks, ", "cheers, ",
    "kontoinhaber: ", "inhaber: ", "holder: ", "titular: ", "titulaire : ", "intestatario: ", "naam: ", "nombre: ", "nome: ", "navn: ", "namn: ", "passenger ",
    "ciao ", "olá ", "ola ", "hej ", "moi ", "ahoj ", "cześć ", "witaj ", "estimado ", "estimada ", "beste ", "geachte ", "cher ", "chère ",
    "gentile ", "prezado ", "prezada ", "kære ", "kjære ", "kära ", "käre ", "bonsoir ", "guten tag ", "hallo ", "уважаемый ", "уважаемая ", "здравствуйте, ",
];

/// What may stand directly behind a name at the start of a sentence.
#[rustfmt::skip]
pub(super) const TAILS: &[&str] = &[
    " lives at ", "'s killers ", ", can i please ", " shouted at ", " spent a year ", " is so ", " signed up", " has joined",
    " logged in", " invited you", " wrote:", " commented",
];

/// Leads that nearly anything follows: they ask for a known given name and for a surname.
#[rustfmt::skip]
pub(super) const WEAK: &[&str] = &[
    "from", "by", "for", "with", "invited", "signed:", "author:", "grüßen", "grüssen", "grüße", "cordialement,", "saludos,", "patient",
    "von", "für", "par", "por", "pour", "para", "da", "från", "fra", "door", "van", "user", "customer", "guest", "driver", "agent",
    "caller", "client", "kunde", "kundin", "saluti,", "groeten,", "hälsningar,", "thanks,", "cheers,",
    "passenger", "moi", "ola", "beste", "cher", "naam:", "nombre:", "nome:", "navn:", "namn:",
];

/// Words that follow given names in brands, places, roles and titles.
#[rustfmt::skip]
pub(super) const STOP: &[&str] = &[
    "alert", "app", "airlines", "account", "action", "add", "air", "airport", "analytics", "and", "area", "bank", "bar", "bay",
    "beach", "beta", "blue", "book", "bottle", "box", "brand", "bridge", "builder", "building", "button", "cafe", "call", "camp", "canyon",
    "card", "cart", "case", "castle", "center", "centre", "chain", "channel", "chrome", "church", "city", "classic", "close", "club",
    "code", "coffee", "collection", "college", "community", "company", "conference", "county", "court", "cream", "creek", "cup",
    "daisy", "dashboard", "data", "day", "demo", "department", "design", "dollar", "door", "dress", "drive", "edition", "event",
    "falls", "family", "fashion", "festival", "field", "film", "first", "food", "foundation", "forest", "free", "fund", "game",
    "games", "garden", "gmbh", "gold", "green", "group", "guide", "hall", "health", "hill", "holiday", "home", "hospital", "hotel", "house",
    "inc", "india", "insurance", "international", "island", "jacket", "jeans", "key", "kit", "lake", "landing", "launch", "level", "life",
    "light", "limited", "list", "live", "living", "llc", "login", "ltd", "mall", "manager", "map", "mark", "market", "max", "media", "menu",
    "message", "min", "mobile", "mode", "model", "monday", "motors", "mountain", "museum", "music", "network", "new", "news", "office",
    "old", "online", "open", "original", "oven", "page", "paper", "park", "party", "pay", "phone", "place", "plan", "plant", "plaza", "point",
    "pool", "port", "prime", "pro", "product", "project", "quencher", "radio", "red", "report", "republic", "resort", "review", "ring", "river",
    "road", "rock", "room", "rose", "sale", "salad", "salon", "school", "sea", "search", "season", "series", "service", "services", "set", "shoes", "shop",
    "show", "sign", "silver", "size", "smart", "society", "solutions", "song", "south", "springs", "square", "stadium", "standard", "star", "start",
    "state", "station", "step", "store", "street", "studio", "summer", "sun", "sunday", "supply", "support", "system", "tab", "table", "tea",
    "team", "technologies", "television", "test", "theme", "ticket", "time", "today", "tools", "top", "tour", "tower", "town", "trail", "train", "trial",
    "tv", "type", "union", "university", "update", "usa", "user", "valley", "value", "video", "view", "village", "wallet", "watch", "water", "wave",
    "way", "web", "week", "west", "white", "widget", "window", "wine", "winter", "world", "year", "zone", "airways", "north", "east", "black", "brown",
    "orchestra", "hotels", "records", "pictures", "sport", "sports", "express", "delivery", "premium", "basic", "enterprise", "the", "of", "for", "in",
    "to", "with", "is", "was", "has", "all", "my", "your", "our", "no", "not", "order", "checkout", "perfume", "bag", "shirt", "shoe", "sofa", "desk", "lamp",
    "high", "performance", "standart", "experience", "error", "success", "failed", "pending", "active", "monitor", "server", "client", "browser", "safari",
    "explorer", "opera", "edge", "firefox", "android", "windows", "linux", "os", "version", "daylight", "pacific", "central", "eastern",
    "avenue", "lane", "drama", "comedy", "action", "mystery", "kids", "salesforce", "cloud", "api", "sdk", "script", "function", "class", "method", "sir", "madam",
    "texas", "blank", "stock", "authentication",
];

/// Words of names that begin with no capital.
#[rustfmt::skip]
pub(super) const PARTICLES: &[&str] = &[
    "de", "da", "do", "dos", "van", "von", "der", "den", "la", "le", "di", "del", "bin", "al", "af", "y", "e", "ten", "ter",
];

/// Leads that common words follow: they ask for a known given name.
pub(super) const STRICT: &[&str] = &[
    "hello",
    "hi",
    "hey",
    "why is",
    "name:",
    "contact:",
    "customer:",
    "ciao",
    "hej",
    "hallo",
    "ahoj",
    "olá",
];

//! Canaries: invented people, made anew from a seed for each run, each fitting a data category.
//!
//! Invariants: everything but a canary's form is random, so that no canary can be special-cased; each
//! has needles, parts that stand for the whole, long enough not to occur by chance, and destroyed by
//! every action of the policy language that does not keep the value. ASCII only. Knows no policy.

use sha2::{Digest, Sha256};

use crate::category::DataCategory;

/// Where a run's randomness comes from; printed in its report.
pub type Seed = [u8; 16];

/// A value to be looked for.
#[derive(Clone, Debug)]
pub(super) struct Canary {
    /// As it is planted.
    pub(super) text: String,
    /// Whether it may be written as a JSON number.
    pub(super) number: bool,
    /// What it looks like: `e-mail`, `uuid`.
    pub(super) guise: &'static str,
    /// Any of them found means that the canary was there; lower case.
    pub(super) needles: Vec<String>,
}

/// Makes canaries. The same seed and stream give the same canaries in the same order.
pub(super) struct Mint {
    state: [u8; 32],
    pool: Vec<u8>,
    turn: usize,
}

impl Mint {
    pub(super) fn new(seed: &Seed, stream: &str) -> Self {
        let digest = Sha256::new().chain_update(seed).chain_update(stream);
        Self {
            state: digest.finalize().into(),
            pool: Vec::new(),
            turn: 0,
        }
    }

    fn byte(&mut self) -> u8 {
        loop {
            if let Some(byte) = self.pool.pop() {
                return byte;
            }
            self.state = Sha256::digest(self.state).into();
            self.pool.extend(
                Sha256::new()
                    .chain_update(self.state)
                    .chain_update("out")
                    .finalize(),
            );
        }
    }

    /// A number from `low` on, below `high`; both below 2^16.
    fn number(&mut self, low: u32, high: u32) -> u32 {
        let wide =
            u32::from(self.byte()) << 16 | u32::from(self.byte()) << 8 | u32::from(self.byte());
        low + wide % (high - low)
    }

    fn pick(&mut self, letters: &str) -> char {
        let at = self.number(0, u32::try_from(letters.len()).unwrap_or(1)) as usize;
        letters.as_bytes().get(at).map_or('z', |b| char::from(*b))
    }

    fn digits(&mut self, count: usize) -> String {
        let first = self.pick("123456789");
        std::iter::once(first)
            .chain((1..count).map(|_| self.pick("0123456789")))
            .collect()
    }

    /// Letters and digits that are no word, no number and no hexadecimal.
    pub(super) fn token(&mut self) -> String {
        let mut out = String::from("z");
        for at in 0..11 {
            out.push(self.pick(if at % 4 == 2 {
                "23456789"
            } else {
                "bcdfghjkmnpqrstvwxyz"
            }));
        }
        out
    }

    /// A word that can be said and is in no dictionary.
    fn word(&mut self) -> String {
        let mut out = String::new();
        for _ in 0..4 {
            out.push(self.pick("bdfgklmnprstvz"));
            out.push(self.pick("aeiou"));
        }
        out.push(self.pick("xqzk"));
        out
    }

    fn name(&mut self) -> String {
        let word = self.word();
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect()
    }

    fn made(guise: &'static str, text: String, needles: &[&str]) -> Canary {
        Canary {
            needles: needles.iter().map(|n| n.to_ascii_lowercase()).collect(),
            number: false,
            guise,
            text,
        }
    }

    fn whole(guise: &'static str, text: String) -> Canary {
        let needle = text.clone();
        Self::made(guise, text, &[&needle])
    }

    pub(super) fn email(&mut self) -> Canary {
        let (local, host) = (self.token(), self.word());
        Self::made("e-mail", format!("{local}@{host}.com"), &[&local])
    }

    pub(super) fn phone(&mut self) -> Canary {
        let digits = format!("79{}", self.digits(7));
        Self::made("phone", format!("+41{digits}"), &[&digits])
    }

    pub(super) fn card(&mut self) -> Canary {
        let mut digits = format!("4{}", self.digits(14));
        let sum: u32 = digits
            .bytes()
            .rev()
            .enumerate()
            .map(|(at, b)| {
                let digit = u32::from(b - b'0') * if at % 2 == 0 { 2 } else { 1 };
                digit / 10 + digit % 10
            })
            .sum();
        digits.push(char::from_digit((10 - sum % 10) % 10, 10).unwrap_or('0'));
        Self::whole("card", digits)
    }

    pub(super) fn iban(&mut self) -> Canary {
        let account = self.digits(18);
        // ISO 7064: the remainder of the account, `DE` as 1314 and `00`.
        let text = format!("{account}131400");
        let rest = text
            .bytes()
            .fold(0, |rest, b| (rest * 10 + u32::from(b - b'0')) % 97);
        Self::whole("IBAN", format!("DE{:02}{account}", 98 - rest))
    }

    pub(super) fn uuid(&mut self) -> Canary {
        let hex: String = (0..32).map(|_| self.pick("0123456789abcdef")).collect();
        let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or("").to_owned();
        let variant = self.pick("89ab");
        let text = format!(
            "{}-{}-4{}-{variant}{}-{}",
            part(0..8),
            part(8..12),
            part(13..16),
            part(17..20),
            part(20..32)
        );
        let bare = text.replace('-', "");
        Self::made("uuid", text.clone(), &[&text, &bare])
    }

    fn free_id(&mut self) -> Canary {
        let token = self.token();
        Self::made("id", format!("u-{token}"), &[&token])
    }

    fn numeric_id(&mut self) -> Canary {
        let number = true;
        Canary {
            number,
            ..Self::whole("number", self.digits(13))
        }
    }

    pub(super) fn ip(&mut self) -> Canary {
        self.turn += 1;
        if self.turn.is_multiple_of(3) {
            let groups: Vec<_> = (0..3).map(|_| self.number(0x1000, 0xffff)).collect();
            let tail: Vec<_> = groups.iter().map(|g| format!("{g:x}")).collect();
            return Self::whole("IPv6", format!("2a02:1210:{}::1", tail.join(":")));
        }
        let octets: Vec<_> = (0..3).map(|_| self.number(100, 250).to_string()).collect();
        Self::whole(
            "IPv4",
            format!("8{}.{}", self.number(1, 9), octets.join(".")),
        )
    }

    fn coordinate(&mut self) -> Canary {
        let text = format!("4{}.{}", self.number(5, 9), self.digits(9));
        let number = true;
        Canary {
            number,
            ..Self::whole("coordinate", text)
        }
    }

    pub(super) fn page(&mut self) -> Canary {
        let (id, query, fragment) = (self.uuid(), self.token(), self.token());
        let text = format!(
            "https://shop.example/users/{}/orders?ref={query}#{fragment}",
            id.text
        );
        Self::made("page", text, &[&id.text, &query, &fragment])
    }

    pub(super) fn referrer(&mut self) -> Canary {
        let (host, query) = (self.token(), self.token());
        let text = format!("https://{host}.example/from?q={query}");
        Self::made("referrer", text, &[&host, &query])
    }

    pub(super) fn agent(&mut self) -> Canary {
        let model = self.token();
        let text = format!(
            "Mozilla/5.0 (Linux; Android 13; {model}) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/120.0.6099.144 Mobile Safari/537.36"
        );
        Self::made("agent", text, &[&model])
    }

    pub(super) fn first_name(&mut self) -> Canary {
        Self::whole("name", self.name())
    }

    pub(super) fn full_name(&mut self) -> Canary {
        let (first, last) = (self.name(), self.name());
        Self::made("name", format!("{first} {last}"), &[&first, &last])
    }

    pub(super) fn street(&mut self) -> Canary {
        let street = format!("{}strasse", self.name());
        Self::made(
            "address",
            format!("{street} {}", self.number(3, 190)),
            &[&street],
        )
    }

    pub(super) fn birthday(&mut self) -> Canary {
        let (year, month, day) = (
            self.number(1931, 1969),
            self.number(1, 13),
            self.number(1, 29),
        );
        Self::whole("date", format!("{year}-{month:02}-{day:02}"))
    }

    pub(super) fn free(&mut self) -> Canary {
        Self::whole("text", self.token())
    }

    fn id(&mut self) -> Canary {
        self.turn += 1;
        match self.turn % 4 {
            0 => self.uuid(),
            1 => self.free_id(),
            2 => self.numeric_id(),
            _ => self.email(),
        }
    }

    /// A value that a field of the category would hold.
    pub(super) fn fitting(&mut self, category: Option<DataCategory>) -> Canary {
        let key = category.map_or("", DataCategory::key);
        let under = |top: &str| {
            key.strip_prefix(top)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        match key {
            "user.contact.email" => return self.email(),
            "user.contact.phone_number" | "user.contact.fax_number" => return self.phone(),
            "user.contact.url" => return self.page(),
            "user.contact.address.postal_code" => {
                let code = format!("{}-{}", self.digits(5), self.digits(4));
                return Self::whole("postal code", code);
            }
            // A country that is none: what could be the name of one stays where countries do.
            "user.contact.address"
            | "user.contact.address.street"
            | "user.contact.address.country" => {
                return self.street();
            }
            "user.financial.bank_account" => return self.iban(),
            "user.financial" | "user.financial.credit_card" | "user.payment" => return self.card(),
            "user.location.precise" => return self.coordinate(),
            "user.device.ip_address" => return self.ip(),
            "user.device.user_agent" => return self.agent(),
            "user.device.screen" => {
                let size = format!("{}x{}", self.digits(4), self.digits(4));
                return Self::whole("size", size);
            }
            "user.demographic.date_of_birth" => return self.birthday(),
            "user.demographic.language" => {
                let token = self.token();
                let text = format!("de-CH-x-{}", token.get(..8).unwrap_or(&token));
                let needle = token.get(..8).unwrap_or(&token).to_owned();
                return Self::made("language", text, &[&needle]);
            }
            "user.behavior.browsing_history.referrer" => return self.referrer(),
            "user.behavior.browsing_history.title" => {
                let word = self.name();
                return Self::made("title", format!("Welcome back, {word}"), &[&word]);
            }
            "user.name.first" | "user.name.last" => return self.first_name(),
            _ => {}
        }
        if under("user.name") {
            self.full_name()
        } else if under("user.behavior.browsing_history") || under("user.social") {
            self.page()
        } else if under("user.unique_id")
            || under("user.device.device_id")
            || under("user.device.cookie_id")
            || under("user.account")
        {
            self.id()
        } else if under("user.contact.address") || under("user.location") {
            Self::whole("place", self.name())
        } else {
            self.free()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_canaries_and_another_others() {
        let made = |seed: u8| {
            let mut mint = Mint::new(&[seed; 16], "acme");
            let all = DataCategory::all().map(Some).chain([None]);
            all.map(|c| mint.fitting(c).text).collect::<Vec<_>>()
        };
        assert_eq!(made(1), made(1));
        assert!(made(1).iter().zip(made(2)).all(|(a, b)| *a != b));
    }

    #[test]
    fn needles_are_long_and_stand_in_their_canary() {
        let mut mint = Mint::new(&[7; 16], "acme");
        for round in 0..8 {
            for category in DataCategory::all() {
                let canary = mint.fitting(Some(category));
                let lower = canary.text.to_ascii_lowercase();
                assert!(canary.text.is_ascii(), "{round} {category}");
                assert!(!canary.needles.is_empty());
                for needle in &canary.needles {
                    assert!(needle.len() >= 7, "{category}: {needle}");
                    let bare = lower.replace('-', "");
                    assert!(
                        lower.contains(needle) || bare.contains(needle),
                        "{category}"
                    );
                }
            }
        }
    }

    #[test]
    fn numbers_that_have_checks_pass_them() {
        let mut mint = Mint::new(&[9; 16], "acme");
        for _ in 0..50 {
            let card = mint.card().text;
            let sum: u32 = card
                .bytes()
                .rev()
                .enumerate()
                .map(|(at, b)| {
                    let digit = u32::from(b - b'0') * if at % 2 == 1 { 2 } else { 1 };
                    digit / 10 + digit % 10
                })
                .sum();
            assert_eq!((card.len(), sum % 10), (16, 0), "{card}");
            let iban = mint.iban().text;
            let turned = format!("{}1314{}", &iban[4..], &iban[2..4]);
            let rest = turned
                .bytes()
                .fold(0, |r, b| (r * 10 + u32::from(b - b'0')) % 97);
            assert_eq!((iban.len(), rest), (22, 1), "{iban}");
        }
    }
}

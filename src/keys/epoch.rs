//! Epochs by the calendar: when one begins, and which key it has.
//!
//! A ring draws a key at random for each epoch, so that a shredded one is gone for good. A key from
//! elsewhere (`env:`, `file:`) is one secret for ever: its epochs' keys are derived from it and the
//! day on which the epoch begins, so that several machines agree, and none can be shredded alone.

use hkdf::Hkdf;
use sha2::Sha256;

use super::{KeyError, KeyRing, create, key_path, read_epoch};
use crate::civil;
use crate::sensitive::SecretKey;

const DAY: i64 = 86_400;
/// In front of the day in HKDF's `info`.
const INFO: &[u8] = b"tamis/epoch/v1";

/// How long an epoch lasts (UTC).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Period {
    /// From midnight to midnight.
    Daily,
    /// From Monday on.
    Weekly,
    /// From the first of a month.
    Monthly,
    /// From the first of January.
    Yearly,
}

impl Period {
    /// When the epoch of an instant began; seconds since 1970.
    #[must_use]
    pub fn start(self, now: i64) -> i64 {
        let today = now.div_euclid(DAY);
        let (year, _, day) = civil::date(today);
        let first = match self {
            Self::Daily => today,
            // 1970-01-01 was a Thursday.
            Self::Weekly => today - (today + 3).rem_euclid(7),
            Self::Monthly => today - i64::from(day) + 1,
            Self::Yearly => civil::days(year, 1, 1).unwrap_or(today),
        };
        first * DAY
    }

    /// When the next epoch begins.
    #[must_use]
    pub fn next(self, now: i64) -> i64 {
        let longest = match self {
            Self::Daily => 1,
            Self::Weekly => 7,
            Self::Monthly => 31,
            Self::Yearly => 366,
        };
        let start = self.start(now);
        self.start(start + longest * DAY)
    }

    /// The epochs of a derived key that a search looks through, newest first: their first days.
    pub fn past(self, now: i64) -> impl Iterator<Item = u32> {
        let many = match self {
            Self::Daily => 366,
            Self::Weekly => 53,
            Self::Monthly => 24,
            Self::Yearly => 10,
        };
        let starts =
            std::iter::successors(Some(self.start(now)), move |at| Some(self.start(at - 1)));
        starts
            .take(many)
            .filter_map(|start| u32::try_from(start / DAY).ok())
    }
}

/// The key of the epoch that begins on a day (days since 1970).
#[must_use]
pub fn derived(primary: &SecretKey, day: u32) -> SecretKey {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    #[expect(
        clippy::expect_used,
        reason = "HKDF gives up to 8160 bytes, 32 are asked"
    )]
    Hkdf::<Sha256>::new(None, primary.expose())
        .expand_multi_info(&[INFO, &day.to_be_bytes()], bytes.as_mut())
        .expect("32 bytes are within HKDF's bound");
    SecretKey::new(*bytes)
}

impl KeyRing {
    /// Begins a new epoch if the current one began before the calendar's; answers whether. Another
    /// process that was first is followed. A clock that goes backwards begins nothing.
    ///
    /// # Errors
    /// [`KeyError`]; the ring is then as it was.
    pub fn advance(&mut self, period: Period, now: i64) -> Result<bool, KeyError> {
        let start = period.start(now);
        if self.since.is_some_and(|since| since >= start) {
            return Ok(false);
        }
        // What another process did meanwhile counts.
        let fresh = Self::load(self.dir.clone())?;
        if fresh.since.is_some_and(|since| since >= start) {
            *self = fresh;
            return Ok(true);
        }
        let next = super::next_epoch(&self.dir)?;
        match create(&self.dir, next, now) {
            Ok(()) => {}
            Err(KeyError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let (key, since) = read_epoch(&key_path(&self.dir, next))?;
        self.epochs.push((next, key));
        self.since = since;
        Ok(true)
    }

    /// Shreds all past epochs but the last `keep`; answers how many went.
    ///
    /// # Errors
    /// [`KeyError`] at the first that cannot be shredded.
    pub fn retain(&mut self, keep: usize) -> Result<usize, KeyError> {
        let past = self.epochs.len().saturating_sub(1);
        let old: Vec<u32> = self
            .epochs
            .iter()
            .take(past.saturating_sub(keep))
            .map(|(number, _)| *number)
            .collect();
        for epoch in &old {
            match self.shred(*epoch) {
                Ok(()) => {}
                // Another process was first.
                Err(KeyError::Io { source, .. })
                    if matches!(
                        source.kind(),
                        std::io::ErrorKind::AlreadyExists | std::io::ErrorKind::NotFound
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(old.len())
    }

    /// When the current epoch began (seconds since 1970), if its file says so.
    #[must_use]
    pub fn since(&self) -> Option<i64> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-22, a Sunday, 13:00 UTC.
    const NOW: i64 = 1_795_352_400;

    fn day(seconds: i64) -> String {
        let (y, m, d) = civil::date(seconds.div_euclid(DAY));
        format!("{y}-{m:02}-{d:02}")
    }

    #[test]
    fn epochs_begin_by_the_calendar() {
        for (period, start, next) in [
            (Period::Daily, "2026-11-22", "2026-11-23"),
            (Period::Weekly, "2026-11-16", "2026-11-23"),
            (Period::Monthly, "2026-11-01", "2026-12-01"),
            (Period::Yearly, "2026-01-01", "2027-01-01"),
        ] {
            assert_eq!(day(period.start(NOW)), start, "{period:?}");
            assert_eq!(day(period.next(NOW)), next, "{period:?}");
        }
        let past: Vec<u32> = Period::Monthly.past(NOW).take(2).collect();
        assert_eq!(day(i64::from(past[1]) * DAY), "2026-10-01");
    }

    #[test]
    fn a_ring_follows_the_calendar_and_forgets() {
        let dir = tempfile::tempdir().unwrap();
        let (mut ring, _) = KeyRing::open_or_create(dir.path(), "primary").unwrap();
        let real = ring.since().unwrap();
        assert!(
            !ring.advance(Period::Daily, real).unwrap(),
            "the first key is of today"
        );
        let first = *ring.current().expose();
        let mut other = KeyRing::open(dir.path(), "primary").unwrap();
        assert!(ring.advance(Period::Daily, real + DAY).unwrap());
        assert!(!ring.advance(Period::Daily, real + DAY + 1).unwrap());
        assert!(!ring.advance(Period::Daily, real).unwrap(), "never back");
        assert_ne!(*ring.current().expose(), first);
        // The other process draws no key of its own.
        other.advance(Period::Daily, real + DAY).unwrap();
        assert_eq!(other.current_epoch(), 2);
        assert_eq!(other.current().expose(), ring.current().expose());
        ring.advance(Period::Daily, real + 2 * DAY).unwrap();
        assert_eq!(ring.retain(1).unwrap(), 1);
        let again = KeyRing::open(dir.path(), "primary").unwrap();
        assert_eq!(again.epochs().count(), 2);
        assert_eq!(again.since(), Some(real + 2 * DAY));
    }

    #[test]
    fn derived_keys_are_apart() {
        let key = SecretKey::new([7; 32]);
        assert_eq!(derived(&key, 5).expose(), derived(&key, 5).expose());
        assert_ne!(derived(&key, 5).expose(), derived(&key, 6).expose());
        assert_ne!(derived(&key, 5).expose(), key.expose());
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_one_epoch(now in 0_i64..4_000_000_000) {
            for period in [Period::Daily, Period::Weekly, Period::Monthly, Period::Yearly] {
                let (start, next) = (period.start(now), period.next(now));
                prop_assert!(start <= now && now < next);
                prop_assert_eq!(period.start(next), next);
                prop_assert_eq!(period.start(next - 1), start);
            }
        }
    }
}

//! Sizes (`"10 MiB"`) and durations (`"30s"`).

use std::time::Duration;

/// Bytes, from a number and a unit. `None` when it is neither, or too large.
#[must_use]
pub fn size(text: &str) -> Option<usize> {
    let (number, unit) = split(text)?;
    let factor: usize = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(number).ok()?.checked_mul(factor)
}

/// A duration, from a number and a unit. `None` when it is neither, or too long.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations() {
        assert_eq!(size("10 MiB"), Some(10 << 20));
        assert_eq!(size("64KiB"), Some(64 << 10));
        assert_eq!(size("512"), Some(512));
        assert_eq!(size("1 GB"), Some(1_000_000_000));
        assert_eq!(size("10 mib"), None);
        assert_eq!(size("-1"), None);
        assert_eq!(size("99999999999 GiB"), None);
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("500 ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("30"), None);
        assert_eq!(duration("18446744073709551615d"), None);
    }
}

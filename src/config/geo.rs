//! `geoip_db`: the country of an address from a local file in the MaxMind DB format (GeoLite2
//! Country, DB-IP Lite and their like). Read whole into memory; nobody is asked over the network.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{PathElement, Reader};

/// The country (ISO 3166-1 alpha-2) of an address.
pub type CountryOf = dyn Fn(IpAddr) -> Option<[u8; 2]> + Send + Sync;

/// Opens a database.
///
/// # Errors
/// Why it cannot be used, in words.
pub fn open(file: &Path) -> Result<Box<CountryOf>, String> {
    let bytes = std::fs::read(file)
        .map_err(|error| format!("geoip_db {}: {}", file.display(), super::open::why(&error)))?;
    let reader = Reader::from_source(bytes)
        .map_err(|_| format!("geoip_db {}: no MaxMind database", file.display()))?;
    Ok(Box::new(move |address| country(&reader, address)))
}

fn country(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<[u8; 2]> {
    let found = reader.lookup(address.to_canonical()).ok()?;
    let path = [PathElement::Key("country"), PathElement::Key("iso_code")];
    let code: &str = found.decode_path(&path).ok()??;
    let code = <[u8; 2]>::try_from(code.as_bytes()).ok()?;
    code.iter().all(u8::is_ascii_uppercase).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database of one network, written by hand after the format's specification: the addresses
    /// from 128.0.0.0 on are in `DE`, the others nowhere.
    fn database() -> Vec<u8> {
        let text = |s: &str| [&[0x40 | s.len() as u8][..], s.as_bytes()].concat();
        let mut db = Vec::new();
        // One node of two records of 24 bits: left "nothing" (1), right data at 0 (1 + 16).
        db.extend([0, 0, 1, 0, 0, 17]);
        db.extend([0; 16]);
        // {"country": {"iso_code": "DE"}}
        let inner = [vec![0xe1], text("iso_code"), text("DE")].concat();
        db.extend([vec![0xe1], text("country"), inner].concat());
        db.extend(b"\xab\xcd\xefMaxMind.com");
        let u16 = |n: u8| vec![0xa1, n];
        let entries = [
            ("node_count", vec![0xc1, 1]),
            ("record_size", u16(24)),
            ("ip_version", u16(4)),
            ("database_type", text("Test")),
            ("languages", vec![0x00, 0x04]),
            ("binary_format_major_version", u16(2)),
            ("binary_format_minor_version", u16(0)),
            ("build_epoch", vec![0x01, 0x02, 1]),
            ("description", vec![0xe0]),
        ];
        db.push(0xe0 | entries.len() as u8);
        for (key, value) in entries {
            db.extend(text(key));
            db.extend(value);
        }
        db
    }

    #[test]
    fn countries_of_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("geo.mmdb");
        std::fs::write(&file, database()).unwrap();
        let of = open(&file).unwrap();
        assert_eq!(of("203.0.113.7".parse().unwrap()), Some(*b"DE"));
        assert_eq!(of("::ffff:203.0.113.7".parse().unwrap()), Some(*b"DE"));
        assert_eq!(of("10.0.0.1".parse().unwrap()), None);
        assert_eq!(of("2001:db8::1".parse().unwrap()), None);
        std::fs::write(&file, "no database").unwrap();
        assert!(open(&file).err().unwrap().contains("no MaxMind database"));
        assert!(
            open(&dir.path().join("none"))
                .err()
                .unwrap()
                .contains("no such file")
        );
    }
}

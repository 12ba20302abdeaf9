//! Embeds every `config/vendors/*.toml`, so that a new vendor is one file and no line of code.
//!
//! Writes a list of (file, text) in the order of the names; `src/catalog/load.rs` includes it.

use std::fmt::Write as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=config/vendors");
    let root = std::env::var("CARGO_MANIFEST_DIR")?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(Path::new(&root).join("config/vendors"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            let name = path.file_name().and_then(|n| n.to_str());
            files.push(name.ok_or("a vendor file's name is not UTF-8")?.to_owned());
        }
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        println!("cargo::rerun-if-changed=config/vendors/{file}");
        let path = format!("config/vendors/{file}");
        writeln!(
            list,
            "    ({path:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))),",
            format!("/{path}")
        )?;
    }
    list.push(']');
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join("vendors.rs"), list)?;
    Ok(())
}

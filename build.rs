//! Embeds every `config/vendors/*.toml`, so that a new vendor is one file and no line of code, and the
//! sets that they share (`config/vendors/shared/*.toml`).
//!
//! Writes lists of (file, text) in the order of the names; `src/catalog/load.rs` and
//! `src/catalog/include.rs` include them.

use std::fmt::Write as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    embed("config/vendors", "vendors.rs")?;
    embed("config/vendors/shared", "shared.rs")
}

fn embed(folder: &str, into: &str) -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed={folder}");
    let root = std::env::var("CARGO_MANIFEST_DIR")?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(Path::new(&root).join(folder))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            let name = path.file_name().and_then(|n| n.to_str());
            files.push(name.ok_or("a vendor file's name is not UTF-8")?.to_owned());
        }
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        println!("cargo::rerun-if-changed={folder}/{file}");
        let path = format!("{folder}/{file}");
        writeln!(
            list,
            "    ({path:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {:?}))),",
            format!("/{path}")
        )?;
    }
    list.push(']');
    let out = std::env::var("OUT_DIR")?;
    std::fs::write(Path::new(&out).join(into), list)?;
    Ok(())
}

//! Reads catalogs from TOML.

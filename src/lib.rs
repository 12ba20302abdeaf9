//! Tamis: the sieve that stands in front of analytics vendors.
//!
//! The module list is the map of the house; arrows point down only (`tests/architecture.rs` holds
//! them). Below `config` and `scrub`: no async, no sockets, no HTTP types.

pub mod action;
pub mod catalog;
pub mod category;
pub mod codec;
pub mod config;
pub mod detect;
pub mod diagnostic;
pub mod keys;
pub mod policy;
pub mod scrub;
pub mod selector;
pub mod sensitive;

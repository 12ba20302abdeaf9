//! Tamis: the sieve that stands in front of analytics vendors.
//!
//! The module list is the map of the house; arrows point down only (`tests/architecture.rs` holds
//! them). Below `config` and `scrub`: no async, no sockets, no HTTP types.

pub mod action;
pub mod admin;
pub mod catalog;
pub mod category;
pub mod civil;
pub mod cli;
pub mod codec;
pub mod config;
pub mod deliver;
pub mod detect;
pub mod diagnostic;
pub mod inventory;
pub mod json;
pub mod keys;
pub mod policy;
pub mod proxy;
pub mod reader;
pub mod scrub;
pub mod selector;
pub mod sensitive;
pub mod telemetry;
pub mod tls;

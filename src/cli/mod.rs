//! The commands, and how findings are drawn for people.

pub mod render;

//! `tamis schema`: JSON Schemas (2020-12) of the files that people write, for editors to complete.
//!
//! They describe shapes; what the words mean (whether a category exists, a rule is ever reached) is
//! told by `tamis check`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::output;

#[derive(Args)]
pub(super) struct Schema {
    /// Which file
    of: Of,
}

#[derive(Clone, Copy, ValueEnum)]
enum Of {
    /// A policy
    Policy,
    /// The configuration
    Config,
    /// A vendor catalog
    Vendor,
}

pub(super) fn main(args: &Schema) -> anyhow::Result<ExitCode> {
    let text = match args.of {
        Of::Policy => include_str!("../../config/schemas/policy.json"),
        Of::Config => include_str!("../../config/schemas/config.json"),
        Of::Vendor => include_str!("../../config/schemas/vendor.json"),
    };
    output::bytes(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

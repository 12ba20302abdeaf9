//! The command line: one file per command, and the renderer of diagnostics.
//!
//! Exit status: 0 good, 1 a finding, 2 a usage or configuration error. Values of clients are shown
//! only to who gave them on this very command line (`scrub`, `explain`, `pseudonym`, `detect`).

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::telemetry::{self, LogFormat};

mod allocator;
mod ca;
mod check;
mod check_files;
mod demo;
mod detect;
mod diff;
mod explain;
mod healthcheck;
mod init;
mod inventory;
mod keys;
mod notify;
mod output;
mod pseudonym;
pub mod render;
mod reveal;
pub mod run;
mod schema;
mod scrub;
mod setup;
mod test;
mod vendors;
mod vendors_page;
mod verify;

/// A proxy that strips identity from telemetry before it reaches analytics vendors.
#[derive(Parser)]
#[command(name = "tamis", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What every command that loads a policy takes.
#[derive(Args, Clone, Default)]
pub struct Common {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "TAMIS_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// A built-in policy (default, strict, cnil, hipaa-safe-harbor, observe) or a policy file
    #[arg(long, value_name = "NAME|FILE", env = "TAMIS_POLICY", global = true)]
    pub policy: Option<String>,
    /// A policy that is only asked what it would do otherwise; named like --policy
    #[arg(
        long,
        value_name = "NAME|FILE",
        env = "TAMIS_SHADOW_POLICY",
        global = true
    )]
    pub shadow_policy: Option<String>,
    /// Where keys and durable state live
    #[arg(long, value_name = "DIR", env = "TAMIS_STATE_DIR", global = true)]
    pub state_dir: Option<PathBuf>,
    /// Where a vendor's clean requests go instead of to the vendor (repeatable)
    #[arg(
        long,
        value_name = "VENDOR=URL",
        env = "TAMIS_UPSTREAM",
        value_delimiter = ',',
        global = true
    )]
    pub upstream: Vec<String>,
    /// Where the gateway listens
    #[arg(
        long,
        value_name = "ADDR",
        env = "TAMIS_LISTEN",
        value_delimiter = ',',
        global = true
    )]
    pub listen: Vec<std::net::SocketAddr>,
    /// Where the admin listener listens
    #[arg(long, value_name = "ADDR", env = "TAMIS_ADMIN_LISTEN", global = true)]
    pub admin_listen: Option<std::net::SocketAddr>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the proxy
    Run {
        #[command(flatten)]
        common: Common,
    },
    /// See in a minute what a vendor would hold without and with Tamis
    Demo(demo::Demo),
    /// Check configuration, policy, catalogs, certificates and keys
    Check {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        json: output::Json,
    },
    /// Show every field of a body: category, how it was found, rule, action, before and after
    Explain(explain::Explain),
    /// Write exactly the bytes that would be forwarded for a body
    Scrub(scrub::Scrub),
    /// Show which fields of which vendors two policies treat differently
    Diff(diff::Diff),
    /// Show the data map: which fields came for each vendor and what became of them
    Inventory(inventory::Inventory),
    /// Write a configuration, a policy and its tests to begin with
    Init(init::Init),
    /// Print the JSON Schema of a file, for editors
    Schema(schema::Schema),
    /// Run the tests beside a policy: what must leave, and what never may
    Test(test::Test),
    /// Drive canaries through the gateway in every field and encoding, and prove that none leaves
    Verify(verify::Verify),
    /// Read `{"id","path","value"}` lines and print the entities and category of each
    Detect(detect::Detect),
    /// List the vendor catalogs, or show one
    Vendors(vendors::Vendors),
    /// Print the pseudonym that a value gets (for access and erasure requests)
    Pseudonym(pseudonym::Pseudonym),
    /// Reveal what the action `encrypt` hid
    Reveal(reveal::Reveal),
    /// Manage pseudonym keys
    Keys(keys::Keys),
    /// Make or show the local CA of the forward proxy
    Ca(ca::Ca),
    /// Print a line for the forward proxy's users_file; the password comes on standard input
    ForwardUser(ca::User),
    /// Ask the admin listener whether the proxy is healthy (for containers)
    Healthcheck(healthcheck::Healthcheck),
}

/// Runs the command line of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match cli.command {
        Command::Run { common } => run_proxy(&common),
        Command::Demo(args) => demo::main(&args),
        Command::Check { common, json } => check::main(&common, json),
        Command::Explain(args) => explain::main(&args),
        Command::Scrub(args) => scrub::main(&args),
        Command::Diff(args) => diff::main(&args),
        Command::Inventory(args) => inventory::main(&args),
        Command::Init(args) => init::main(&args),
        Command::Schema(args) => schema::main(&args),
        Command::Test(args) => test::main(&args),
        Command::Verify(args) => verify::main(&args),
        Command::Detect(args) => detect::main(&args),
        Command::Vendors(args) => vendors::main(&args),
        Command::Pseudonym(args) => pseudonym::main(&args),
        Command::Reveal(args) => reveal::main(&args),
        Command::Keys(args) => keys::main(&args),
        Command::Ca(args) => ca::main(&args),
        Command::ForwardUser(args) => ca::user(&args),
        Command::Healthcheck(args) => healthcheck::main(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            ExitCode::from(2)
        }
    }
}

fn run_proxy(common: &Common) -> anyhow::Result<ExitCode> {
    allocator::settle();
    telemetry::init(LogFormat::Auto);
    // The first load's findings are drawn with their places; later ones are logged.
    let first = setup::generation(common)?;
    let common = common.clone();
    let loader = move || setup::generation(&common).map_err(|error| output::chain(&error).into());
    run::run(first, Box::new(loader))?;
    Ok(ExitCode::SUCCESS)
}

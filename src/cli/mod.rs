//! The command line: what was typed, what it means, and where results go.
//!
//! Owns arguments, settings, exit codes, progress and the terminal. Uses all of
//! the library; nothing of the library knows it.

pub(crate) mod agent;
pub(crate) mod arguments;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod deliver;
pub(crate) mod demo;
pub(crate) mod egress;
pub(crate) mod exit;
pub(crate) mod explain;
pub(crate) mod failure;
pub(crate) mod file;
pub(crate) mod host_name;
pub(crate) mod interruption;
pub(crate) mod measure;
pub(crate) mod mirror;
pub(crate) mod mirrored;
pub(crate) mod policy;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod settings;
pub(crate) mod terminal;
pub(crate) mod tlsa;
pub(crate) mod values;

use clap::CommandFactory as _;
use mxray::report::schema::{self, Printed};

use arguments::{Arguments, Command, SchemaOf};
use exit::Exit;
use failure::Failure;
use terminal::Terminal;

/// Runs a command to its end.
pub(crate) fn run(command: &Command, terminal: &Terminal) -> Result<Exit, Failure> {
    match command {
        Command::Schema { of } => schema(*of, terminal),
        Command::Completions { shell } => completions(*shell, terminal),
        Command::Report(arguments) => report::run(arguments, terminal),
        Command::Compare(arguments) => compare::run(arguments, terminal),
        Command::Agent(arguments) => agent::run(arguments),
        Command::Mirror(arguments) => mirror::run(arguments, terminal),
        Command::Check(arguments) => check::run(arguments, terminal),
        Command::Policy(arguments) => policy::run(arguments, terminal),
        Command::Explain { name } => explain::run(name.as_deref(), terminal),
        Command::Egress(arguments) => egress::run(arguments, terminal),
        Command::Tlsa(arguments) => tlsa::run(arguments, terminal),
        Command::Demo(arguments) => demo::run(arguments, terminal),
    }
}

fn schema(of: SchemaOf, terminal: &Terminal) -> Result<Exit, Failure> {
    let printed = match of {
        SchemaOf::Report => Printed::Report,
        SchemaOf::Tlsa => Printed::Tlsa,
        SchemaOf::Policy => Printed::Policy,
        SchemaOf::Egress => Printed::Egress,
    };
    let text = schema::render(printed).map_err(Failure::internal)?;
    terminal.results(&text)?;
    Ok(Exit::Fine)
}

fn completions(shell: clap_complete::Shell, terminal: &Terminal) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "mxray", &mut script);
    let script = String::from_utf8(script).map_err(Failure::internal)?;
    terminal.results(&script)?;
    Ok(Exit::Fine)
}

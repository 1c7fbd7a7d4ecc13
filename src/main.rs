//! The command line of mxray: parse, run, exit code.
//!
//! Owns the process. Refuses to know commands: `cli` does.

mod cli;

use std::process::ExitCode;

use cli::arguments::{self, Parsed};
use cli::terminal::Terminal;

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args_os()) {
        Ok(Parsed::Command(arguments)) => arguments,
        Ok(Parsed::Help(text)) => {
            let terminal = Terminal::default();
            return terminal.conclude(terminal.results(&text).map(|()| cli::exit::Exit::Fine));
        }
        Err(failure) => return Terminal::default().conclude(Err(failure)),
    };
    let terminal =
        Terminal::new(arguments.command.output_options(), arguments.command.show_options());
    let outcome = cli::run(&arguments.command, &terminal);
    terminal.conclude(outcome)
}

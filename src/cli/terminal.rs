//! The only place that writes to standard output and standard error.
//!
//! Owns colour, width, `--output`, quiet, and the quiet end at a closed pipe.
//! Refuses to make text: results come ready, from `report`.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use mxray::report::escape::escape;
use mxray::report::text;

use crate::cli::arguments::options::output::{Color, OutputOptions, ShowOptions};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::file::write_file;
use crate::cli::progress::Progress;

/// Columns where no terminal says how many it has.
const WIDTH_ELSEWHERE: usize = 100;

/// Lines of prose that are longer than this are hard to read.
const WIDEST: usize = 120;

/// Where results, warnings and errors go, and how they look.
#[derive(Debug, Default)]
pub(crate) struct Terminal {
    color: Color,
    quiet: bool,
    verbose: u8,
    show: ShowOptions,
    output: Option<PathBuf>,
}

impl Terminal {
    /// As the options of a command say; without any, as a terminal is by default.
    pub(crate) fn new(options: Option<&OutputOptions>, show: ShowOptions) -> Self {
        let Some(options) = options else { return Self::default() };
        Self {
            color: options.color,
            quiet: options.quiet,
            verbose: options.verbose,
            show,
            output: options.output.clone(),
        }
    }

    /// How a text report shall look here.
    pub(crate) fn style(&self) -> text::Style {
        text::Style {
            width: width(),
            colour: self.colours_results(),
            transcript: self.show.transcript,
            postfix: self.show.postfix,
            verbose: self.verbose,
        }
    }

    /// Writes results to standard output, or to the file of `--output` where that can be.
    ///
    /// # Errors
    /// The pipe was closed, or writing failed.
    pub(crate) fn results(&self, text: &str) -> Result<(), Failure> {
        match &self.output {
            // Where it cannot be written, the results are not lost.
            Some(path) => write_file(path, text.as_bytes())
                .or_else(|failure| self.to_stdout(text).and(Err(failure))),
            None => self.to_stdout(text),
        }
    }

    /// A remark on standard error, unless the user wants quiet.
    pub(crate) fn remark(&self, kind: &str, text: &str) {
        if !self.quiet {
            self.complain(AnsiColor::Cyan.on_default(), kind, text);
        }
    }

    /// A warning on standard error, unless the user wants quiet.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            self.complain(AnsiColor::Yellow.on_default(), "warning", text);
        }
    }

    /// What to do about a warning.
    pub(crate) fn hint(&self, text: &str) {
        if !self.quiet {
            self.complain(AnsiColor::Cyan.on_default(), "hint", text);
        }
    }

    /// A progress view on standard error; without a terminal, or where the user
    /// wants quiet, it shows warnings at most.
    pub(crate) fn progress(&self) -> Progress<'_> {
        Progress::new(self, !self.quiet && io::stderr().is_terminal())
    }

    /// Says what went wrong, if anything did, and gives the exit status.
    pub(crate) fn conclude(&self, outcome: Result<Exit, Failure>) -> ExitCode {
        let failure = match outcome {
            Ok(exit) => return exit.into(),
            Err(failure) => failure,
        };
        if let Some(complaint) = failure.complaint() {
            self.complain(AnsiColor::Red.on_default().bold(), "error", &complaint.message);
            if let Some(hint) = &complaint.hint {
                self.complain(AnsiColor::Cyan.on_default(), "hint", hint);
            }
        }
        failure.exit().into()
    }

    fn colours_results(&self) -> bool {
        let choice = match self.output {
            // A file is no terminal, whatever standard output is.
            Some(_) if self.color == Color::Auto => ColorChoice::Never,
            Some(_) => self.choice(),
            None => AutoStream::new(io::stdout(), self.choice()).current_choice(),
        };
        !matches!(choice, ColorChoice::Never)
    }

    fn choice(&self) -> ColorChoice {
        match self.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
    }

    fn to_stdout(&self, text: &str) -> Result<(), Failure> {
        let mut stdout = AutoStream::new(io::stdout().lock(), self.choice());
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        written.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Failure::ClosedPipe,
            _ => Failure::internal(format!("cannot write to standard output: {error}")),
        })
    }

    fn complain(&self, style: Style, kind: &str, text: &str) {
        let mut stderr = AutoStream::new(io::stderr().lock(), self.choice());
        // Where standard error is gone, there is nobody left to tell.
        let _ = writeln!(stderr, "mxray: {style}{kind}{style:#}: {}", escape(text));
    }
}

fn width() -> usize {
    let columns = terminal_size::terminal_size().map(|(columns, _)| usize::from(columns.0));
    columns.unwrap_or(WIDTH_ELSEWHERE).min(WIDEST)
}

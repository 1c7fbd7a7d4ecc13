//! The mirror's recordings as a file, for where no TLS comes about.
//!
//! Owns the file at both ends: one line a session, vouched for by the token.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use super::token::Token;
use super::words::{AnswerError, Logged};
use crate::model::mirror::MirrorSession;

/// Where a log ends: a stranger must not fill the disk. Further sessions are not
/// logged.
pub const LARGEST_LOG: u64 = 256 << 20;
/// Longest line that is read: a session with its caps, as JSON in JSON.
const LONGEST_LINE: u64 = 2 << 20;
/// Sessions that are kept of a file, the last ones.
const MOST_SESSIONS: usize = 100_000;

/// A log that is being written.
#[derive(Debug)]
pub struct Log {
    file: File,
    octets: u64,
}

impl Log {
    /// Opens a log, to write behind what it has.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let octets = file.metadata()?.len();
        Ok(Self { file, octets })
    }

    /// Writes a session.
    ///
    /// # Errors
    /// The log is as large as it may be, or can't be written.
    pub(super) fn write(&mut self, session: &MirrorSession, token: &Token) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Logged::of(session, token))?;
        line.push(b'\n');
        self.octets = self.octets.saturating_add(line.len() as u64);
        if self.octets > LARGEST_LOG {
            return Err(io::Error::other(format!(
                "it has {LARGEST_LOG} bytes, and may have no more"
            )));
        }
        self.file.write_all(&line)
    }
}

/// Why a log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is not what a mirror writes.
    #[error("line {0} is not the log of a mirror: {1}")]
    Line(usize, String),
    /// A line that the token does not vouch for, or of another version.
    #[error("line {0}: {1}")]
    Answer(usize, AnswerError),
}

/// Reads a log that a mirror wrote.
///
/// # Errors
/// It can't be read, or a line of it can't be believed.
pub fn read(path: &Path, token: &Token) -> Result<Vec<MirrorSession>, LogError> {
    let mut input = BufReader::new(File::open(path)?);
    let mut sessions = Vec::new();
    for number in 1.. {
        let mut line = Vec::new();
        let read = (&mut input).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if read as u64 == LONGEST_LINE {
            return Err(LogError::Line(number, format!("it is longer than {LONGEST_LINE} bytes")));
        }
        let logged: Logged = serde_json::from_slice(&line)
            .map_err(|error| LogError::Line(number, error.to_string()))?;
        let session = logged.read(token).map_err(|error| LogError::Answer(number, error))?;
        if sessions.len() == MOST_SESSIONS {
            sessions.remove(0);
        }
        sessions.push(session);
    }
    Ok(sessions)
}

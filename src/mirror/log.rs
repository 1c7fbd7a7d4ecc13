//! The mirror's recordings as a file, for where no TLS comes about.
//!
//! Owns the file at both ends: one line a session, vouched for by the token.

use std::collections::{HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::token::Token;
use super::words::{AnswerError, Logged};
use crate::model::mirror::MirrorSession;

/// Largest log, in octets: a stranger must not fill the disk. One that is full is kept as
/// `FILE.1`, in the place of an earlier one, and another is begun.
pub const LARGEST_LOG: u64 = 64 << 20;
/// Longest line that is read: a session with its caps, as JSON in JSON.
const LONGEST_LINE: u64 = 2 << 20;
/// Octets of lines that are kept of a file, the last ones.
const MOST_OCTETS: usize = 128 << 20;

/// A log that is being written.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    octets: u64,
    largest: u64,
}

impl Log {
    /// Opens a log, to write behind what it has. A line that is not whole, because its
    /// writer was ended, is taken off.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_with(path, LARGEST_LOG)
    }

    fn open_with(path: &Path, largest: u64) -> io::Result<Self> {
        let mut file = create(path)?;
        let octets = whole_lines(&mut file)?;
        if octets < file.metadata()?.len() {
            file.set_len(octets)?;
        }
        Ok(Self { path: path.to_owned(), file, octets, largest })
    }

    /// Writes a session.
    ///
    /// # Errors
    /// The log can't be written.
    pub(super) fn write(&mut self, session: &MirrorSession, token: &Token) -> io::Result<()> {
        let mut line = serde_json::to_vec(&Logged::of(session, token)?)?;
        line.push(b'\n');
        let octets = line.len() as u64;
        if self.octets > 0 && self.octets.saturating_add(octets) > self.largest {
            fs::rename(&self.path, former(&self.path))?;
            (self.file, self.octets) = (create(&self.path)?, 0);
        }
        self.octets = self.octets.saturating_add(octets);
        self.file.write_all(&line)
    }
}

/// `FILE.1`.
fn former(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Where the last whole line ends. A file whose end is no line of a log is left as it is.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let begin = length.saturating_sub(LONGEST_LINE);
    file.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    file.take(LONGEST_LINE).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|octet| *octet == b'\n').map_or(0, |at| at + 1);
    let torn = tail.get(end..).is_some_and(|rest| rest.starts_with(b"{\"schema\":"));
    Ok(if torn { begin + end as u64 } else { length })
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
    /// The full one beside it, `FILE.1`, can't be used.
    #[error("{}, the earlier part beside it: {error}", file.display())]
    Former {
        /// Its name.
        file: PathBuf,
        /// What is wrong with it.
        error: Box<LogError>,
    },
}

/// Reads a log that a mirror wrote, or is writing, and before it the full one beside it
/// (`FILE.1`), where there is one: oldest first. A last line that is not whole yet is left
/// out, and of very many sessions the oldest.
///
/// # Errors
/// One of them can't be read, or a line can't be believed.
pub fn read(path: &Path, token: &Token) -> Result<Vec<MirrorSession>, LogError> {
    // Opened first: what is renamed from now on is read as it is, and what was renamed a
    // moment ago is read twice and counted once.
    let file = File::open(path)?;
    let mut kept = Kept::default();
    let former = former(path);
    let earlier = match File::open(&former) {
        Ok(earlier) => kept.add(earlier, token),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    };
    earlier.map_err(|error| LogError::Former { file: former, error: Box::new(error) })?;
    kept.add(file, token)?;
    Ok(kept.sessions.into_iter().map(|(_, session)| session).collect())
}

/// The sessions that were read so far, each once, and their octets.
#[derive(Default)]
struct Kept {
    sessions: VecDeque<(usize, MirrorSession)>,
    ids: HashSet<String>,
    octets: usize,
}

impl Kept {
    fn add(&mut self, file: File, token: &Token) -> Result<(), LogError> {
        let mut input = BufReader::new(file);
        for number in 1.. {
            let Some((octets, session)) = next(&mut input, number, token)? else { break };
            self.keep(octets, session);
        }
        Ok(())
    }

    fn keep(&mut self, octets: usize, session: MirrorSession) {
        if !self.ids.insert(session.id.clone()) {
            return;
        }
        self.octets += octets;
        self.sessions.push_back((octets, session));
        while self.octets > MOST_OCTETS {
            let Some((oldest, _)) = self.sessions.pop_front() else { break };
            self.octets -= oldest;
        }
    }
}

/// The next line and its octets; `None` at the end, or where the last line is not whole.
fn next(
    input: &mut impl BufRead,
    number: usize,
    token: &Token,
) -> Result<Option<(usize, MirrorSession)>, LogError> {
    let mut line = Vec::new();
    let read = input.take(LONGEST_LINE).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if read as u64 == LONGEST_LINE {
        return Err(LogError::Line(number, format!("it is longer than {LONGEST_LINE} bytes")));
    }
    let logged: Logged = match serde_json::from_slice(&line) {
        Ok(logged) => logged,
        Err(error) if error.is_eof() && !line.ends_with(b"\n") => return Ok(None),
        Err(error) => return Err(LogError::Line(number, error.to_string())),
    };
    let session = logged.read(token).map_err(|error| LogError::Answer(number, error))?;
    Ok(Some((read, session)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirror::words::PROTOCOL;

    fn token() -> Token {
        Token::new("a-token-for-a-test-of-logs").unwrap()
    }

    fn session(id: &str) -> MirrorSession {
        MirrorSession {
            id: id.into(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            client: "198.51.100.10:40000".parse().unwrap(),
            address: "203.0.113.5:25".parse().unwrap(),
            presented_sha256: None,
            client_hello: None,
            truncated: false,
            transcript: Vec::new(),
        }
    }

    fn ids(path: &Path) -> Vec<String> {
        read(path, &token()).unwrap().into_iter().map(|session| session.id).collect()
    }

    #[test]
    fn a_log_that_is_full_is_kept_and_another_is_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mirror.log");
        let line =
            serde_json::to_vec(&Logged::of(&session("a"), &token()).unwrap()).unwrap().len() + 1;
        let mut log = Log::open_with(&path, 2 * line as u64).unwrap();
        for id in ["a", "b", "c", "d", "e"] {
            log.write(&session(id), &token()).unwrap();
        }
        assert_eq!(ids(&former(&path)), ["c", "d"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "the disk is not filled");
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_full_log_is_read_before_the_one_that_was_begun_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mirror.log");
        Log::open(&former(&path)).unwrap().write(&session("a"), &token()).unwrap();
        let mut log = Log::open(&path).unwrap();
        log.write(&session("b"), &token()).unwrap();
        assert_eq!(ids(&path), ["a", "b"]);
        // It became full between the opening of the one and of the other.
        fs::copy(&path, former(&path)).unwrap();
        assert_eq!(ids(&path), ["b"]);
        // What is wrong with it is told of it.
        fs::write(former(&path), "notes of somebody\n").unwrap();
        let error = read(&path, &token()).unwrap_err().to_string();
        assert!(error.contains("mirror.log.1") && error.contains("line 1"), "{error}");
        fs::remove_file(former(&path)).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(matches!(read(&path, &token()), Err(LogError::Io(_))));
    }

    #[test]
    fn a_mirror_that_was_ended_in_the_middle_of_a_line_leaves_a_log_that_reads_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mirror.log");
        Log::open(&path).unwrap().write(&session("a"), &token()).unwrap();
        let whole = fs::read(&path).unwrap();
        let half = whole.get(..whole.len() / 2).unwrap();
        fs::write(&path, [&whole[..], half].concat()).unwrap();
        assert_eq!(ids(&path), ["a"]);
        Log::open(&path).unwrap().write(&session("b"), &token()).unwrap();
        assert_eq!(ids(&path), ["a", "b"]);
        // What is no log is not touched.
        fs::write(&path, "notes of somebody").unwrap();
        drop(Log::open(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"notes of somebody");
    }

    #[test]
    fn a_log_of_another_version_is_said_to_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mirror.log");
        let newer = Logged {
            schema: "mxray/mirror/9".into(),
            ..Logged::of(&session("a"), &token()).unwrap()
        };
        fs::write(&path, serde_json::to_string(&newer).unwrap() + "\n").unwrap();
        let error = read(&path, &token()).unwrap_err().to_string();
        assert!(error.contains("mxray/mirror/9") && error.contains(PROTOCOL), "{error}");
    }
}

//! Files that the user named.
//!
//! Owns that a file is written as a whole or not at all: a full disk neither costs the
//! report that stood there before nor leaves half of a new one. Refuses to know what is
//! in it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::cli::failure::Failure;

/// Writes a file that the user named.
///
/// # Errors
/// It can't be written; the message names it.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = match beside(path) {
        Some(beside) => whole(&beside, path, bytes),
        None => fs::write(path, bytes),
    };
    written.map_err(|error| Failure::internal(format!("cannot write {}: {error}", path.display())))
}

/// Where it can be written first, to take its place: not for a device, a link, or what
/// is somebody else's.
fn beside(path: &Path) -> Option<PathBuf> {
    let is_ours = |there: &fs::Metadata| {
        there.is_file() && there.nlink() == 1 && there.uid() == geteuid().as_raw()
    };
    match path.symlink_metadata() {
        Ok(there) if is_ours(&there) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        _ => return None,
    }
    let mut name = path.file_name()?.to_owned();
    name.push(format!(".{}", std::process::id()));
    Some(path.with_file_name(name))
}

/// Writes a new file and puts it in the place of `path`, as open to others as that was.
/// Where a file can only be written as it stands there, it is: in a folder that takes no
/// new one, or as the mount point that a container has of it.
fn whole(beside: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = match fs::File::create_new(beside) {
        Ok(new) => new,
        // What would be begun in its place could not be ended.
        Err(error) if is_full(&error) => return Err(error),
        Err(_) => return fs::write(path, bytes),
    };
    let written = fill(new, path, bytes);
    if written.is_ok() && fs::rename(beside, path).is_ok() {
        return Ok(());
    }
    // The first error is the one to tell.
    let _ = fs::remove_file(beside);
    written.and_then(|()| fs::write(path, bytes))
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn fill(mut new: fs::File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Ok(there) = path.metadata() {
        new.set_permissions(there.permissions())?;
    }
    io::Write::write_all(&mut new, bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn names(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn what_is_written_again_is_as_open_to_others_as_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proof.json");
        write_file(&file, b"one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        write_file(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), [file]);
    }

    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, b"one").unwrap();
        symlink(&file, &link).unwrap();
        write_file(&link, b"two").unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"two");
    }

    #[test]
    fn a_strangers_file_beside_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proof.json");
        let stranger = beside(&file).unwrap();
        fs::write(&stranger, b"other").unwrap();
        write_file(&file, b"one").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"one");
        assert_eq!(fs::read(&stranger).unwrap(), b"other");
    }

    #[test]
    fn a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_file(folder.path(), b"one").is_err());
        assert!(names(folder.path()).is_empty());
    }
}

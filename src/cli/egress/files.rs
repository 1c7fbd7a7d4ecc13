//! Looks at the files that Postfix's settings name.
//!
//! Owns which are there, which were compiled before they were changed, the texts of lookup
//! tables, and the resolv.conf(5) of a chroot. Only reads. Refuses to know what they mean.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use mxray::dns::{self, RESOLV_CONF};
use mxray::egress::postconf::{Chroot, Configuration};

/// The most that is read of one lookup table, in bytes.
const MOST_READ: u64 = 1 << 20;
/// With this script Debian copies resolv.conf into the chroot, whenever Postfix starts.
const DEBIANS_START: &str = "/usr/lib/postfix/configure-instance.sh";

/// Adds what the files of a configuration are.
pub(super) async fn look(configuration: &mut Configuration) {
    // What may not be looked at is not absent.
    let is_absent = |path: &String| matches!(Path::new(path).try_exists(), Ok(false));
    configuration.absent = configuration.files().into_iter().filter(is_absent).collect();
    for (source, file) in configuration.table_files() {
        if is_older(&file, &source) {
            configuration.stale.push(file);
        }
        if let Some(text) = text(&source) {
            configuration.texts.insert(source, text);
        }
    }
    configuration.chroot = chroot(configuration).await;
}

fn is_older(file: &str, source: &str) -> bool {
    let written = |path: &str| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    matches!((written(file), written(source)), (Some(file), Some(source)) if file < source)
}

/// The text of a plain file; none of one that is longer than it may be.
fn text(path: &str) -> Option<String> {
    // Anything else, such as a pipe, might never end.
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MOST_READ + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= MOST_READ).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// What clients in a chroot have, where there are some.
async fn chroot(configuration: &Configuration) -> Option<Chroot> {
    let queue = configuration.value("queue_directory").filter(|path| path.starts_with('/'))?;
    if configuration.chrooted().is_empty() || !is_furnished(Path::new(queue)) {
        return None;
    }
    let file = Path::new(queue).join("etc/resolv.conf");
    let exists = file.try_exists().ok()?;
    let (servers, outside) = (dns::servers_of(&file), dns::servers_of(Path::new(RESOLV_CONF)));
    let answers = servers == outside || dns::resolver_of(&file).await.server.is_some();
    Some(Chroot { file: file.display().to_string(), exists, servers, outside, answers })
}

/// Whether what stands there now is what a client finds: Debian's start would copy it
/// first.
fn is_furnished(queue: &Path) -> bool {
    let was_started = queue.join("pid/master.pid").try_exists().is_ok_and(|is_there| is_there);
    was_started || !Path::new(DEBIANS_START).exists()
}

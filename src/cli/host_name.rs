//! The name by which this host greets, where it has one.
//!
//! Owns the default of `--ehlo`. Asks no name server: a name that only a look-up
//! would tell is better named by the user.

use mxray::smtp::argument::is_domain_name;

/// This host's fully qualified name, from the kernel or from `/etc/hosts`;
/// `None` where neither has one that other hosts could know.
pub(crate) fn fully_qualified() -> Option<String> {
    let uname = rustix::system::uname();
    let node = uname.nodename().to_str().ok()?;
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    from_sources(node, &hosts)
}

/// The node name if it is one, or else the first name of the line of `hosts` that
/// lists it, which is what `hostname -f` gives.
fn from_sources(node: &str, hosts: &str) -> Option<String> {
    if is_fully_qualified(node) {
        return Some(node.to_ascii_lowercase());
    }
    hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter_map(|line| {
            let mut names = line.split_whitespace().skip(1);
            let canonical = names.next()?;
            names.any(|alias| alias.eq_ignore_ascii_case(node)).then_some(canonical)
        })
        .find(|name| is_fully_qualified(name))
        .map(str::to_ascii_lowercase)
}

/// A domain name of at least two labels that is not this host's name for itself.
fn is_fully_qualified(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let first = name.split('.').next().unwrap_or_default();
    let last = name.rsplit('.').next().unwrap_or_default();
    is_domain_name(&name)
        && name.contains('.')
        && first != "localhost"
        && !matches!(last, "localhost" | "localdomain")
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTS: &str = "127.0.0.1 localhost\n\
        127.0.1.1\tmail.example.org mail # Debian's way\n\
        ::1 localhost.localdomain ip6-localhost box\n";

    #[test]
    fn the_kernel_may_know_it() {
        assert_eq!(from_sources("MX.Example.ORG", ""), Some("mx.example.org".to_owned()));
    }

    #[test]
    fn the_hosts_file_may_know_it() {
        assert_eq!(from_sources("mail", HOSTS), Some("mail.example.org".to_owned()));
    }

    #[test]
    fn a_name_for_itself_is_none() {
        for node in ["box", "localhost", "localhost.localdomain", "mail.localdomain", "other"] {
            assert_eq!(from_sources(node, HOSTS), None, "{node}");
        }
        for node in ["", "192.0.2.1", "under_score.example", "-a.example", "a..example", "(none)"] {
            assert_eq!(from_sources(node, ""), None, "{node}");
        }
    }
}

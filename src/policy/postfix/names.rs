//! The names of a certificate as OpenSSL compares them for Postfix. Pure.
//!
//! Owns where that differs from RFC 9525 (`tls::name`): the common name counts
//! where there is no dNSName, a wildcard needs two labels behind it, and a name with
//! a leading dot stands for every name below.

use std::net::IpAddr;

use crate::model::tls::Certificate;
use crate::tls::name::{self, Presented};

/// The names that a leaf presents.
#[derive(Debug)]
pub(super) struct Names(Presented);

impl Names {
    /// The dNSName entries of a leaf, or its common names where it has none.
    pub(super) fn of(leaf: &Certificate) -> Self {
        let is_domain = |name: &&String| name.parse::<IpAddr>().is_err();
        let mut domains: Vec<String> = leaf.names.iter().filter(is_domain).cloned().collect();
        if domains.is_empty() {
            domains = common_names(leaf.subject.as_deref().unwrap_or_default());
        }
        domains.retain(|name| is_sound(name));
        Self(Presented { domains, addresses: Vec::new() })
    }

    /// Whether one of them is this name.
    pub(super) fn has(&self, name: &str) -> bool {
        name.parse::<IpAddr>().is_err() && name::matches(name, &self.0)
    }

    /// Whether one of them lies below this name, a wildcard included: Postfix's
    /// `dot-nexthop`, and `.example.net` in a list of names.
    pub(super) fn has_below(&self, name: &str) -> bool {
        let suffix = format!(".{}", name.to_ascii_lowercase());
        self.0.domains.iter().any(|domain| domain.to_ascii_lowercase().ends_with(&suffix))
    }
}

/// The CN attributes of a subject in RFC 4514 form.
fn common_names(subject: &str) -> Vec<String> {
    let attributes = subject.split([',', '+']);
    attributes.filter_map(|part| part.trim().strip_prefix("CN=").map(str::to_owned)).collect()
}

/// OpenSSL takes `*.example.net`, and `*.net` for no wildcard.
fn is_sound(name: &str) -> bool {
    !name.starts_with("*.") || name.matches('.').count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::postfix::tests::certificate;

    fn names(sans: &[&str], subject: &str) -> Names {
        let leaf = Certificate { subject: Some(subject.to_owned()), ..certificate(sans) };
        Names::of(&leaf)
    }

    #[test]
    fn the_common_name_counts_only_without_a_domain_name() {
        assert!(names(&[], "CN=mx.example.net,O=x").has("mx.example.net"));
        assert!(names(&["192.0.2.1"], "O=x,CN=mx.example.net").has("MX.example.net"));
        assert!(!names(&["a.example.net"], "CN=mx.example.net").has("mx.example.net"));
    }

    #[test]
    fn a_wildcard_needs_two_labels_behind_it() {
        assert!(names(&["*.example.net"], "").has("mx.example.net"));
        assert!(!names(&["*.net"], "").has("example.net"));
    }

    #[test]
    fn names_below_include_wildcards_and_any_depth() {
        for name in ["mx.example.net", "a.b.example.net", "*.example.net", "MX.Example.Net"] {
            assert!(names(&[name], "").has_below("example.net"), "{name}");
        }
        for name in ["example.net", "mx.badexample.net", "*.net", "mx.example.org"] {
            assert!(!names(&[name], "").has_below("example.net"), "{name}");
        }
    }
}

//! The real check over real sockets, against the pretend internet on loopback.

#![expect(clippy::unwrap_used, reason = "a pretend internet that does not start fails the test")]

mod agent;
mod certificates;
mod commands;
#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "the other test target uses the rest")]
mod common;
mod hostile;
mod injection;
mod interruption;
mod menu;
mod mirror;
mod mirror_stage;
mod mirror_strangers;
#[path = "../common/mirror_table.rs"]
mod mirror_table;
mod promises;
mod range;
mod servers;
mod socks5;
mod tlsa;

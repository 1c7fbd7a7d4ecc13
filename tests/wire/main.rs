//! The real check over real sockets, against the pretend internet on loopback.

#[path = "../common/mod.rs"]
mod common;
mod hostile;
mod menu;
mod servers;

//! The fetch against policy hosts on loopback.

//! What a sending server does to its own mail: judged from what the command line
//! measured, read and looked up.
//!
//! Owns SPF for one address ([`spf`]), the reading of Postfix's configuration
//!, and the findings on both. Pure: no sockets, no commands, no files;
//! `mxray egress` brings everything here as plain values. Refuses to know how the
//! path to a destination is judged: `judge` has done that, one source at a time.

pub mod spf;

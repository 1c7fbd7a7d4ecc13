//! SMTP without I/O: replies, EHLO keywords and masks, the dialogue, and the
//! reading of a transcript.
//!
//! Owns everything that RFC 5321 and RFC 3207 say about bytes. Refuses to know
//! sockets, clocks and TLS: bytes and events come in, bytes and facts go out.

pub mod argument;
pub mod dialogue;
pub mod ehlo;
mod injection;
pub mod mask;
mod read;
pub mod reply;

pub use injection::read as read_injection;
pub use read::read;

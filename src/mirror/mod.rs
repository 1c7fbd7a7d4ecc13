//! The mirror: a reference mail server whose transcripts can be laid beside ours.
//!
//! Owns both ends of it: the server ([`server`]), which speaks SMTP up to STARTTLS
//! and keeps byte-exact transcripts, and the [`fetch`] of those transcripts by
//! whoever holds its [`token`]. A session that is to be compared has nothing of this
//! in it: it is an ordinary one, so that a box treats it as it treats any other,
//! and the exchange follows on a connection of its own. Refuses to take mail, to
//! compare transcripts and to judge: `judge` does.
//!
//! ```text
//! ordinary session     probe ──── box ────▶ mirror      both write down what they see
//! the exchange         XMXRAY <time> <nonce> <age> <mac>             inside TLS only
//!                      ◀── the mirror's transcripts <mac>            or a file
//! ```

mod dialogue;
pub mod fetch;
mod gate;
pub mod identity;
pub mod log;
mod record;
pub mod server;
mod session;
pub mod token;
pub mod words;

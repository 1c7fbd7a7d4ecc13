//! Makes one connection and writes down what happened.
//!
//! Owns sockets, clocks and deadlines of a single probe, and of the fetch of a
//! policy ([`policy_host`]). Refuses to know why a
//! probe is made, and what its transcript means: the far side's and the path's
//! doing is data in the transcript, never an `Err`.

mod dial;
mod link;
pub mod policy_host;
mod record;
mod socks5;
mod stream;

pub use dial::{Dialler, route_from, route_to};
pub use link::{OwnAddress, addresses_of, own_addresses};
pub use record::observe;
pub use socks5::{Proxy, ProxyFault, Question, observe_through};

//! From a route to connections, and what an odd first answer earns.
//!
//! Owns the budgets and the order of questions. Pure: refuses to know sockets
//! and clocks.

pub mod budget;
mod first;
mod follow_up;

pub use first::{Intent, first_probes, named_route};
pub use follow_up::follow_up;

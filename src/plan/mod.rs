//! From a route to connections, and what an odd answer earns.
//!
//! Owns the budgets and the order of questions. Pure: refuses to know sockets
//! and clocks.

pub mod budget;
mod closer;
mod control;
mod first;
mod follow_up;
mod injection;
mod range;
mod second_look;

pub use closer::{Closer, closer_probes};
pub use control::{
    BUILT_IN_CONTROLS, CANARIES, CONTROLS_TRIED, CONTROLS_WANTED, canary, control_probes,
};
pub use first::{Breadth, Intent, first_probes};
pub use follow_up::follow_up;
pub use range::next_in_range;
pub use second_look::{greeted, said_421, second_look};

//! mxray: an X-ray of the path to a mail exchanger.
//!
//! Record first, judge later, and compare only what differs in one thing.
//!
//! ```text
//! Target ─resolve→ Route ─plan→ [Probe] ─observe→ [Observation] ─read→ [Session]
//!                    │                                                    │
//!               Expectation ─────────────┐                       group by Coordinates
//!                                        ▼                                ▼
//!                  Report ←render─ [Finding] ←judge─ [Contrast] ←compare─ [Cell]
//! ```
//!
//! Left of `Observation` is I/O; right of it are pure functions over plain
//! values. So a report can be made again from a saved file, and most tests need
//! no network.

pub mod dns;
pub mod egress;
pub mod judge;
pub mod mirror;
pub mod model;
pub mod observe;
pub mod plan;
pub mod policy;
pub mod report;
pub mod sim;
pub mod smtp;
pub mod survey;
pub mod tls;
pub mod vantage;

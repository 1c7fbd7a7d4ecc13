//! The matrix: what mxray says of every box of the menu and of every innocent
//! cause, against the truth and against the best that the views taken permit.
//!
//! 1. `menu`, `scopes`, `blocking`, `promises` and `innocent` make rows: a pretend internet,
//!    and the claim that its views permit, which `truth` gives with its reason.
//! 2. `world` surveys them, all rows once for all tests.
//! 3. `score` compares, `page` keeps the result in docs/detection.md.
//! 4. `properties` holds what is true of every row, `generated` what is of servers and
//!    views that chance makes.
//! 5. `views` has the menu once more, from two views, `saved` from two reports, and
//!    `innocent_views` what is innocent, from two and three; `sights` looks.

#![expect(clippy::unwrap_used, reason = "a pretend internet that does not start fails the test")]
#![expect(clippy::indexing_slicing, reason = "a row that is not there fails the test")]

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "the other test target uses the rest")]
mod common;
#[path = "../common/program.rs"]
mod program;
#[path = "../common/views_table.rs"]
mod views_table;

mod blocking;
mod generated;
mod innocent;
mod innocent_views;
mod menu;
mod page;
mod promises;
mod properties;
mod saved;
mod scopes;
mod score;
mod sights;
mod truth;
mod views;
mod world;

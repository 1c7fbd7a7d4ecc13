//! The command line of mxray.
fn main() {}

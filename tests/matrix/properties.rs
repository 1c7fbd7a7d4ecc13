//! What is true of every row.

//! The one-machine deployment.
fn main() {}

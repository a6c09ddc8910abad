//! The HTTP API: requests, answers and errors, apart from how they travel.

pub mod read;

//! A run through every crash.

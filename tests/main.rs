//! Errand as a whole, and what surrounds its code.

#[cfg(test)] // always so here; it tells clippy that helpers too are test code
mod template;

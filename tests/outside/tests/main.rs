//! A stranger's task type: on one machine, and through the functions that run on Lambda.

#![cfg(test)] // always so here; it tells clippy that helpers too are test code

mod functions;
mod one_machine;
mod readme;
mod template;

//! What Errand promises, checked on a model of its protocol: one task with all that can befall it, and a group with its
//! parent and members. The checker ([`stateright`]) goes through every order in which writes, messages, looks, faults and
//! wishes can follow each other, up to bounds that it prints.
//!
//! The tests go as far as [`TaskModel::bounded`] and [`GroupModel::bounded`] say, and show with
//! `cargo test -p errand-model-check -- --nocapture` how far that was, and which steps break what. Further, with a line of
//! progress each second:
//!
//! ```sh
//! cargo run -p errand-model-check -- group --members 4 --faults 1 --wishes 1
//! cargo run -p errand-model-check -- task --faults 2 --wishes 2 --rows-ride
//! ```
//!
//! (Some millions of states: minutes, and a gigabyte or more. Each further fault or wish has about ten times as many.)
//!
//! Each promise is broken by a variant that lacks one guard ([`wrong::Wrong`]): a model that could not fail would say nothing.
//! Not in the model: the engine's code, which the other tests run; snoozes, expiry, losses that end a task; reads that are
//! old, but where a variant says so; policies other than `wait_all`; groups of a request, without a parent; limits, schedules.

// All of this is test code. A place that is not there is a mistake of the model, and is to end it.
#![allow(clippy::indexing_slicing)]

pub mod check;
pub mod group;
pub mod rest;
pub mod task;
pub mod wrong;

pub use group::GroupModel;
pub use task::TaskModel;

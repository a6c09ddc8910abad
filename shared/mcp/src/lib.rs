//! The Model Context Protocol over the routes: `POST /mcp`, by which an agent finds, starts and follows tasks.
//!
//! Revision 2026-07-28, which knows no sessions, with the extension `io.modelcontextprotocol/tasks`: a tool's call is a task,
//! and its handle the task's id. Who does not declare the extension, or opens with `initialize` as before, gets ordinary
//! answers. There are no rules of its own here: each tool asks the route that does the same over HTTP, so rights, limits
//! and redaction are that route's.
//!
//! Each module knows only those before it: `message`, `client`, `offered`, `api`, `handle`, `shown`, `waiting`, `tools`,
//! `calls`, `tasks`, `resource`, `serve`.

mod api;
mod calls;
mod client;
mod handle;
mod message;
mod offered;
mod resource;
mod serve;
mod shown;
mod tasks;
mod tools;
mod waiting;

pub use offered::Offer;
pub use resource::ProtectedResource;
pub use serve::{Mcp, serve};
pub use waiting::TaskWatch;

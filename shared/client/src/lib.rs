//! Asks an installation of Errand over its HTTP API, wherever that runs.
//!
//! It knows `/v1` and nothing of what is behind it. Answers are JSON, as the OpenAPI document describes them; this crate
//! sees to what every caller needs: requests that are said again where that is harmless, errors by their code, lists over all
//! their pages, and things that are followed as they change.
//!
//! Each module knows only those before it: `error`, `ask`, `sign`, `remote`, `pages`, `stream`, `follow`.

mod ask;
mod error;
mod follow;
mod pages;
mod remote;
#[cfg(test)]
mod remote_test;
mod sign;
mod stream;

pub use ask::Ask;
pub use error::{Code, Refusal, RemoteError};
pub use follow::{Follow, Heard, Watched};
pub use pages::Pages;
pub use remote::{Access, Remote};
pub use sign::Signer;

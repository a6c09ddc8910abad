//! What leaves the installation over HTTP: to whom, how it is signed, and how the secrets for that are kept.
//!
//! Each module knows only those before it: `random`, `signature`, `secrets`, `callback`, `address`, `client`, `retry_after`,
//! `webhooks`.

mod address;
mod callback;
mod client;
mod random;
mod retry_after;
mod secrets;
mod signature;
mod webhooks;

pub use address::{Allowance, NotAllowed, Reach};
pub use callback::Callback;
pub use client::{Answered, CallError, CallsTargets, TargetClient, client};
pub use random::NoRandomness;
pub use retry_after::RetryAfter;
pub use secrets::{Keyring, SecretError};
pub use signature::{SigningSecret, SigningSecrets, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, signed};
pub use webhooks::SignedWebhooks;

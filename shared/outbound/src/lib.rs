//! What leaves the installation over HTTP: how it is signed, and how the secrets for that are kept.
//!
//! Each module knows only those before it: `random`, `signature`, `secrets`, `callback`.

mod callback;
mod random;
mod secrets;
mod signature;

pub use callback::Callback;
pub use random::NoRandomness;
pub use secrets::{Keyring, SecretError};
pub use signature::{SigningSecret, SigningSecrets, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, signed};

//! The HTTP client that everything here uses to call others, and the one for targets that others have named.

mod caller;
mod resolver;

use std::time::Duration;

use reqwest::{ClientBuilder, redirect::Policy};

pub use caller::{Answered, CallError, CallsTargets, TargetClient};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A client whose whole calls may take `timeout`. A redirect is an answer like any other: to follow it would tell
/// whoever it names what was sent, and by the header `Referer` the URL, with the key that may stand in it.
pub fn client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    builder().timeout(timeout).build()
}

fn builder() -> ClientBuilder {
    // One that is installed already stays.
    #[cfg(feature = "tls-aws-lc-rs")]
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    #[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc-rs")))]
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(Policy::none()).referer(false).connect_timeout(CONNECT)
}

#[cfg(test)]
mod refused_test;

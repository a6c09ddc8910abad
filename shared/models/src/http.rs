//! The HTTP client that everything here uses to call others.

use std::time::Duration;

use reqwest::redirect::Policy;

#[cfg(test)]
pub(crate) mod test_server;
mod web_url;
mod webhook;

pub use web_url::WebUrl;
pub use webhook::Webhook;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);

/// A client whose whole calls may take `timeout`. A redirect is an answer like any other: to follow it would tell
/// whoever it names what was sent, and by the header `Referer` the URL, with the key that may stand in it.
pub fn client(timeout: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // One that is installed already stays.
    #[cfg(feature = "aws-lc-rs")]
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT).timeout(timeout).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_server::{http, serve};

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
            let (elsewhere, other) = serve(http("200 OK", "", "")).await;
            let location = format!("location: http://{elsewhere}/\r\n");
            let (address, asked) = serve(http(status, &location, "")).await;
            let client = client(Duration::from_secs(5)).unwrap();
            let answer = client.post(format!("http://{address}/?key=s3cret")).body("b").send().await.unwrap();
            assert!(status.starts_with(answer.status().as_str()), "{status}: {}", answer.status());
            asked.await.unwrap();
            assert!(!other.is_finished(), "{status} told another what was sent");
        }
    }
}

//! What calls others over HTTP, and URLs that it is told.

#[cfg(test)]
pub(crate) mod test_server;
mod web_url;
mod webhook;

pub use errand_outbound::client;
pub use web_url::WebUrl;
pub use webhook::Webhook;

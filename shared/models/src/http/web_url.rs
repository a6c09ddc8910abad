//! URLs, read once, where they come in; then they are right.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use errand::spi::json::FormError;

/// An http(s) URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "uri"), inline)]
pub struct WebUrl {
    text: String,
    url: reqwest::Url,
}

impl WebUrl {
    /// The URL, taken apart.
    pub fn url(&self) -> &reqwest::Url {
        &self.url
    }
}

impl TryFrom<String> for WebUrl {
    type Error = FormError;
    fn try_from(text: String) -> Result<Self, FormError> {
        let url = web_url(&text).ok_or(FormError("an http(s) URL"))?;
        Ok(Self { text, url })
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.text
    }
}

fn web_url(text: &str) -> Option<reqwest::Url> {
    let url = reqwest::Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

//! E-mail addresses: as they are taken and written to, and as they are stored.

use std::fmt;

use email_address::{EmailAddress, Options};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use errand::spi::json::FormError;

/// One bare e-mail address. It goes into a message's header as it is, where a name, a second address or a line break would
/// be read as more than an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "email"), inline)]
pub struct Email(String);

/// An e-mail address in a record. Callers write bare ones ([`Entity::check`]); older versions took more, and who reads
/// their records for something else must still be able to. [`StoredEmail::bare`] before it is written to.
///
/// [`Entity::check`]: errand::Entity::check
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredEmail(String);

/// No name before the address, no number in place of a host.
const BARE: Options = Options { minimum_sub_domains: 0, allow_domain_literal: false, allow_display_text: false };

/// What has a meaning around an address. An address may quote it, but not every reader of headers knows how.
const AROUND: &str = r#"",;:<>()[]\"#;

impl StoredEmail {
    /// The address, if it is one and nothing else.
    pub fn bare(&self) -> Result<Email, FormError> {
        Email::try_from(self.0.clone())
    }
}

impl TryFrom<String> for Email {
    type Error = FormError;
    fn try_from(text: String) -> Result<Self, FormError> {
        let more = text.contains(|c: char| c.is_control() || c.is_whitespace() || AROUND.contains(c));
        let fits = !more && EmailAddress::parse_with_options(&text, BARE).is_ok();
        if fits { Ok(Self(text)) } else { Err(FormError("an e-mail address, and nothing else")) }
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl From<Email> for StoredEmail {
    fn from(email: Email) -> Self {
        Self(email.0)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_bare_address() {
        for address in ["ada@example.org", "ada.l+news@mail.example.org", "o'hara@example.org", "ada@localhost"] {
            let read = Email::try_from(address.to_owned());
            assert_eq!(read.map(String::from).as_deref(), Ok(address));
        }
        for address in [
            "Ada <ada@example.org>",
            "<ada@example.org>",
            "ada@example.org, eve@example.org",
            "ada@example.org;eve@example.org",
            "\"ada@example.org, eve\"@example.org",
            "ada@example.org\r\nBcc: eve@example.org",
            "\"ada\r\nBcc: eve\"@example.org",
            "\"ada l\"@example.org",
            "ada@example.org\n",
            " ada@example.org",
            "ada@[127.0.0.1]",
            "ada\u{2028}l@example.org",
            "ada\u{7f}@example.org",
            "ada@example.org\0",
            "ada",
            "",
        ] {
            assert!(Email::try_from(address.to_owned()).is_err(), "{address:?}");
        }
    }
}

//! Texts of a form: profiles, times of day. Read once, where they come in; then they are right.

use std::fmt;

use jiff::civil::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use errand::spi::json::FormError;
use errand_models::http::WebUrl;

/// The URL of a person's LinkedIn profile, such as `https://www.linkedin.com/in/ada`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("format" = "uri"), inline)]
pub struct LinkedinUrl {
    url: String,
    person: String,
}

/// A time of day, `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(Time);

impl LinkedinUrl {
    /// Who it is, however the URL is written: what stands after `/in/`, in lower case.
    pub fn person(&self) -> &str {
        &self.person
    }
}

impl TimeOfDay {
    /// The time.
    pub fn time(self) -> Time {
        self.0
    }
}

impl TryFrom<String> for LinkedinUrl {
    type Error = FormError;
    fn try_from(url: String) -> Result<Self, FormError> {
        let person = person_of(&url).ok_or(FormError("a LinkedIn profile such as https://www.linkedin.com/in/ada"))?;
        Ok(Self { url, person })
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = FormError;
    fn try_from(text: String) -> Result<Self, FormError> {
        let time = Time::strptime("%H:%M", &text).ok().filter(|_| text.len() == 5);
        time.map(Self).ok_or(FormError("a time such as 21:30"))
    }
}

fn person_of(url: &str) -> Option<String> {
    let url = WebUrl::try_from(url.to_owned()).ok()?;
    let url = url.url();
    let host = url.host_str()?;
    let linkedin = host == "linkedin.com" || host.ends_with(".linkedin.com");
    let mut path = url.path_segments()?.filter(|segment| !segment.is_empty());
    let (section, person, rest) = (path.next()?, path.next()?, path.next());
    (linkedin && section == "in" && rest.is_none()).then(|| person.to_lowercase())
}

impl From<LinkedinUrl> for String {
    fn from(url: LinkedinUrl) -> Self {
        url.url
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.0.strftime("%H:%M").to_string()
    }
}

impl fmt::Display for LinkedinUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(url: &str) -> Option<String> {
        LinkedinUrl::try_from(url.to_owned()).ok().map(|url| url.person)
    }

    #[test]
    fn a_linkedin_profile_is_the_same_however_it_is_written() {
        for url in [
            "https://www.linkedin.com/in/Ada-L/",
            "http://linkedin.com/in/ada-l?x=1",
            "https://uk.linkedin.com/in/ada-l",
        ] {
            assert_eq!(person(url).as_deref(), Some("ada-l"), "{url}");
        }
        for url in [
            "https://www.linkedin.com/company/ada",
            "https://www.linkedin.com/in/",
            "https://www.linkedin.com/in/ada/details",
            "https://linkedin.com.example.org/in/ada",
            "https://notlinkedin.com/in/ada",
            "ada",
        ] {
            assert_eq!(person(url), None, "{url}");
        }
    }

    #[test]
    fn what_was_read_is_written_as_it_was() {
        let texts = ["\"21:30\"", "\"00:00\""];
        for text in texts {
            let time: TimeOfDay = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&time).unwrap(), text);
        }
    }
}

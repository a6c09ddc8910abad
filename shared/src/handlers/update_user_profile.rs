//! `update_user_profile`: sets one field of a user's profile.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::domain::{Email, TimeOfDay, User};
use errand::{
    Asked, Effect, Entity, Expect, Failure, FieldError, Handler, Outcome, Patch, Stored, TaskContext,
    spi::{accept::check_has_user, clock::Zone},
};
use errand_models::http::WebUrl;

/// Sets one field of the profile of the task's user, if the value is of the field's kind. `verified` may be set only by
/// principals configured for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"field": "title", "value": "Countess", "source": "conversation"}))]
pub struct UpdateUserProfile {
    /// Which field: email, first_name, last_name, company, title, linkedin_url, verified, expert_connector, expertise,
    /// quiet_hours_start, quiet_hours_end, timezone or response_pattern.
    pub field: String,
    /// Its new value; `null` removes one that may be absent.
    pub value: Value,
    /// Where it was learnt.
    #[serde(default)]
    pub source: Option<String>,
}

/// The fields that may be set so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProfileField {
    Email,
    FirstName,
    LastName,
    Company,
    Title,
    LinkedinUrl,
    Verified,
    ExpertConnector,
    Expertise,
    QuietHoursStart,
    QuietHoursEnd,
    Timezone,
    ResponsePattern,
}

impl Handler for UpdateUserProfile {
    const TYPE: &'static str = "update_user_profile";
    type State = ();

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        check_has_user(new)
    }

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let field: ProfileField = serde_json::from_value(Value::from(self.field.as_str()))
            .map_err(|error| Failure::permanent(format!("field `{}` may not be set: {error}", self.field)))?;
        field
            .check(&self.value)
            .map_err(|expected| Failure::permanent(format!("the value of {} must be {expected}", self.field)))?;
        let by = &task.task().created_by;
        if field == ProfileField::Verified && !task.rules().verifiers.contains(by) {
            return Err(Failure::permanent(format!("{by} may not set `verified`")));
        }
        let user_id = task.user_id()?;
        let Some(user) = task.get::<User>(user_id).await? else {
            return Err(Failure::permanent(format!("user {user_id} does not exist")));
        };
        let output = json!({"user_id": user_id, "field": self.field});
        Ok(Outcome::Complete { output, effects: vec![self.effect(field, user)] })
    }
}

impl UpdateUserProfile {
    fn effect(&self, field: ProfileField, user: Stored<User>) -> Effect {
        let set: Map<String, Value> = [(self.field.clone(), self.value.clone())].into_iter().collect();
        let mut patch = Patch { set, ..Patch::default() };
        if field == ProfileField::ExpertConnector {
            // The list of experts follows the field.
            let changed = User { expert_connector: self.value == Value::Bool(true), ..user.value };
            patch.owner = Some(changed.relations(&user.created_at.to_string()).owner);
        }
        Effect::patch(User::kind(), user.id, patch, Expect::Any)
    }
}

impl ProfileField {
    /// Whether `value` is one for this field, or what it must be.
    fn check(self, value: &Value) -> Result<(), &'static str> {
        use ProfileField as F;
        let (fits, expected) = match self {
            F::Verified | F::ExpertConnector => (value.is_boolean(), "true or false"),
            F::Expertise => (is::<Vec<String>>(value), "a list of texts"),
            F::ResponsePattern => (value.is_object(), "an object"),
            F::FirstName | F::LastName | F::Company | F::Title => (text(value, |s| !s.is_empty()), "a text or null"),
            F::Email => (is::<Option<Email>>(value), "an e-mail address, and nothing else, or null"),
            F::LinkedinUrl => (is::<Option<WebUrl>>(value), "an http(s) URL or null"),
            F::QuietHoursStart | F::QuietHoursEnd => (is::<Option<TimeOfDay>>(value), "a time such as 21:30, or null"),
            F::Timezone => (is::<Option<Zone>>(value), "an IANA time zone such as Europe/Berlin, or null"),
        };
        if fits { Ok(()) } else { Err(expected) }
    }
}

fn is<T: DeserializeOwned>(value: &Value) -> bool {
    T::deserialize(value).is_ok()
}

fn text(value: &Value, fits: impl Fn(&str) -> bool) -> bool {
    value.is_null() || value.as_str().is_some_and(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_takes_only_values_of_its_kind() {
        use ProfileField as F;
        let good = [
            (F::Email, json!("ada@example.org")),
            (F::LinkedinUrl, json!("https://www.linkedin.com/in/ada")),
            (F::QuietHoursStart, json!("21:30")),
            (F::Timezone, json!("Europe/Berlin")),
            (F::Expertise, json!(["ml", "law"])),
            (F::Verified, json!(true)),
            (F::Company, Value::Null),
            (F::ResponsePattern, json!({"user_goal": "hire"})),
        ];
        let bad = [
            (F::Email, json!("ada at example")),
            (F::Email, json!("Ada <ada@example.org>")),
            (F::LinkedinUrl, json!("ftp://x")),
            (F::QuietHoursEnd, json!("25:00")),
            (F::QuietHoursEnd, json!("9:00")),
            (F::Timezone, json!("Mars/Olympus")),
            (F::Expertise, json!("ml")),
            (F::Expertise, json!([1])),
            (F::Verified, json!("true")),
            (F::ExpertConnector, Value::Null),
            (F::FirstName, json!("")),
            (F::Title, json!(5)),
            (F::ResponsePattern, json!([])),
        ];
        for (field, value) in good {
            assert_eq!(field.check(&value), Ok(()), "{field:?} {value}");
        }
        for (field, value) in bad {
            assert!(field.check(&value).is_err(), "{field:?} {value}");
        }
    }
}

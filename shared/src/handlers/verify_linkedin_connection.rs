//! `verify_linkedin_connection`: whether a user is connected to the founder.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Founder;
use crate::domain::{LinkedinConnection, LinkedinUrl, User, Verification, VerificationKind, VerificationStatus};
use errand::{
    Asked, Entity, Expect, Failure, FieldError, Handler, Id, Outcome, TaskContext, spi::accept::check_has_user,
};

/// Looks for the task's user among the founder's stored LinkedIn connections. Found, the user is verified; else a
/// person has to look. So they have if the founder is not the one that is configured, or if nobody entitled has confirmed
/// the profile to be the user's: whoever enqueues the task, or writes the user, could name any two who are connected.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({
    "user_linkedin_url": "https://www.linkedin.com/in/demo-ada",
    "founder_linkedin_url": "https://www.linkedin.com/in/demo-founder",
}))]
pub struct VerifyLinkedinConnection {
    /// The user's profile.
    pub user_linkedin_url: LinkedinUrl,
    /// The founder's.
    pub founder_linkedin_url: LinkedinUrl,
}

impl Handler for VerifyLinkedinConnection {
    const TYPE: &'static str = "verify_linkedin_connection";
    type State = Founder;

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        check_has_user(new)
    }

    async fn handle(&self, task: &TaskContext<'_>, founder: &Founder) -> Result<Outcome, Failure> {
        let user = task.need::<User>(task.user_id()?).await?;
        if user.value.verified {
            return Ok(Outcome::skipped(format!("user {} is verified already", user.id)));
        }
        let confirmed = user.value.confirmed_linkedin_url.as_ref();
        if confirmed.is_some_and(|url| url.person() != self.user_linkedin_url.person()) {
            return Err(Failure::permanent(format!(
                "{} is not the profile of user {}",
                self.user_linkedin_url, user.id
            )));
        }
        let (theirs, founders) = (&self.user_linkedin_url, &self.founder_linkedin_url);
        let missing = if confirmed.is_none() {
            Some(format!("nobody entitled has confirmed that {theirs} is their profile"))
        } else if founder.0.as_ref().is_none_or(|founder| founder.person() != founders.person()) {
            Some(format!("{founders} is not the founder that is configured (ERRAND_FOUNDER_LINKEDIN_URL)"))
        } else if task.get::<LinkedinConnection>(&self.connection()).await?.is_none() {
            Some(format!("no connection of {theirs} with {founders} is known"))
        } else {
            None
        };
        if let Some(missing) = missing {
            return Ok(Outcome::Block(format!("somebody has to verify user {}: {missing}", user.id)));
        }
        let verification = Verification {
            user_id: user.id.clone(),
            kind: VerificationKind::Linkedin,
            status: VerificationStatus::Verified,
            token: None,
            email: None,
            linkedin_url: Some(self.user_linkedin_url.clone()),
        };
        let id = task.id("verification");
        let effects = vec![verification.put(&id, task.now(), Expect::Absent), user.set([("verified", json!(true))])];
        Ok(Outcome::Complete { output: json!({"user_id": user.id, "verified": true, "verification_id": id}), effects })
    }
}

impl VerifyLinkedinConnection {
    /// The record that says that the two are connected, if there is one.
    fn connection(&self) -> Id {
        LinkedinConnection::id_of(&self.user_linkedin_url, &self.founder_linkedin_url)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::handlers::world::World;

    fn url(person: &str) -> LinkedinUrl {
        format!("https://www.linkedin.com/in/{person}").try_into().unwrap()
    }

    fn payload() -> Value {
        json!({"user_linkedin_url": url("ada"), "founder_linkedin_url": url("founder")})
    }

    fn world() -> World {
        World::with_founder("https://linkedin.com/in/Founder/")
    }

    async fn connect(world: &World, one: &str, other: &str) {
        let connection = LinkedinConnection { linkedin_url: url(one), connected_to: url(other) };
        let path = format!("linkedin_connection/{}", connection.only_id().unwrap());
        world.put(&path, Value::from(connection.doc())).await;
    }

    #[tokio::test]
    async fn a_stored_connection_verifies_the_user_whichever_way_round_it_is() {
        let world = world();
        world.put("user/u", json!({"confirmed_linkedin_url": "http://linkedin.com/in/ADA/"})).await;
        let blocked = world.run("verify_linkedin_connection", payload()).await;
        let reason = "somebody has to verify user u: no connection of https://www.linkedin.com/in/ada with \
            https://www.linkedin.com/in/founder is known";
        assert_eq!(blocked.blocked(), reason);
        connect(&world, "founder", "ada").await;
        let done = world.again(blocked).await;
        assert_eq!(world.get("user/u").await["verified"], true);
        let verification =
            world.get(&format!("verification/{}", done.output()["verification_id"].as_str().unwrap())).await;
        let expected = json!({"user_id": "u", "kind": "linkedin", "status": "verified", "linkedin_url": url("ada")});
        assert_eq!(verification, expected);
        assert_eq!(world.run("verify_linkedin_connection", payload()).await.skipped(), "user u is verified already");
    }

    #[tokio::test]
    async fn somebody_elses_connection_does_not_count() {
        let world = world();
        world.put("user/u", json!({"confirmed_linkedin_url": "https://linkedin.com/in/eve"})).await;
        connect(&world, "ada", "founder").await;
        let failed = world.run("verify_linkedin_connection", payload()).await.failed();
        assert_eq!(failed, "https://www.linkedin.com/in/ada is not the profile of user u");
    }

    #[tokio::test]
    async fn a_connection_with_anybody_but_the_configured_founder_is_for_a_person_to_look_at() {
        for world in [World::new(), world()] {
            world.put("user/u", json!({"confirmed_linkedin_url": url("ada")})).await;
            connect(&world, "ada", "eve").await;
            let payload = json!({"user_linkedin_url": url("ada"), "founder_linkedin_url": url("eve")});
            let blocked = world.run("verify_linkedin_connection", payload).await.blocked();
            let why =
                "https://www.linkedin.com/in/eve is not the founder that is configured (ERRAND_FOUNDER_LINKEDIN_URL)";
            assert_eq!(blocked, format!("somebody has to verify user u: {why}"));
            assert_eq!(world.get("user/u").await.get("verified"), None);
        }
    }

    #[tokio::test]
    async fn a_profile_that_nobody_entitled_has_confirmed_is_for_a_person_to_look_at() {
        let world = world();
        connect(&world, "ada", "founder").await;
        // Anybody may write the second.
        for user in [json!({}), json!({"linkedin_url": url("ada")})] {
            world.put("user/u", user).await;
            let blocked = world.run("verify_linkedin_connection", payload()).await.blocked();
            let why = "nobody entitled has confirmed that https://www.linkedin.com/in/ada is their profile";
            assert_eq!(blocked, format!("somebody has to verify user u: {why}"));
            assert_eq!(world.get("user/u").await.get("verified"), None);
        }
    }
}

//! `verify_user`: begins to find out whether a user is who they say.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Founder;
use super::{
    talk::{self, Words},
    verify_linkedin_connection::VerifyLinkedinConnection,
};
use crate::domain::{Email, LinkedinUrl, User, Verification, VerificationKind, VerificationStatus};
use errand::{
    Asked, Effect, Entity, Expect, Failure, FieldError, Handler, Outcome, Stored, TaskContext,
    spi::accept::check_has_user,
};

/// Begins the verification of the task's user: an e-mail with a token, a look for a LinkedIn connection to the founder,
/// or a person who looks. The address and the profile are the user's own where the task names none.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"verification_type": "email", "email": "ada@example.org"}))]
pub struct VerifyUser {
    /// By what.
    pub verification_type: VerificationKind,
    /// Where to send the token.
    #[serde(default)]
    pub email: Option<Email>,
    /// Whose connections to look for.
    #[serde(default)]
    pub linkedin_url: Option<LinkedinUrl>,
}

impl Handler for VerifyUser {
    const TYPE: &'static str = "verify_user";
    type State = Founder;

    fn admits(&self, new: &Asked) -> Result<(), FieldError> {
        check_has_user(new)
    }

    async fn handle(&self, task: &TaskContext<'_>, founder: &Founder) -> Result<Outcome, Failure> {
        let user = task.need::<User>(task.user_id()?).await?;
        if user.value.verified {
            return Ok(Outcome::skipped(format!("user {} is verified already", user.id)));
        }
        match self.verification_type {
            VerificationKind::Email => self.by_email(task, &user).await,
            VerificationKind::Linkedin => self.by_linkedin(task, &user, founder),
            VerificationKind::Manual => Ok(Outcome::Block(format!("somebody has to verify user {}", user.id))),
        }
    }
}

impl VerifyUser {
    /// The token is drawn at random, not derived: who knows the task must not know it. Only the one that is committed
    /// counts, and it is committed with the e-mail that tells it.
    async fn by_email(&self, task: &TaskContext<'_>, user: &Stored<User>) -> Result<Outcome, Failure> {
        let email = match (&self.email, &user.value.email) {
            (Some(named), _) => Ok(named.clone()),
            (None, Some(stored)) => stored.bare().map_err(|_| "an e-mail address that is more than an address"),
            (None, None) => Err("no e-mail address"),
        };
        let email =
            email.map_err(|has| Failure::permanent(format!("user {} has {has}, and the task names none", user.id)))?;
        let partner = match talk::partner(task, &user.id, None).await? {
            Ok(partner) => partner,
            Err(skipped) => return Ok(skipped),
        };
        let token = Uuid::new_v4().simple().to_string();
        let content = format!("{}, this is your verification code: {token}", partner.greeting());
        let said = partner.say(task, Words::email(vec![email.clone()], content));
        let verification = Verification {
            user_id: user.id.clone(),
            kind: VerificationKind::Email,
            status: VerificationStatus::Pending,
            token: Some(token),
            email: Some(email.into()),
            linkedin_url: None,
        };
        let id = task.id("verification");
        let output = json!({"verification_id": id, "message_id": said.message_id});
        let effects = vec![verification.put(&id, task.now(), Expect::Absent), said.effect];
        Ok(Outcome::Complete { output, effects })
    }

    fn by_linkedin(&self, task: &TaskContext<'_>, user: &Stored<User>, founder: &Founder) -> Result<Outcome, Failure> {
        let theirs = || user.value.linkedin_url.clone().and_then(|url| LinkedinUrl::try_from(String::from(url)).ok());
        let Some(user_linkedin_url) = self.linkedin_url.clone().or_else(theirs) else {
            return Err(Failure::permanent(format!(
                "user {} has no LinkedIn profile, and the task names none",
                user.id
            )));
        };
        let Some(founder_linkedin_url) = founder.0.clone() else {
            let reason = "no founder's LinkedIn profile is configured (ERRAND_FOUNDER_LINKEDIN_URL)";
            return Ok(Outcome::Block(format!("somebody has to verify user {}: {reason}", user.id)));
        };
        let check = VerifyLinkedinConnection { user_linkedin_url, founder_linkedin_url };
        let check = task.follow_up(&check, Duration::ZERO)?;
        let output = json!({"check": check.key.id});
        Ok(Outcome::Complete { output, effects: vec![Effect::enqueue(check)] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::handlers::world::World;

    async fn world(user: Value) -> World {
        given(World::new(), user).await
    }

    async fn given(world: World, user: Value) -> World {
        world.put("user/u", user).await;
        world.put("conversation/c", json!({"user_id": "u"})).await;
        world
    }

    #[tokio::test]
    async fn by_email_a_token_is_kept_and_sent_and_shown_nowhere_else() {
        let world = world(json!({"email": "ada@example.org"})).await;
        let done = world.run("verify_user", json!({"verification_type": "email"})).await;
        let verification =
            world.get(&format!("verification/{}", done.output()["verification_id"].as_str().unwrap())).await;
        let token = verification["token"].as_str().unwrap().to_owned();
        let expected =
            json!({"user_id": "u", "kind": "email", "status": "pending", "email": "ada@example.org", "token": token});
        assert_eq!(verification, expected);
        let message = world.get(&format!("message/{}", done.output()["message_id"].as_str().unwrap())).await;
        assert_eq!((&message["channel"], &message["to"]), (&json!("email"), &json!(["ada@example.org"])));
        assert_eq!(message["content"], format!("Hi, this is your verification code: {token}"));
        assert!(token.len() == 32 && !done.output().to_string().contains(&token));
        assert!(!format!("{:?}{:?}", world.log(&done).await, world.events().await).contains(&token));
        let other = world.run("verify_user", json!({"verification_type": "email", "email": "a@b.example"})).await;
        let other = world.get(&format!("verification/{}", other.output()["verification_id"].as_str().unwrap())).await;
        assert!(other["email"] == "a@b.example" && other["token"] != token);
    }

    #[tokio::test]
    async fn by_linkedin_the_connection_to_the_founder_is_looked_for() {
        let user = json!({"linkedin_url": "https://linkedin.com/in/ada"});
        let world = world(user.clone()).await;
        let payload = json!({"verification_type": "linkedin"});
        let blocked = world.run("verify_user", payload.clone()).await.blocked();
        assert!(
            blocked.ends_with("no founder's LinkedIn profile is configured (ERRAND_FOUNDER_LINKEDIN_URL)"),
            "{blocked}"
        );
        let world = given(World::with_founder("https://linkedin.com/in/founder"), user).await;
        let done = world.run("verify_user", payload).await;
        let [check] = world.follow_ups(&done).await.try_into().unwrap();
        let payload: Value = check.payload.parse().unwrap();
        let expected = json!({"user_linkedin_url": "https://linkedin.com/in/ada", "founder_linkedin_url": "https://linkedin.com/in/founder"});
        assert_eq!((check.task_type.as_str(), payload), ("verify_linkedin_connection", expected));
    }

    #[tokio::test]
    async fn by_hand_it_waits_for_a_person_and_once_verified_it_is_skipped() {
        let world = world(json!({})).await;
        let waits = world.run("verify_user", json!({"verification_type": "manual"})).await;
        assert_eq!(waits.blocked(), "somebody has to verify user u");
        world.patch("user/u", json!({"verified": true})).await;
        assert_eq!(world.again(waits).await.skipped(), "user u is verified already");
    }

    #[tokio::test]
    async fn no_code_is_sent_to_an_address_that_is_more_than_one() {
        let world = world(json!({"email": "ada@example.org"})).await;
        world.older("user/u", json!({"email": "ada@example.org, eve@example.org"})).await;
        let failed = world.run("verify_user", json!({"verification_type": "email"})).await.failed();
        let expected = "user u has an e-mail address that is more than an address, and the task names none";
        assert_eq!(failed, expected);
    }

    #[tokio::test]
    async fn without_an_address_or_profile_it_fails_for_good() {
        let world = world(json!({"linkedin_url": "https://example.org/ada"})).await;
        for (kind, what) in [("email", "e-mail address"), ("linkedin", "LinkedIn profile")] {
            let failed = world.run("verify_user", json!({"verification_type": kind})).await.failed();
            assert_eq!(failed, format!("user u has no {what}, and the task names none"));
        }
    }
}

//! `send_introduction`: brings two people together by e-mail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    intro_followup_check::{CHECK_AFTER, IntroFollowupCheck},
    talk::{self, Partner, Words},
};
use crate::domain::{Email, Introduction, IntroductionStatus};
use errand::{Effect, Failure, Handler, Id, Outcome, TaskContext};

/// Sends an accepted introduction to both parties by e-mail and asks how it went 7 days later. One that is not accepted
/// yet is waited for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = json!({"introduction_id": "demo-introduction"}))]
pub struct SendIntroduction {
    /// The introduction.
    pub introduction_id: Id,
}

impl Handler for SendIntroduction {
    const TYPE: &'static str = "send_introduction";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let introduction = task.need::<Introduction>(&self.introduction_id).await?;
        let (id, status) = (&introduction.id, introduction.value.status);
        match status {
            IntroductionStatus::Accepted => {}
            IntroductionStatus::Sent => return Ok(Outcome::skipped(format!("introduction {id} is sent already"))),
            over if over.is_over() => return Ok(Outcome::skipped(format!("introduction {id} is {}", over.as_str()))),
            early => {
                return Err(Failure::transient(format!("introduction {id} is {}, not accepted (yet)", early.as_str())));
            }
        }
        let user_id = introduction.value.user_id();
        let partner = match talk::partner(task, user_id, None).await? {
            Ok(partner) => partner,
            Err(skipped) => return Ok(skipped),
        };
        let to = both(&partner, &introduction.value)
            .map_err(|why| Failure::permanent(format!("introduction {id} cannot be sent: {why}")))?;
        let said = partner.say(task, Words::email(to, letter(&partner, &introduction.value)));
        let sent = introduction.set([("status", json!(IntroductionStatus::Sent))]);
        let data = json!({"introduction": id, "user": user_id, "from": status, "to": IntroductionStatus::Sent});
        let event = task.event("intro.sent", id, data);
        let check = IntroFollowupCheck { introduction_id: id.clone(), check_count: 0, user_question: None };
        let check = task.follow_up_about(Some(user_id), &check, CHECK_AFTER)?;
        let output = json!({"message_id": said.message_id, "event_id": event.id, "next_check": check.key.id});
        let effects = vec![said.effect, sent, Effect::publish(event), Effect::enqueue(check)];
        Ok(Outcome::Complete { output, effects })
    }
}

/// The addresses of both, or who has none that can be written to.
fn both(partner: &Partner, introduction: &Introduction) -> Result<Vec<Email>, String> {
    let user = format!("user {}", partner.user.id);
    let people = [(&user, &partner.user.value.email), (&introduction.prospect_name, &introduction.prospect_email)];
    let addresses = people.into_iter().map(|(who, email)| {
        let email = email.as_ref().ok_or_else(|| format!("{who} has no e-mail address"))?;
        email.bare().map_err(|_| format!("the e-mail address of {who} is more than an address"))
    });
    addresses.collect()
}

fn letter(partner: &Partner, introduction: &Introduction) -> String {
    let user = &partner.user.value;
    let names: Vec<&str> = [&user.first_name, &user.last_name].into_iter().flatten().map(String::as_str).collect();
    let name = if names.is_empty() { partner.user.id.as_str().to_owned() } else { names.join(" ") };
    let company = user.company.as_ref().map_or(String::new(), |company| format!(" of {company}"));
    let reason = introduction.reason.as_ref().map_or(String::new(), |reason| format!(" {reason}"));
    let prospect = &introduction.prospect_name;
    format!("{prospect}, meet {name}{company}. {name}, meet {prospect}.{reason} I leave it to you two from here.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handlers::world::World;

    async fn world() -> World {
        let world = World::new();
        let user =
            json!({"first_name": "Ada", "last_name": "Lovelace", "company": "Engines", "email": "ada@example.org"});
        world.put("user/u", user).await;
        world.put("conversation/c", json!({"user_id": "u"})).await;
        let introduction = json!({"connector_id": "k", "innovator_id": "u", "prospect_name": "Charles",
            "prospect_email": "charles@example.org", "reason": "You both count.", "status": "accepted"});
        world.put("introduction/i", introduction).await;
        world
    }

    fn payload() -> serde_json::Value {
        json!({"introduction_id": "i"})
    }

    #[tokio::test]
    async fn an_accepted_introduction_goes_to_both_and_is_asked_about_in_a_week() {
        let world = world().await;
        let done = world.run("send_introduction", payload()).await;
        let message = world.get(&format!("message/{}", done.output()["message_id"].as_str().unwrap())).await;
        assert_eq!(
            (&message["channel"], &message["to"]),
            (&json!("email"), &json!(["ada@example.org", "charles@example.org"]))
        );
        let letter = "Charles, meet Ada Lovelace of Engines. Ada Lovelace, meet Charles. You both count. I leave it to you two from here.";
        assert_eq!(message["content"], letter);
        assert_eq!(world.get("introduction/i").await["status"], "sent");
        let event = world.events().await.into_iter().find(|event| event["type"] == "intro.sent").unwrap();
        assert_eq!((&event["subject"], &event["data"]["from"]), (&json!("i"), &json!("accepted")));
        let [check] = world.follow_ups(&done).await.try_into().unwrap();
        assert_eq!(check.task_type.as_str(), "intro_followup_check");
        assert_eq!((check.scheduled_for, check.user_id.clone()), (world.now() + CHECK_AFTER, Some(Id::of("u"))));
        let again = world.run("send_introduction", payload()).await.skipped();
        assert_eq!(again, "introduction i is sent already");
    }

    #[tokio::test]
    async fn one_that_is_not_accepted_is_waited_for_and_one_that_is_over_skipped() {
        let world = world().await;
        world.patch("introduction/i", json!({"status": "pending"})).await;
        let waits = world.run("send_introduction", payload()).await.retried();
        assert_eq!(waits, "introduction i is pending, not accepted (yet)");
        world.patch("introduction/i", json!({"status": "declined"})).await;
        assert_eq!(world.run("send_introduction", payload()).await.skipped(), "introduction i is declined");
    }

    #[tokio::test]
    async fn an_address_that_an_older_version_took_is_not_written_to() {
        for bad in ["Charles <charles@example.org>", "charles@example.org\r\nBcc: eve@example.org", "a@b.org, c@d.org"]
        {
            let world = world().await;
            world.older("introduction/i", json!({"prospect_email": bad})).await;
            let failed = world.run("send_introduction", payload()).await.failed();
            let expected = "introduction i cannot be sent: the e-mail address of Charles is more than an address";
            assert_eq!(failed, expected);
            // It can be read for all else.
            assert!(!world.run("intro_followup_check", payload()).await.output()["message_id"].is_null(), "{bad}");
        }
    }

    #[tokio::test]
    async fn without_an_address_it_fails_for_good_and_says_whose_is_missing() {
        let world = world().await;
        world.patch("introduction/i", json!({"prospect_email": null})).await;
        let failed = world.run("send_introduction", payload()).await.failed();
        assert_eq!(failed, "introduction i cannot be sent: Charles has no e-mail address");
        assert_eq!(world.get("introduction/i").await["status"], "accepted");
    }
}

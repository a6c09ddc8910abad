//! The task types of this installation: one file for each.

#[cfg(test)]
mod catalog_test;
mod community_request_available;
mod community_response_available;
mod create_conversation_summary;
mod deliver_solution_findings;
mod intro_followup_check;
mod notify_expert_of_impact;
mod notify_user_of_priorities;
mod priorities;
mod process_community_request;
mod process_community_response;
mod quiet;
mod rating;
mod re_engagement_check;
mod research_solution;
mod schedule_followup;
mod scoring;
mod scripted;
mod send_introduction;
mod solution_workflow_timeout;
mod talk;
mod update_user_profile;
mod verify_linkedin_connection;
mod verify_user;
#[cfg(test)]
mod world;

pub use community_request_available::CommunityRequestAvailable;
pub use community_response_available::CommunityResponseAvailable;
pub use create_conversation_summary::CreateConversationSummary;
pub use deliver_solution_findings::DeliverSolutionFindings;
pub use intro_followup_check::IntroFollowupCheck;
pub use notify_expert_of_impact::NotifyExpertOfImpact;
pub use notify_user_of_priorities::NotifyUserOfPriorities;
pub use process_community_request::ProcessCommunityRequest;
pub use process_community_response::ProcessCommunityResponse;
pub use re_engagement_check::ReEngagementCheck;
pub use research_solution::ResearchSolution;
pub use schedule_followup::ScheduleFollowup;
pub use scripted::Scripted;
pub use send_introduction::SendIntroduction;
pub use solution_workflow_timeout::SolutionWorkflowTimeout;
pub use update_user_profile::UpdateUserProfile;
pub use verify_linkedin_connection::VerifyLinkedinConnection;
pub use verify_user::VerifyUser;

use crate::domain::{self, LinkedinUrl};
use errand::{
    Name, Registry,
    spi::environment::{ConfigError, Environment},
};
use errand_agents::Agents;
use errand_models::Profiles;

/// What the task types work with.
#[derive(Clone, Debug, Default)]
pub struct Installation {
    /// The model backends, and what goes for agents.
    pub agents: Agents,
    /// Whose LinkedIn connections are known to be who they say.
    pub founder: Founder,
    /// Whether tasks of the type `scripted` are taken and run: they do what they are told, minting credit included.
    pub scripted: bool,
}

impl Installation {
    /// With these model backends; reads the variables of [`Agents::of_environment`], `ERRAND_FOUNDER_LINKEDIN_URL` and
    /// `ERRAND_SCRIPTED`.
    pub fn of_environment(environment: &Environment, profiles: Profiles) -> Result<Self, ConfigError> {
        Ok(Self {
            agents: Agents::of_environment(environment, profiles)?,
            founder: Founder(environment.read("ERRAND_FOUNDER_LINKEDIN_URL")?),
            scripted: environment.parsed("ERRAND_SCRIPTED")?.unwrap_or_default(),
        })
    }
}

/// The founder's LinkedIn profile, if the installation names one.
#[derive(Clone, Debug, Default)]
pub struct Founder(pub Option<LinkedinUrl>);

/// Every task type, and the kinds of records that they act on. To add a type: its file, and among their like
/// its `mod` line, its `pub use` line, and a line here.
pub fn types(installation: &Installation) -> Registry {
    let Installation { agents, founder, scripted } = installation;
    let models = &agents.profiles;
    let types = Registry::new()
        .add::<CommunityRequestAvailable>(())
        .add::<CommunityResponseAvailable>(())
        .add::<CreateConversationSummary>(models.clone())
        .add::<DeliverSolutionFindings>(())
        .add::<IntroFollowupCheck>(())
        .add::<NotifyExpertOfImpact>(())
        .add::<NotifyUserOfPriorities>(())
        .add::<ProcessCommunityRequest>(())
        .add::<ProcessCommunityResponse>(models.clone())
        .add::<ReEngagementCheck>(())
        .add::<ResearchSolution>(())
        .add::<ScheduleFollowup>(())
        .add::<SendIntroduction>(())
        .add::<SolutionWorkflowTimeout>(())
        .add::<UpdateUserProfile>(())
        .add::<VerifyLinkedinConnection>(founder.clone())
        .add::<VerifyUser>(founder.clone());
    let types = match scripted {
        true => types.add::<Scripted>(()),
        false => types.add_off::<Scripted>((), SCRIPTED_IS_OFF),
    };
    errand_agents::with_erasure(types.merge(domain::kinds()).merge(errand_agents::types(agents)))
}

const SCRIPTED_IS_OFF: &str =
    "are for tests, and are off; --scripted switches them on (on AWS the parameter ScriptedTasks)";

/// The agent that speaks with a user who has none of their own.
fn concierge() -> Name {
    Name::of("concierge")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const PROFILES: &str = r#"{"default": {"kind": "extractive"}, "fast": {"kind": "openai", "model": "m",
        "endpoint": "http://127.0.0.1/v1", "api_key_env": "MODEL_KEY"}}"#;

    fn environment(given: &[(&str, &str)]) -> Environment {
        let given: BTreeMap<String, String> = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Environment::of(move |name| given.get(name).cloned())
    }

    #[test]
    fn what_is_given_is_taken_and_the_rest_has_its_default() {
        let given = environment(&[
            ("ERRAND_FOUNDER_LINKEDIN_URL", "https://www.linkedin.com/in/founder"),
            ("ERRAND_PROFILES", PROFILES),
            ("ERRAND_SCRIPTED", "true"),
            ("MODEL_KEY", "k-12345678"),
            // Who only shows them needs no key for it, and no backend.
            ("ERRAND_SHOWN_PROFILES", r#"{"default": {"kind": "bedrock", "model": "nova"}}"#),
        ]);
        let profiles = Profiles::of_environment(&given).unwrap();
        let Installation { agents, founder, scripted } = Installation::of_environment(&given, profiles).unwrap();
        assert_eq!((founder.0.unwrap().person(), scripted), ("founder", true));
        assert!(agents.profiles.get("fast").is_ok());
        let shown: Vec<String> = agents.backends().into_iter().map(|view| view.model).collect();
        assert_eq!((shown, given.secrets()), (vec!["nova".to_owned()], vec!["k-12345678".to_owned()]));
    }

    #[test]
    fn what_is_malformed_is_named_and_profiles_are_said_without_their_text() {
        for name in ["ERRAND_FOUNDER_LINKEDIN_URL", "ERRAND_SCRIPTED", "ERRAND_AGENTS"] {
            let error = crate::types(&environment(&[(name, "many")])).err().unwrap().to_string();
            assert!(error.starts_with(&format!("the environment variable {name} is \"many\": ")), "{error}");
        }
        let error = crate::types(&environment(&[("ERRAND_PROFILES", PROFILES)])).err().unwrap();
        let expected = "the environment variable ERRAND_PROFILES is \"{…}\": profile `fast` takes its key from the \
            environment variable MODEL_KEY, which is not set";
        assert_eq!(error.to_string(), expected);
    }
}

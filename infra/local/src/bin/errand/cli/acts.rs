//! What is done to things, and told of each.

use errand_client::Ask;
use serde_json::Value;
use uuid::Uuid;

use super::{here::Here, trouble::Trouble};

/// A name of its own for a request, under which it may be said again where its answer was lost.
pub(crate) fn key() -> String {
    format!("cli-{}", Uuid::new_v4())
}

impl Here {
    /// Does it to each of `ids`, and tells of each what was `done` to it, or by an empty word the status that it has then; ends
    /// badly if it could not be done to one of them.
    pub(crate) async fn act(&self, ids: &[String], done: &str, ask: impl Fn(&str) -> Ask) -> Result<(), Trouble> {
        let mut refused = false;
        for id in ids {
            match self.remote.ask(&ask(id)).await.map_err(Trouble::from) {
                Ok(thing) => self.became(id, &thing, done)?,
                Err(Trouble::Failed(message)) if ids.len() > 1 => {
                    refused = true;
                    self.print.note(&format!("error: {id}: {message}"));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        if refused { Err(Trouble::BadEnd) } else { Ok(()) }
    }

    fn became(&self, id: &str, thing: &Value, done: &str) -> Result<(), Trouble> {
        if self.print.json {
            return self.print.json(thing);
        }
        let now = if done.is_empty() { self.print.status(thing, "/status") } else { done.to_owned() };
        self.print.line(&format!("{id}  {now}"))
    }
}

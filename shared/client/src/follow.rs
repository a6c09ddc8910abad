//! Follows a thing that changes, or a list that grows: as a stream where there is one, else by asking again and again.

use std::{mem, time::Duration};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::{
    Ask, Remote, RemoteError,
    stream::{Connected, Connection},
};

/// How soon a lost server is looked for again, and how soon an installation without streams is asked again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long a server that was lost is looked for.
const PATIENCE: Duration = Duration::from_secs(120);

/// What can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// One thing, by its field `revision`, until it has this field.
    One {
        /// The field that it has once it has ended.
        until: &'static str,
    },
    /// A list that grows, asked for by this parameter, which is told on as the field named.
    List {
        /// The parameter that asks for what comes after a place.
        parameter: &'static str,
        /// The field of an item that is its place.
        field: &'static str,
    },
}

/// What whoever follows hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// The thing as it is now, or the next item.
    Told(Value),
    /// The server was lost; it is being looked for.
    Lost,
}

/// Something that is followed.
pub struct Follow<'r> {
    remote: &'r Remote,
    ask: Ask,
    subject: Watched,
    /// The place of what was told last.
    seen: Option<String>,
    by: By,
    /// Whether the server has ever answered.
    met: bool,
    /// Since when nobody answers, once somebody has.
    lost: Option<Instant>,
}

/// How it is followed.
enum By {
    /// Not yet.
    Nothing,
    /// By a stream.
    Stream(Connection),
    /// By asking, of which this is not told yet, the next last.
    Asking(Vec<Value>),
    /// It has ended.
    Nobody,
}

impl Remote {
    /// Follows what `ask` asks for.
    pub fn follow(&self, ask: Ask, subject: Watched) -> Follow<'_> {
        Follow { remote: self, ask, subject, seen: None, by: By::Nothing, met: false, lost: None }
    }
}

impl Follow<'_> {
    /// The same from after a place on, if one is named.
    #[must_use]
    pub fn after(self, place: Option<String>) -> Self {
        Self { seen: place, ..self }
    }

    /// What is new; none once nothing more comes. A server that goes away after it has answered is looked for during two
    /// minutes, and nothing is missed or told twice.
    pub async fn next(&mut self) -> Result<Option<Heard>, RemoteError> {
        loop {
            let told = match mem::replace(&mut self.by, By::Nothing) {
                By::Nobody => return Ok(None),
                By::Nothing => match self.begin().await {
                    Ok(()) => continue,
                    Err(error) => self.look_again(error).await?,
                },
                By::Stream(mut connection) => match connection.next().await {
                    Some((place, item)) => {
                        self.by = By::Stream(connection);
                        self.seen = place.or(self.seen.take());
                        Some(item)
                    }
                    // The server has stopped, or the end was told.
                    None => {
                        sleep(LOOK_AGAIN / 10).await;
                        continue;
                    }
                },
                By::Asking(mut unread) => match unread.pop() {
                    Some(item) => {
                        self.by = By::Asking(unread);
                        Some(item)
                    }
                    None => match self.ask().await {
                        Ok(()) => continue,
                        Err(error) => {
                            self.by = By::Asking(Vec::new());
                            self.look_again(error).await?
                        }
                    },
                },
            };
            return Ok(Some(told.map_or(Heard::Lost, Heard::Told)));
        }
    }

    async fn begin(&mut self) -> Result<(), RemoteError> {
        self.by = match self.remote.connect(&self.ask, self.seen.as_deref()).await? {
            Connected::To(connection) => By::Stream(connection),
            Connected::Ended => By::Nobody,
            Connected::NotHere => By::Asking(Vec::new()),
        };
        (self.met, self.lost) = (true, None);
        Ok(())
    }

    /// Bears it that nobody answers, for a while; the first time it is worth telling.
    async fn look_again(&mut self, error: RemoteError) -> Result<Option<Value>, RemoteError> {
        let since = *self.lost.get_or_insert_with(Instant::now);
        let is_lost = matches!(&error, RemoteError::Unreachable { .. });
        if !is_lost || !self.met || since.elapsed() > PATIENCE {
            return Err(error);
        }
        sleep(LOOK_AGAIN).await;
        Ok(None)
    }

    /// Asks once for what is new.
    async fn ask(&mut self) -> Result<(), RemoteError> {
        let ask = match (self.subject, &self.seen) {
            (Watched::List { parameter, .. }, Some(seen)) => self.ask.clone().at(parameter, seen),
            _ => self.ask.clone(),
        };
        let mut answer = self.remote.ask(&ask).await?;
        (self.met, self.lost) = (true, None);
        let (mut items, over) = match self.subject {
            Watched::One { until } => {
                let place = text(answer.get("revision"));
                let is_new = place != self.seen;
                let over = answer.get(until).is_some();
                self.seen = place;
                (if is_new { vec![answer] } else { Vec::new() }, over)
            }
            Watched::List { field, .. } => {
                let Some(Value::Array(items)) = answer.get_mut("items").map(mem::take) else {
                    return Err(self.remote.foreign("it answers no list".to_owned()));
                };
                self.seen = items.last().and_then(|item| text(item.get(field))).or(self.seen.take());
                (items, false)
            }
        };
        if items.is_empty() {
            sleep(LOOK_AGAIN).await;
        }
        items.reverse();
        self.by = if over && items.is_empty() { By::Nobody } else { By::Asking(items) };
        Ok(())
    }
}

/// A place as text.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

//! What the tests of the kit run, and the tests.

mod crash;
mod sandbox;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;
use crate::{
    effects::{Effect, Relations},
    handler::{self, Handler, Settings, TaskContext},
    ids::{Id, Name},
    lifecycle::FailureKind,
    records::Entity,
    registry::Registry,
    store::{Expect, Patch},
};

/// A number that is added to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sum {
    of: i64,
}

impl Entity for Sum {
    const KIND: &'static str = "sum";

    fn relations(&self, _: &str) -> Relations {
        Relations::default()
    }
}

/// What stands in for a service outside: it takes everything.
#[derive(Clone, Debug, Default)]
struct Outside(Arc<Mutex<Vec<String>>>);

impl Outside {
    fn said(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Does what it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
enum Do {
    /// Adds one to the sum, publishes, remembers a step, and has the rest done by a follow-up.
    Everything(Option<Box<Do>>),
    /// Fails at its first execution.
    FailOnce,
    /// Says that it has begun to the service outside.
    SayOutside,
    /// The same once in a life.
    SayInAStep,
    /// Waits by the task's clock, in seconds.
    Sleep(u64),
    /// Waits for somebody else that runs here.
    WaitForAnother,
    /// Never ends.
    Hang,
    /// Snoozes whenever it is run.
    Snooze,
}

impl Handler for Do {
    const TYPE: &'static str = "do";
    type State = Outside;

    fn settings() -> Settings {
        Settings { max_snoozes: u32::MAX, ..Settings::default() }
    }

    async fn handle(&self, task: &TaskContext<'_>, outside: &Outside) -> Result<handler::Outcome, handler::Failure> {
        let say = || outside.0.lock().unwrap().push("said".to_owned());
        match self {
            Do::Everything(then) => return everything(task, then.as_deref()).await,
            Do::FailOnce if task.task().failures == 0 => return Err(handler::Failure::transient("not yet")),
            Do::FailOnce => {}
            Do::SayOutside => say(),
            Do::SayInAStep => {
                task.step(&Name::of("say"), async {
                    say();
                    Ok(())
                })
                .await?
            }
            Do::Sleep(s) => task.sleep(Duration::from_secs(*s)).await,
            Do::WaitForAnother => tokio::spawn(async { tokio::task::yield_now().await }).await?,
            Do::Hang => std::future::pending().await,
            Do::Snooze => return Ok(handler::Outcome::Snooze(Duration::from_secs(1))),
        }
        Ok(handler::Outcome::done(json!("done")))
    }
}

async fn everything(task: &TaskContext<'_>, then: Option<&Do>) -> Result<handler::Outcome, handler::Failure> {
    let one: i64 = task.step(&Name::of("one"), async { Ok(1) }).await?;
    let more = Patch { add: [("of".to_owned(), one)].into(), ..Patch::default() };
    let mut effects = vec![
        Effect::patch(Sum::kind(), Id::of("s"), more, Expect::Any),
        Sum { of: 1 }.put(&task.id("part"), task.now(), Expect::Absent),
        Effect::publish(task.event("user.added", &Id::of("s"), json!({"at": task.now()}))),
    ];
    if let Some(then) = then {
        effects.push(Effect::enqueue(task.follow_up(then, Duration::from_secs(60))?));
    }
    Ok(handler::Outcome::Complete { output: json!({"sum": "s"}), effects })
}

fn types() -> Registry {
    let outside = Outside::default();
    Registry::new().add::<Do>(outside.clone()).with(outside)
}

//! The handler that docs/groups.md shows is compiled as it stands there, and does what the page says.

use std::time::Duration;

use errand::{App, Failure, GroupPolicy, Handler, Name, Outcome, Status, TaskContext};
use integration_tests::{settings::Settings, world::World};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{post, settle};

/// Fetches a page: here it is one at once, with its address as what it says.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Fetch {
    url: String,
}

impl Handler for Fetch {
    const TYPE: &'static str = "fetch";
    type State = ();

    async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        Ok(Outcome::done(json!(self.url)))
    }
}

/// Fetches many.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Crawl {
    pages: Vec<String>,
}

impl Handler for Crawl {
    const TYPE: &'static str = "crawl";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let pages = self.pages.iter().map(|url| task.follow_up(&Fetch { url: url.clone() }, Duration::ZERO));
        let pages = task.fan_out(&Name::of("pages"), GroupPolicy::WaitAll, pages.collect::<Result<_, _>>()?).await?;
        if !pages.over {
            return Ok(pages.wait());
        }
        let first = task.members(&pages, 0, 100).await?;
        let first: Vec<_> = first.iter().filter_map(|(_, page)| page.as_ref()?.output()).collect();
        Ok(Outcome::done(json!({"fetched": pages.total - pages.failed, "first": first})))
    }
}

#[tokio::test]
async fn the_handler_of_the_page_makes_its_group_and_goes_on_when_that_is_over() {
    let (_, shown) = include_str!("../../docs/groups.md").split_once("```rust\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let here: String = include_str!("shown.rs").lines().map(|line| line.trim_start().to_owned() + "\n").collect();
    let shown: String = shown.lines().map(|line| line.trim_start().to_owned() + "\n").collect();
    assert!(here.contains(&shown), "{shown}");

    let mut world = World::new();
    let types = Settings::default().types().add::<Fetch>(()).add::<Crawl>(());
    world.app = App::new((*world.app).clone(), types.checked().unwrap());
    let pages = ["https://example.org/a", "https://example.org/b"];
    let asked: Value = json!({"task_type": "crawl", "payload": {"pages": pages}});
    let task = post(&world, "/v1/tasks", &asked).await;
    settle(&world).await;
    let task = world.task(task["id"].as_str().unwrap().parse().unwrap()).await;
    assert_eq!((task.status(), task.executions), (Status::Completed, 2));
    assert_eq!(task.output(), Some(json!({"fetched": 2, "first": pages})));
}

//! Where what failed of the same stands: people name such a group by itself, the API by its queue and project, too.

use std::collections::BTreeSet;

use errand_client::Ask;
use serde_json::Value;

use super::Which;
use crate::cli::{here::Here, trouble::Trouble};

/// A queue, and the project that it is of.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    project: String,
    queue: String,
}

impl Which {
    /// With the queue and the project of the group, where a group is named and no queue.
    pub(super) async fn placed(mut self, here: &Here) -> Result<Self, Trouble> {
        if let (Some(group), None) = (&self.group, &self.queue) {
            let place = the_only(group, self.places(here, group).await?)?;
            (self.project, self.queue) = (Some(place.project), Some(place.queue));
        }
        Ok(self)
    }

    /// Nothing was hit: where a group is named, it should be there all the same.
    pub(super) async fn is_there(&self, here: &Here) -> Result<(), Trouble> {
        match &self.group {
            Some(group) if self.places(here, group).await?.is_empty() => Err(missing(group)),
            _ => Ok(()),
        }
    }

    /// All of them, in the queue and the project that are named, or in any.
    async fn places(&self, here: &Here, group: &str) -> Result<Vec<Place>, Trouble> {
        let projects = match (&self.project, &self.queue) {
            (Some(project), _) => BTreeSet::from([project.clone()]),
            (None, Some(_)) => BTreeSet::from(["default".to_owned()]),
            (None, None) => projects(here).await?,
        };
        let mut places = Vec::new();
        for project in projects {
            let queue = self.queue.clone().unwrap_or_else(|| "*".to_owned());
            let ask = Ask::get(&["v1", "failures"]).with("queue", Some(queue)).with("project", Some(project));
            let mut groups = here.remote.pages(ask.with("limit", Some(100)));
            while let Some(found) = groups.next().await? {
                if text(&found, "fingerprint") == group {
                    places.push(Place { project: text(&found, "project"), queue: text(&found, "queue") });
                }
            }
        }
        Ok(places)
    }
}

/// The projects in which something has failed.
async fn projects(here: &Here) -> Result<BTreeSet<String>, Trouble> {
    let mut queues = here.remote.pages(Ask::get(&["v1", "queues"]).with("limit", Some(100)));
    let mut projects = BTreeSet::new();
    while let Some(queue) = queues.next().await? {
        projects.insert(text(&queue, "project"));
    }
    Ok(projects)
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn missing(group: &str) -> Trouble {
    Trouble::Failed(format!("nothing is failed of the group {group}: see `errand failures groups`"))
}

fn the_only(group: &str, mut places: Vec<Place>) -> Result<Place, Trouble> {
    let place = places.pop().ok_or_else(|| missing(group))?;
    if places.is_empty() {
        return Ok(place);
    }
    places.push(place);
    let all: Vec<String> =
        places.iter().map(|place| format!("--project {} --queue {}", place.project, place.queue)).collect();
    Err(Trouble::Usage(format!("the group {group} is in several queues; say which: {}", all.join(", or "))))
}

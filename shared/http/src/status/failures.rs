//! What failed, by what it failed of: `GET /v1/failures`.

use std::fmt;

use errand::{
    App, FailureKind, Fingerprint, Name, Timestamp,
    spi::store::{FailureGroup, Failures},
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::ALL_QUEUES;
use crate::{Answer, ApiError, Listed, Request, limit};

/// How many queues one page looks into.
const QUEUES: usize = 25;

/// Tasks of a queue that have failed of the same, and are failed still: of a type, of a kind, and said in the same words
/// but for ids, numbers and what stands in double quotes.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FailureGroup")]
pub(crate) struct FailureGroupView {
    /// What names it: the filter `fingerprint` of dead letters.
    fingerprint: Fingerprint,
    project: Name,
    queue: Name,
    task_type: Name,
    failure_kind: FailureKind,
    /// What was said of the newest of them.
    message: String,
    /// The newest of them.
    newest_task_id: Uuid,
    /// How many there are.
    tasks: u64,
    /// Whether there may be more of them, and more groups: not every failed task of the queue is counted, but the newest 1,000, or
    /// those of the newest 1,000 groups.
    at_least: bool,
    /// When the first of them ended.
    first_seen: Timestamp,
    /// When the newest of them ended.
    last_seen: Timestamp,
}

/// Where a page goes on: behind a group of a queue, or at a queue's first.
#[derive(Clone, Debug, PartialEq)]
struct FailurePlace {
    queue: Name,
    behind: Option<(Timestamp, Fingerprint)>,
}

/// The newest first of each queue, and one queue after the other.
pub(crate) async fn failures(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (limit, tenant) = (limit(request)?, &request.caller.tenant);
    let project = request.query_name("project")?.unwrap_or_default();
    let from = request.query.get("cursor").map(|text| FailurePlace::read(text)).transpose()?;
    let (queues, mut next) = queues(app, request, &project, from.as_ref()).await?;
    let mut items = Vec::new();
    'queues: for queue in queues {
        let Failures { groups, whole } = app.store.failures(tenant, &project, &queue).await?;
        let behind = from.as_ref().filter(|from| from.queue == queue).and_then(|from| from.behind.clone());
        let mut place = FailurePlace { queue: queue.clone(), behind };
        for group in groups {
            if !place.is_before(&group) {
                continue;
            }
            if items.len() == limit {
                next = Some(place);
                break 'queues;
            }
            place.behind = Some((group.last_seen, group.fingerprint.clone()));
            items.push(FailureGroupView::of((&project, &queue), group, !whole));
        }
    }
    Ok(Answer::json(200, &Listed::new(items, next.map(|place| place.to_string()))))
}

/// The queues to look into, and where to go on behind them.
async fn queues(
    app: &App,
    request: &Request,
    project: &Name,
    from: Option<&FailurePlace>,
) -> Result<(Vec<Name>, Option<FailurePlace>), ApiError> {
    if request.query.get("queue").is_none_or(|queue| queue != ALL_QUEUES) {
        return Ok((vec![request.query_name("queue")?.unwrap_or_default()], None));
    }
    let after = (project.clone(), from.map(|from| from.queue.clone()));
    let page = app.store.queues(&request.caller.tenant, Some(&after), QUEUES + 1, app.clock.now()).await?;
    let here = page.items.into_iter().take_while(|counted| counted.project == *project).map(|counted| counted.queue);
    let mut queues: Vec<Name> = from.map(|from| from.queue.clone()).into_iter().chain(here).collect();
    let next = (queues.len() > QUEUES).then(|| queues.split_off(QUEUES)).and_then(|rest| rest.into_iter().next());
    Ok((queues, next.map(|queue| FailurePlace { queue, behind: None })))
}

impl FailureGroupView {
    fn of((project, queue): (&Name, &Name), group: FailureGroup, at_least: bool) -> Self {
        Self {
            fingerprint: group.fingerprint,
            project: project.clone(),
            queue: queue.clone(),
            task_type: group.task_type,
            failure_kind: group.kind,
            message: group.message,
            newest_task_id: group.newest.id,
            tasks: group.tasks,
            at_least,
            first_seen: group.first_seen,
            last_seen: group.last_seen,
        }
    }
}

impl FailurePlace {
    /// The newest come first; of the same instant by name.
    fn is_before(&self, group: &FailureGroup) -> bool {
        let Some((at, fingerprint)) = &self.behind else { return true };
        (group.last_seen, fingerprint) < (*at, &group.fingerprint)
    }

    fn read(text: &str) -> Result<Self, ApiError> {
        let read = || {
            let (queue, rest) = text.split_once('/')?;
            let behind = match rest.split_once('/') {
                None => None,
                Some((at, fingerprint)) => {
                    Some((Timestamp::from_millis(at.parse().ok()?), fingerprint.to_owned().try_into().ok()?))
                }
            };
            (behind.is_some() || rest.is_empty()).then_some(Self { queue: Name::new(queue).ok()?, behind })
        };
        read().ok_or_else(|| ApiError::bad_cursor("cursor"))
    }
}

/// As a cursor.
impl fmt::Display for FailurePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.queue)?;
        match &self.behind {
            Some((at, fingerprint)) => write!(f, "{}/{fingerprint}", at.as_millis()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_text_and_what_is_none_is_refused() {
        for behind in [None, Some((Timestamp::from_millis(7), Fingerprint::of(&Name::of("t"), FailureKind::Panic, "")))]
        {
            let place = FailurePlace { queue: Name::of("q"), behind };
            assert_eq!(FailurePlace::read(&place.to_string()), Ok(place));
        }
        for bad in ["", "q", "q/7", "q/x/0123456789abcdef", "q/7/an", "*/7/0123456789abcdef", "q/7/0123456789abcdef/"] {
            assert!(FailurePlace::read(bad).is_err(), "{bad}");
        }
    }
}

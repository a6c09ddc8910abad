//! Several lists as one, each behind the other: a queue's tasks of every status, or the tasks of every queue.

use std::fmt;

use crate::{Answer, ApiError, Request, TaskView, fitting, limit};
use errand::{
    App, Name, Task,
    spi::store::{Bucket, Filter, ListQuery, Listing, Position, TASK_PAGE_BYTES},
};

/// How many lists one page looks into. Where they are empty the page is short, and its cursor goes on.
const LISTS: usize = 25;

/// See the module.
pub(super) struct Chain {
    /// The queues' project.
    pub(super) project: Name,
    /// The queue; `None`: all of the project, in the order of their names.
    pub(super) queue: Option<Name>,
    /// In which buckets.
    pub(super) buckets: Vec<Bucket>,
    /// What to leave out.
    pub(super) filter: Filter,
}

/// One of the lists, and what of it is behind us.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    queue: Name,
    bucket: Bucket,
    after: Option<Position>,
}

impl Chain {
    /// The page that the request asks for.
    pub(super) async fn page(&self, app: &App, request: &Request) -> Result<Answer, ApiError> {
        let from = request.query.get("cursor").map(|text| Place::read(text)).transpose()?;
        let (limit, tenant) = (limit(request)?, &request.caller.tenant);
        let mut found: Vec<(Task, Place)> = Vec::new();
        let (mut next, mut bytes) = (None, 0);
        for (nth, mut place) in self.places(app, tenant, from).await?.into_iter().enumerate() {
            if found.len() == limit || bytes >= TASK_PAGE_BYTES || nth == LISTS {
                next = Some(place);
                break;
            }
            let listing =
                Listing::Queue { project: self.project.clone(), queue: place.queue.clone(), bucket: place.bucket };
            let query = ListQuery { tenant: tenant.clone(), listing, filter: self.filter.clone() };
            let page = app.store.list(&query, place.after, limit - found.len()).await?;
            for task in page.items {
                bytes += task.body_bytes();
                place.after = query.listing.position(&task).or(place.after);
                found.push((task, place.clone()));
            }
            if page.next.is_some() {
                next = Some(Place { after: page.next, ..place });
                break;
            }
        }
        let items = found.iter().map(|(task, place)| (TaskView::of(task, &app.types), place.to_string()));
        Ok(Answer::json(200, &fitting(items, next.map(|place| place.to_string()))))
    }

    /// The lists from `from` on, one more than a page looks into.
    async fn places(&self, app: &App, tenant: &Name, from: Option<Place>) -> Result<Vec<Place>, ApiError> {
        let queues = match &self.queue {
            Some(queue) => vec![queue.clone()],
            None => self.queues(app, tenant, from.as_ref()).await?,
        };
        let of = |queue: &Name| {
            let queue = queue.clone();
            self.buckets.iter().map(move |bucket| Place { queue: queue.clone(), bucket: *bucket, after: None })
        };
        let ahead = |place: &Place| from.as_ref().is_none_or(|from| place.list() >= from.list());
        let mut places: Vec<Place> = queues.iter().flat_map(of).filter(ahead).take(LISTS + 1).collect();
        if let (Some(first), Some(from)) = (places.first_mut(), from)
            && first.list() == from.list()
        {
            *first = from;
        }
        Ok(places)
    }

    /// The project's queues from the one of `from` on, as they were counted; as many as a page looks into, or more.
    async fn queues(&self, app: &App, tenant: &Name, from: Option<&Place>) -> Result<Vec<Name>, ApiError> {
        let mut found: Vec<Name> = from.map(|from| from.queue.clone()).into_iter().collect();
        let after = (self.project.clone(), from.map(|from| from.queue.clone()));
        let page = app.store.queues(tenant, Some(&after), LISTS + 1, app.clock.now()).await?;
        // Behind them stand those of the projects that come later by name.
        let here = page.items.into_iter().take_while(|counted| counted.project == self.project);
        found.extend(here.map(|counted| counted.queue));
        Ok(found)
    }
}

impl Place {
    fn list(&self) -> (&Name, Bucket) {
        (&self.queue, self.bucket)
    }

    fn read(text: &str) -> Result<Self, ApiError> {
        let read = || {
            let (queue, rest) = text.split_once('/')?;
            let (bucket, after) = rest.split_once('/')?;
            let bucket = Bucket::ALL.into_iter().find(|known| known.as_str() == bucket)?;
            let after = if after.is_empty() { None } else { Some(Position::from_cursor(after)?) };
            Some(Self { queue: Name::new(queue).ok()?, bucket, after })
        };
        read().ok_or_else(|| ApiError::bad_cursor("cursor"))
    }
}

/// As a cursor.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = self.after.map(Position::to_cursor).unwrap_or_default();
        write!(f, "{}/{}/{after}", self.queue, self.bucket.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_as_text_and_what_is_none_is_refused() {
        let position = Position::ended_before(errand::Timestamp::from_millis(7));
        for after in [None, Some(position)] {
            let place = Place { queue: Name::of("q"), bucket: Bucket::Failed, after };
            assert_eq!(Place::read(&place.to_string()), Ok(place));
        }
        for bad in ["", "q", "q/failed", "q/some/", "q/failed/x", "*/failed/", &position.to_cursor()] {
            assert!(Place::read(bad).is_err(), "{bad}");
        }
    }
}

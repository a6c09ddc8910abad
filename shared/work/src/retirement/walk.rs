//! A walk through a tenant's open tasks of one type, queue by queue, page by page; it can be written down in between.

use errand::{
    Name, Services, StoreError, Task,
    spi::store::{Bucket, Filter, ListQuery, Listing, Position},
};
use serde::{Deserialize, Serialize};

/// How many tasks a page has at most.
const PAGE: usize = 100;

/// How far it came: from the start, unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Walk {
    /// The project and queue that it came to.
    #[serde(default)]
    queue: Option<(Name, Name)>,
    /// The place there after which it goes on; none once it is through with that queue.
    #[serde(default)]
    after: Option<String>,
}

impl Walk {
    /// The tasks of the next page, which may be none, and how far it came with these. `None` once it is through.
    pub(super) async fn page(
        &self,
        services: &Services,
        tenant: &Name,
        name: &Name,
    ) -> Result<Option<(Self, Vec<Task>)>, StoreError> {
        let after = self.after.as_deref().and_then(Position::from_cursor);
        let queue = match (&self.queue, after) {
            (Some(queue), Some(_)) => Some(queue.clone()),
            (last, _) => next_queue(services, tenant, name, last.clone()).await?,
        };
        let Some((project, queue)) = queue else { return Ok(None) };
        let listing = Listing::Queue { project: project.clone(), queue: queue.clone(), bucket: Bucket::Open };
        let filter = Filter { task_type: Some(name.clone()), ..Filter::default() };
        let query = ListQuery { tenant: tenant.clone(), listing, filter };
        let page = services.store.list(&query, after, PAGE).await?;
        let walk = Self { queue: Some((project, queue)), after: page.next.map(Position::to_cursor) };
        Ok(Some((walk, page.items)))
    }
}

/// The first queue behind `last` that ever had a task of this type.
async fn next_queue(
    services: &Services,
    tenant: &Name,
    name: &Name,
    last: Option<(Name, Name)>,
) -> Result<Option<(Name, Name)>, StoreError> {
    let mut after = last.map(|(project, queue)| (project, Some(queue)));
    loop {
        let page = services.store.queues(tenant, after.as_ref(), PAGE, services.clock.now()).await?;
        let had = page.items.into_iter().find(|queue| queue.stats.types.contains_key(name));
        if let Some(found) = had {
            return Ok(Some((found.project, found.queue)));
        }
        after = page.next;
        if after.is_none() {
            return Ok(None);
        }
    }
}

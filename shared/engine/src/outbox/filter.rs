//! A part of the list of what was told: events of some types, or of one subject.

use crate::{
    app::App,
    event::{EventTypes, Published},
    ids::Name,
    outbox::list::published,
    store::{Page, StoreError},
};

/// How many events are looked at in one read.
const WINDOW: usize = 100;

/// How many events are looked at for one page: after these it is answered as it is, empty perhaps.
const LOOKED_AT: usize = 1000;

/// Which events somebody wants.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Of these types; of all if it is not said.
    pub types: Option<EventTypes>,
    /// About this alone.
    pub subject: Option<String>,
}

impl EventFilter {
    /// Whether it is one of them.
    pub fn contains(&self, event: &Published) -> bool {
        let is = |field: &str| event.doc.get(field).and_then(|value| value.as_str());
        let of_type = self.types.as_ref().is_none_or(|types| is("type").is_some_and(|is| types.contain(is)));
        of_type && self.subject.as_deref().is_none_or(|subject| is("subject") == Some(subject))
    }

    /// Those that were told of `tenant` after `after`, in order, each with its place: at most `limit`. `next` is up to where
    /// was looked: unless nothing is there, it is always another, and the page may be short, or empty.
    pub async fn page(
        &self,
        app: &App,
        tenant: &Name,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(Published, String), String>, StoreError> {
        if self.types.is_none() && self.subject.is_none() {
            return published(app, tenant, after, limit).await;
        }
        let (mut items, mut next) = (Vec::new(), after.map(str::to_owned));
        for _ in 0..LOOKED_AT / WINDOW {
            let page = published(app, tenant, next.as_deref(), WINDOW).await?;
            for (event, place) in page.items.into_iter().filter(|(event, _)| self.contains(event)) {
                items.push((event, place.clone()));
                if items.len() == limit {
                    return Ok(Page { items, next: Some(place) });
                }
            }
            if page.next == next {
                break;
            }
            next = page.next;
        }
        Ok(Page { items, next })
    }
}

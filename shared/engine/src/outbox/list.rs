//! The list of what was published: a tenant's events in the order in which they got their places.

use crate::{
    app::App,
    clock::Timestamp,
    event::{Published, kind},
    ids::{self, Id, Name},
    outbox::{
        backlog::Backlog,
        delivered,
        owed::{self, Outbox},
        patch, unmet,
    },
    store::{
        self, COMMIT_ITEMS, Commit, Page, Patch, Record, RecordWrite, Related, Relation, RelationKind, StoreError,
        ToldEvent,
    },
};

/// How many events get their places in one commit: as many as it may have items, the outbox being one.
const GROUP: usize = COMMIT_ITEMS - 1;

/// How often a group is listed in all while others are faster.
const TRIES: u32 = 10;

/// What all of a tenant's published events belong to; their sort keys are the order of publishing.
fn published_list() -> Id {
    Id::from(ids::derived(&["published"]))
}

fn published_by(tenant: &Name, newest_first: bool) -> Related {
    let tenant = tenant.clone();
    Related { tenant, kind: kind(), by: RelationKind::Owner, of: published_list(), newest_first }
}

/// Gives `tenant`'s events their places, in this order; answers how many got one here. It waits for no listener: what
/// the webhook is to hear it is owed from then on.
///
/// The places and the last of them, which the outbox keeps, are one commit, and it expects the outbox as it was read.
/// So each place is given once, later ones later: a reader that pages through the list misses none.
pub(crate) async fn list(app: &App, tenant: &Name, events: &[Record]) -> Result<usize, StoreError> {
    let mut listed = 0;
    for group in events.chunks(GROUP) {
        listed += list_group(app, tenant, group.iter().collect()).await?;
    }
    Ok(listed)
}

async fn list_group(app: &App, tenant: &Name, mut events: Vec<&Record>) -> Result<usize, StoreError> {
    for _ in 0..TRIES {
        let (outbox, now) = (Outbox::read(app, tenant).await?, app.clock.now());
        let owed = events.iter().filter(|event| owed::is_for_the_webhook(app, event)).count();
        let mut records = vec![outbox.grown(events.len(), owed, now)];
        records.extend(events.iter().zip(outbox.last + 1..).map(|(event, place)| placed(app, event, place, now)));
        match store::commit(&*app.store, Commit { records, ..Commit::default() }).await {
            Ok(()) => return Ok(events.len()),
            // Somebody else was faster: the last place is another now, or some of the events have theirs.
            Err(StoreError::Conflict { parts }) => unmet(&mut events, 1, &parts),
            Err(problem) => return Err(problem),
        }
        if events.is_empty() {
            return Ok(0);
        }
    }
    Err(StoreError::Busy)
}

fn placed(app: &App, event: &Record, place: u64, now: Timestamp) -> RecordWrite {
    let sort = format!("{place:015}");
    let then = match owed::is_for_the_webhook(app, event) {
        true => Patch {
            parent: Some(Some(Backlog::of_the_installation(&event.key.tenant).waiting(&sort))),
            wake_at: Some(None),
            ..Patch::default()
        },
        false => delivered(now),
    };
    patch(event, Patch { owner: Some(Some(Relation { of: published_list(), sort })), ..then }, now)
}

/// Where `tenant`'s list ends now: what is told from now on comes after it.
pub(super) async fn end(app: &App, tenant: &Name) -> Result<Option<String>, StoreError> {
    if let Some(end) = app.store.told_up_to(tenant).await? {
        return Ok(Some(end));
    }
    let newest = app.store.records(&published_by(tenant, true), None, 1).await?;
    Ok(newest.items.first().and_then(|event| event.place(RelationKind::Owner)))
}

/// The place of `tenant`'s newest event that is still kept: what the next one follows where no outbox tells.
pub(super) async fn newest(app: &App, tenant: &Name) -> Result<u64, StoreError> {
    let newest = app.store.records(&published_by(tenant, true), None, 1).await?;
    Ok(newest.items.first().and_then(|event| event.owner.as_ref()?.sort.parse().ok()).unwrap_or(0))
}

/// What was told of `tenant` after `after`, in order, each with its place: what was published, and where the store keeps
/// the list itself the ends of tasks. There is always a cursor, once there was an event: what comes later is found by it.
pub async fn published(
    app: &App,
    tenant: &Name,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<(Published, String), String>, StoreError> {
    let Page { items, next } = match app.store.told(tenant, after, limit).await? {
        Some(Page { items, next }) => {
            let event = |ToldEvent { place, id, doc }| (Published { id, tenant: tenant.clone(), doc }, place);
            Page { items: items.into_iter().map(event).collect(), next }
        }
        None => listed(app, tenant, after, limit).await?,
    };
    Ok(Page { items, next: next.or(after.map(str::to_owned)) })
}

/// The same where events are listed here.
async fn listed(
    app: &App,
    tenant: &Name,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<(Published, String), String>, StoreError> {
    let page = app.store.records(&published_by(tenant, false), after, limit).await?;
    let placed = |event: Record| event.place(RelationKind::Owner).map(|place| (Published::from(event), place));
    let items: Vec<_> = page.items.into_iter().filter_map(placed).collect();
    let next = items.last().map(|(_, place)| place.clone());
    Ok(Page { items, next })
}

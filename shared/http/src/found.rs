//! Reading what a request names, of the caller's tenant: a task, or records of one kind.

use crate::{ApiError, Request};
use errand::{
    App, Entity, Group, Id, Name, Registry, StoreError, Stored, Task,
    spi::{
        group,
        store::{self, Page, RecordKey, Related, RelationKind},
    },
};
use uuid::Uuid;

impl Request {
    /// The task that the path's `{id}` names. Another tenant's is none.
    pub async fn task(&self, app: &App) -> Result<Task, ApiError> {
        store::task(&*app.store, &self.task_key()?).await?.ok_or_else(ApiError::no_such_task)
    }

    /// The id of a group that the path's `{id}` names. One that is none names nothing.
    pub(crate) fn group_id(&self) -> Result<Uuid, ApiError> {
        let id = self.path.get("id").and_then(|id| id.parse().ok());
        id.ok_or_else(no_such_group)
    }

    /// The group that the path's `{id}` names. Another tenant's is none.
    pub(crate) async fn group(&self, app: &App) -> Result<Group, ApiError> {
        let found = group::counted(app, &self.caller.tenant, self.group_id()?).await?;
        found.ok_or_else(no_such_group)
    }

    /// The record of kind `E` that the path's `{id}` names. Another tenant's is none.
    pub async fn found<E: Entity>(&self, app: &App) -> Result<Stored<E>, ApiError> {
        // An id that is none names nothing.
        let id = self.path_id("id").map_err(|_| missing::<E>())?;
        self.find(app, &id).await?.ok_or_else(missing::<E>)
    }

    /// The record of kind `E` at `id`, if the caller's tenant has one.
    pub async fn find<E: Entity>(&self, app: &App, id: &Id) -> Result<Option<Stored<E>>, ApiError> {
        Ok(app.store.record(&self.key::<E>(id)).await?.map(Stored::read).transpose()?)
    }

    /// Where the caller's record of kind `E` with this id is.
    pub fn key<E: Entity>(&self, id: &Id) -> RecordKey {
        RecordKey { tenant: self.caller.tenant.clone(), kind: E::kind(), id: id.clone() }
    }

    /// Which of the caller's records of kind `E` belong to `of`; newest first or in their order.
    pub fn related<E: Entity>(&self, by: RelationKind, of: &Id, newest_first: bool) -> Related {
        Related { tenant: self.caller.tenant.clone(), kind: E::kind(), by, of: of.clone(), newest_first }
    }
}

fn no_such_group() -> ApiError {
    ApiError::not_found("no such group")
}

/// The answer to who asks for an `E` that is not there.
pub fn missing<E: Entity>() -> ApiError {
    ApiError::not_found(format!("no such {}", E::KIND.replace('_', " ")))
}

/// The answer to who names a kind of records that is not there for them.
pub fn no_such_kind(types: &Registry, kind: &Name) -> ApiError {
    let known: Vec<&str> = types.written_kinds().map(Name::as_str).collect();
    ApiError::not_found(format!("no records of kind `{kind}` are served; known are {}", known.join(", ")))
}

/// A page of records, each read and with its place.
pub async fn page<E: Entity>(
    app: &App,
    related: &Related,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<(Stored<E>, String), String>, StoreError> {
    let page = app.store.records(related, after, limit).await?;
    let placed = page.items.into_iter().filter_map(|record| {
        let place = record.place(related.by)?;
        Some(Stored::read(record).map(|read| (read, place)))
    });
    Ok(Page { items: placed.collect::<Result<_, _>>()?, next: page.next })
}

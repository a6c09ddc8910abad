//! Records as they are: one, or those that belong to something. Of the kinds that are shown so.

use crate::{Answer, ApiError, RecordView, Request, cursor, cursor_of, fitting, found::no_such_kind, limit};
use errand::{
    App, Id, Name,
    spi::store::{RecordKey, Related, RelationKind},
};

/// `GET /v1/records/{kind}/{id}`.
pub(crate) async fn record(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (tenant, kind) = (request.caller.tenant.clone(), shown(app, request)?);
    let key = RecordKey { tenant, kind, id: request.path_id("id")? };
    let record = app.store.record(&key).await?;
    let record = record.ok_or_else(|| ApiError::not_found(format!("no such {}", key.kind)))?;
    Ok(Answer::json(200, &RecordView::of(record, &app.types, request.is_by_verifier(app))))
}

/// `GET /v1/records/{kind}?parent=` or `?owner=`: newest first.
pub(crate) async fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (by, of) = match (request.query_as::<Id>("parent")?, request.query_as::<Id>("owner")?) {
        (Some(parent), None) => (RelationKind::Parent, parent),
        (None, Some(owner)) => (RelationKind::Owner, owner),
        _ => return Err(ApiError::invalid("parent", "name what the records belong to: parent or owner")),
    };
    let (tenant, kind) = (request.caller.tenant.clone(), shown(app, request)?);
    let related = Related { tenant, kind, by, of, newest_first: true };
    let page = app.store.records(&related, cursor(request)?.as_deref(), limit(request)?).await?;
    let to_verifier = request.is_by_verifier(app);
    let items = page.items.into_iter().filter_map(|record| {
        let place = record.place(by)?;
        Some((RecordView::of(record, &app.types, to_verifier), cursor_of(&place)))
    });
    Ok(Answer::json(200, &fitting(items, page.next.as_deref().map(cursor_of))))
}

/// The kind that is asked for, if its records are shown.
fn shown(app: &App, request: &Request) -> Result<Name, ApiError> {
    let kind = request.path_name("kind")?;
    if app.types.kind_of(&kind).is_some() { Ok(kind) } else { Err(no_such_kind(&app.types, &kind)) }
}

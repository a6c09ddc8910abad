//! Records, as other services and people write them: whole (`PUT`), in part (`PATCH`), or away (`DELETE`), guarded by
//! `If-Match`.

use crate::{Answer, ApiError, RecordView, Request, found::no_such_kind};
use errand::{
    App, Doc, Expect, FieldError, Relations, StoreError,
    spi::{
        registry::RecordKind,
        store::{self, Commit, MAX_TRIES, Record, RecordKey, RecordWrite},
    },
};
use uuid::Uuid;

/// `PUT /v1/records/{kind}/{id}`: 201 if it is new, else 200.
pub(crate) async fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let doc: Doc = request.json()?;
    write(app, request, |_| Ok(doc.clone())).await
}

/// `PATCH /v1/records/{kind}/{id}`: sets the fields named, removes those that are null.
pub(crate) async fn patch(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let fields: Doc = request.json()?;
    write(app, request, |there| {
        let there = there.ok_or_else(|| ApiError::not_found("no such record"))?;
        let mut doc = there.doc.clone();
        doc.extend(fields.clone());
        doc.retain(|_, value| !value.is_null());
        Ok(doc)
    })
    .await
}

/// `DELETE /v1/records/{kind}/{id}`: the record as it was. What belongs to it stays.
pub(crate) async fn remove(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (kind, id) = (request.path_name("kind")?, request.path_id("id")?);
    let key = RecordKey { tenant: request.caller.tenant.clone(), kind, id };
    // Only who may write a record from outside may take it away: all other kinds have a life of their own.
    let kind = app.types.kind_of(&key.kind).filter(|kind| kind.is_written());
    let kind = kind.ok_or_else(|| no_such_kind(&app.types, &key.kind))?;
    let if_match = request.matched_version()?;
    for _ in 0..MAX_TRIES {
        let there = app.store.record(&key).await?.ok_or_else(|| ApiError::not_found("no such record"))?;
        matches(if_match, Some(&there))?;
        may_write(app, request, kind, (Some(&there), &Doc::new()))?;
        let delete = RecordWrite::Delete { key: key.clone(), expect: Expect::Version(there.version) };
        match store::commit(&*app.store, Commit { records: vec![delete], ..Commit::default() }).await {
            Ok(()) => return Ok(Answer::json(200, &RecordView::of(there, &app.types, request.is_by_verifier(app)))),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// Whether the record is of the version that `If-Match` names, if it names one.
fn matches(if_match: Option<Uuid>, there: Option<&Record>) -> Result<(), ApiError> {
    if if_match.is_some_and(|version| there.is_none_or(|there| there.version != version)) {
        return Err(ApiError::conflict("the record has another version than If-Match names"));
    }
    Ok(())
}

/// Checks the new document by its kind and puts it on the version that it was made from.
async fn write(
    app: &App,
    request: &Request,
    change: impl Fn(Option<&Record>) -> Result<Doc, ApiError>,
) -> Result<Answer, ApiError> {
    let (kind, id) = (request.path_name("kind")?, request.path_id("id")?);
    let key = RecordKey { tenant: request.caller.tenant.clone(), kind, id };
    let if_match = request.matched_version()?;
    for _ in 0..MAX_TRIES {
        let there = app.store.record(&key).await?;
        matches(if_match, there.as_ref())?;
        let now = app.clock.now();
        let doc = change(there.as_ref())?;
        let created_at = there.as_ref().map_or(now, |there| there.created_at);
        let known = app.types.kind_of(&key.kind).and_then(|kind| Some((kind, kind.check(&key, &doc, created_at)?)));
        let (kind, relations) = known.ok_or_else(|| no_such_kind(&app.types, &key.kind))?;
        let Relations { parent, owner } = relations.map_err(|error: FieldError| ApiError::from(error))?;
        may_write(app, request, kind, (there.as_ref(), &doc))?;
        let record = Record { parent, owner, created_at, ..Record::new(key.clone(), doc, now) };
        let expect = there.as_ref().map_or(Expect::Absent, |there| Expect::Version(there.version));
        let put = RecordWrite::Put { record: Box::new(record.clone()), expect };
        match store::commit(&*app.store, Commit { records: vec![put], ..Commit::default() }).await {
            Ok(()) => {
                let status = if there.is_some() { 200 } else { 201 };
                return Ok(Answer::json(status, &RecordView::of(record, &app.types, request.is_by_verifier(app))));
            }
            Err(StoreError::Conflict { .. }) if if_match.is_none() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// Whoever may not verify users may not write what their verification rests on.
fn may_write(
    app: &App,
    request: &Request,
    kind: &RecordKind,
    (there, doc): (Option<&Record>, &Doc),
) -> Result<(), ApiError> {
    match kind.guarded(there.map(|there| &there.doc), doc) {
        Some(guarded) if !request.is_by_verifier(app) => {
            let by = &request.caller.principal;
            Err(ApiError::forbidden(format!("{by} may not {guarded}; see the setting `verifier`")))
        }
        _ => Ok(()),
    }
}

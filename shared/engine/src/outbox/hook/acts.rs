//! What is done to the webhooks that tenants name.

use super::{Hook, HookDoc, MOST_WEBHOOKS, Named, fan_key, having, key, of_tenant, webhook, webhooks};
use crate::{
    app::App,
    clock::Timestamp,
    event::EventTypes,
    ids::{Id, Name},
    listener::NewSecret,
    outbox::{list, patch},
    store::{self, Commit, Doc, Expect, MAX_TRIES, Patch, Record, RecordKey, RecordWrite, StoreError},
};

/// Names the webhook `id` of `tenant`, or names it anew; `secret` makes a secret for one that is new.
pub async fn name_webhook<E: From<StoreError>>(
    app: &App,
    (tenant, id): (&Name, &Id),
    (url, types): (String, EventTypes),
    secret: impl Fn(&RecordKey) -> Result<NewSecret, E>,
) -> Result<Named, E> {
    let key = key(tenant, id);
    for _ in 0..MAX_TRIES {
        let (now, there) = (app.clock.now(), app.store.record(&key).await?);
        let known = there.clone().and_then(Hook::of);
        if known.is_none() && webhooks(app, tenant).await?.len() >= MOST_WEBHOOKS {
            return Ok(Named::TooMany);
        }
        let (sealed, shown) = match &known {
            Some(known) => (known.says.secret.clone(), None),
            None => secret(&key).map(|NewSecret { shown, sealed }| (sealed, Some(shown)))?,
        };
        let says = HookDoc { url: url.clone(), types: types.clone(), secret: sealed, off: None };
        let doc = serde_json::to_value(&says).ok().and_then(|doc| doc.as_object().cloned()).unwrap_or_default();
        let created_at = known.as_ref().map_or(now, |known| known.record.created_at);
        let record = Record { parent: Some(of_tenant(id)), created_at, ..Record::new(key.clone(), doc, now) };
        let hook = Hook { record: record.clone(), says };
        let expect = there.as_ref().map_or(Expect::Absent, |there| Expect::Version(there.version));
        let mut records = vec![RecordWrite::Put { record: Box::new(record), expect }];
        records.extend(fan(app, tenant, now).await?);
        records.extend(backlog(app, &hook, now).await?);
        match store::commit(&*app.store, Commit { records, ..Commit::default() }).await {
            Ok(()) => return Ok(shown.map_or(Named::Changed(hook.clone()), |shown| Named::New(hook, shown))),
            Err(StoreError::Conflict { .. }) => {}
            Err(problem) => return Err(problem.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// The write that has what is told from now on given to `tenant`'s webhooks. It is written anew each time, so that whoever
/// finds just now that there are none does not have the last word.
async fn fan(app: &App, tenant: &Name, now: Timestamp) -> Result<Option<RecordWrite>, StoreError> {
    let key = fan_key(tenant);
    let there = app.store.record(&key).await?;
    if let Some(there) = there.as_ref().filter(|there| there.owner.is_some()) {
        return Ok(Some(patch(there, Patch::default(), now)));
    }
    let doc = list::end(app, tenant).await?.map(|end| ("after".to_owned(), end.into())).into_iter().collect();
    let record = Record { owner: Some(having()), ..Record::new(key, doc, now) };
    let expect = there.map_or(Expect::Absent, |there| Expect::Version(there.version));
    Ok(Some(RecordWrite::Put { record: Box::new(record), expect }))
}

/// The write of an outbox for what the webhook is owed, unless it has one.
async fn backlog(app: &App, hook: &Hook, now: Timestamp) -> Result<Option<RecordWrite>, StoreError> {
    let backlog = hook.backlog();
    let begun = RecordWrite::put(backlog.key(), backlog.begun(), Expect::Absent, now);
    Ok(app.store.record(&backlog.key()).await?.is_none().then_some(begun))
}

/// Gives the webhook `id` of `tenant` the secret that `secret` makes for it; answers with it, and the secret as it is shown.
/// `None`: there is none.
pub async fn renew_secret<E: From<StoreError>>(
    app: &App,
    (tenant, id): (&Name, &Id),
    secret: impl Fn(&Hook) -> Result<NewSecret, E>,
) -> Result<Option<(Hook, String)>, E> {
    for _ in 0..MAX_TRIES {
        let Some(hook) = webhook(app, tenant, id).await? else { return Ok(None) };
        let NewSecret { shown, sealed } = secret(&hook)?;
        let set = Doc::from_iter([("secret".to_owned(), sealed.into())]);
        let renewed = patch(&hook.record, Patch { set, ..Patch::default() }, app.clock.now());
        match store::commit(&*app.store, Commit { records: vec![renewed], ..Commit::default() }).await {
            Ok(()) => return Ok(Some((hook, shown))),
            Err(StoreError::Conflict { .. }) => {}
            Err(problem) => return Err(problem.into()),
        }
    }
    Err(StoreError::Busy.into())
}

/// Removes the webhook `id` of `tenant`; answers with it, if there was one. What it is owed is given up.
pub async fn remove_webhook(app: &App, tenant: &Name, id: &Id) -> Result<Option<Hook>, StoreError> {
    for _ in 0..MAX_TRIES {
        let Some(hook) = webhook(app, tenant, id).await? else { return Ok(None) };
        let now = app.clock.now();
        let set = Doc::from_iter([("secret".to_owned(), "".into())]);
        let gone = Patch { set, parent: Some(None), expires_at: Some(now), ..Patch::default() };
        let gone = patch(&hook.record, gone, now);
        match store::commit(&*app.store, Commit { records: vec![gone], ..Commit::default() }).await {
            Err(StoreError::Conflict { .. }) => {}
            gone => return gone.map(|()| Some(hook)),
        }
    }
    Err(StoreError::Busy)
}

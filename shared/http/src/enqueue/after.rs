//! Tasks of one batch that follow others of it.

use std::collections::{BTreeMap, BTreeSet};

use errand::{
    Accepted, App, Asked, Name, Timestamp,
    spi::{
        accept::{self, New, check_is_in_time, check_may_stand_alone},
        gather::{expect_others, group_before, others_are_there},
        lifecycle::{MOST_GROUPS, Member},
        store,
    },
};
use futures::future::join_all;

use crate::{ApiError, Caller, TaskRequest};

/// A task that is asked for, and the places of those that it follows.
struct Linked {
    asked: Result<Asked, ApiError>,
    follows: Vec<usize>,
}

/// Takes each request for itself, as [`accept`](super::accept()) does; but one that follows another which is not taken is not
/// taken either.
pub(super) async fn accept_linked(
    app: &App,
    caller: &Caller,
    requests: Vec<Result<TaskRequest, ApiError>>,
) -> Vec<Result<Accepted, ApiError>> {
    let now = app.clock.now();
    let linked = join_all(links(requests).into_iter().map(async |(request, follows)| {
        let asked = async {
            let request = request?;
            check_may_stand_alone(app, &request.task_type)?;
            let asked = request.accept(caller, app, now).await?;
            is_taken_in_time(app, &asked, now).await?;
            Ok(asked)
        };
        Linked { asked: asked.await, follows }
    }));
    let mut linked = linked.await;
    refuse_what_follows_nothing(&mut linked);
    let mut new = Vec::new();
    for place in 0..linked.len() {
        let lacks =
            linked.get(place).is_some_and(|it| it.follows.iter().any(|at| new.get(*at).is_none_or(Result::is_err)));
        new.push(match lacks {
            true => Err(ApiError::invalid("after", "a task that it follows was not taken")),
            false => prepare(app, &mut linked, place).await,
        });
    }
    // Whom they lead to is known only when all are prepared.
    let asked = linked.iter_mut().zip(&new).map(|(linked, after)| {
        let asked = std::mem::replace(&mut linked.asked, Err(ApiError::conflict("taken")))?;
        Ok::<_, ApiError>(New { asked, after: after.clone()? })
    });
    let ids: Vec<_> = asked.collect();
    let mut accepted = accept::accept(app, ids, now).await;
    let mut problems = Vec::new();
    for (place, linked) in linked.iter().enumerate() {
        let all = |places: &[usize]| places.iter().all(|at| accepted.get(*at).is_some_and(Result::is_ok));
        let Some(Ok(taken)) = accepted.get(place).filter(|_| !linked.follows.is_empty() && all(&linked.follows)) else {
            continue;
        };
        if let Err(problem) = others_are_there(app, &caller.tenant, taken.task.key.id).await {
            // It is there all the same, and its group's look goes on with it.
            problems.push((place, ApiError::from(problem)));
        }
    }
    for (place, problem) in problems {
        if let Some(answer) = accepted.get_mut(place) {
            *answer = Err(problem);
        }
    }
    accepted
}

/// Refuses one that comes too late, unless it was taken before under its key: as [`accept::accept`] will, but before others
/// are made that follow it.
async fn is_taken_in_time(app: &App, asked: &Asked, now: Timestamp) -> Result<(), ApiError> {
    let Err(late) = check_is_in_time(asked, now) else { return Ok(()) };
    match asked.idempotency_key.is_some() && store::task(&*app.store, &asked.key).await?.is_some() {
        true => Ok(()),
        false => Err(late.into()),
    }
}

/// Each request, and the places of those before it that it names.
fn links(requests: Vec<Result<TaskRequest, ApiError>>) -> Vec<(Result<TaskRequest, ApiError>, Vec<usize>)> {
    let mut names: BTreeMap<Name, usize> = BTreeMap::new();
    let mut linked = Vec::new();
    for (place, request) in requests.into_iter().enumerate() {
        let found = request.and_then(|mut request| {
            let unknown =
                |name: &Name| ApiError::invalid("after", format!("no task before it in this batch is called {name}"));
            let place_of = |name: &Name| names.get(name).copied().ok_or_else(|| unknown(name));
            let follows =
                std::mem::take(&mut request.after).iter().map(place_of).collect::<Result<BTreeSet<_>, _>>()?;
            Ok((request, follows.into_iter().collect()))
        });
        match found {
            Ok((request, follows)) => match request.name.clone() {
                Some(name) if names.contains_key(&name) => {
                    linked
                        .push((Err(ApiError::invalid("name", "another task of this batch is called so")), Vec::new()));
                }
                name => {
                    names.extend(name.map(|name| (name, place)));
                    linked.push((Ok(request), follows));
                }
            },
            Err(error) => linked.push((Err(error), Vec::new())),
        }
    }
    linked
}

/// In order: so what follows one that is refused is refused as well, and what follows that.
fn refuse_what_follows_nothing(linked: &mut [Linked]) {
    for place in 0..linked.len() {
        let leads_to = linked.iter().filter(|other| other.follows.contains(&place)).count();
        let lacks = linked
            .get(place)
            .is_some_and(|it| it.follows.iter().any(|at| linked.get(*at).is_none_or(|other| other.asked.is_err())));
        let Some(it) = linked.get_mut(place).filter(|it| it.asked.is_ok()) else { continue };
        if lacks {
            it.asked = Err(ApiError::invalid("after", "a task that it follows was not taken"));
        } else if leads_to > MOST_GROUPS {
            it.asked = Err(ApiError::invalid("name", format!("at most {MOST_GROUPS} tasks may follow one")));
        }
    }
}

/// Has the task at `place` wait for those that it follows, and these tell of their ends. The group that it waits for; none
/// if it follows nobody.
async fn prepare(app: &App, linked: &mut [Linked], place: usize) -> Result<Option<uuid::Uuid>, ApiError> {
    let Some(Linked { asked: Ok(asked), follows }) = linked.get(place) else { return Ok(None) };
    if follows.is_empty() {
        return Ok(None);
    }
    let (key, follows) = (asked.key.clone(), follows.clone());
    let others = follows.iter().filter_map(|at| linked.get(*at)?.asked.as_ref().ok()).map(|other| other.key.id);
    let others = others.collect();
    for (index, at) in (0..).zip(&follows) {
        let Some(Linked { asked: Ok(other), .. }) = linked.get(*at) else { continue };
        was_not_there(app, other, Member { group: group_before(key.id), index }).await?;
    }
    let is_there = asked.idempotency_key.is_some() && store::task(&*app.store, &key).await?.is_some();
    let group = match is_there {
        true => group_before(key.id),
        false => expect_others(app, &key.tenant, key.id, others).await?,
    };
    for (index, at) in (0..).zip(follows) {
        if let Some(Linked { asked: Ok(other), .. }) = linked.get_mut(at) {
            other.member_of.push(Member { group, index });
        }
    }
    Ok(Some(group))
}

/// Refuses to follow a task of an earlier request: nobody would hear of its end. The same request, said again, finds its own.
async fn was_not_there(app: &App, other: &Asked, member: Member) -> Result<(), ApiError> {
    let there = match other.idempotency_key {
        Some(_) => store::task(&*app.store, &other.key).await?,
        None => None,
    };
    match there {
        Some(there) if !there.member_of.contains(&member) => Err(ApiError::invalid(
            "after",
            "a task that it follows was there before; only those of one batch may be followed",
        )),
        _ => Ok(()),
    }
}

//! Sessions of agent runs: active ones first, then those with something unread, then by newest activity.

use crate::{ExecutionState, Phase, Session, SessionFilter, api::SessionView};
use errand::{
    App, Id, Name, Stored, Timestamp,
    spi::{
        read_marks::{Reader, Subject},
        store::RelationKind,
    },
};
use errand_http::{Answer, ApiError, Listed, Order, Request, cursor_of, found::page, limit, place_of};

/// How many sessions are read at a time.
const READ: usize = 100;

/// How many are looked at for one answer. Where few of them are shown, a page is short and its cursor goes on.
const LOOKED_AT: usize = 1000;

/// The place, newest first, behind all active sessions and before all others (see `Session::place`).
const BEHIND_ACTIVE: &str = "1.#";

/// `GET /v1/sessions?state=&profile=&reader_id=&project=&updated_after=&cursor=&limit=`.
pub(crate) async fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let asked = Asked {
        filter: request.query_as("state")?.unwrap_or_default(),
        profile: request.query_name("profile")?,
        reader: reader(request)?,
        updated_after: request.query_as("updated_after")?,
    };
    let project = request.query_name("project")?.unwrap_or_default();
    let limit = limit(request)?;
    let related = request.related::<Session>(RelationKind::Owner, &Id::from(&project), true);
    let (mut at, mut shown, mut looked_at) = (Some(start(request)?), Vec::new(), 0);
    while let Some((phase, after)) = at.take() {
        let page = page::<Session>(app, &related, after.as_deref(), READ).await?;
        looked_at += page.items.len();
        let marks = asked.marks(app, page.items.iter().map(|(stored, _)| &stored.id)).await?;
        let mut next = page.next.map(|place| (phase, Some(place)));
        for ((stored, place), mark) in page.items.into_iter().zip(marks) {
            if phase == Phase::Active && stored.value.execution_state != ExecutionState::Running {
                next = None; // those that something goes on in stand first
                break;
            }
            if phase != Phase::Active && asked.is_behind(&stored.value) {
                next = None; // so are all that follow, by their newest activity
                break;
            }
            if asked.shows(phase, &stored.value, mark) {
                shown.push((stored, mark));
            }
            if shown.len() == limit {
                next = Some((phase, Some(place)));
                break;
            }
        }
        at = next.or_else(|| asked.after(phase).map(|phase| (phase, Some(BEHIND_ACTIVE.to_owned()))));
        if shown.len() == limit || looked_at >= LOOKED_AT {
            break;
        }
    }
    let tenant = &request.caller.tenant;
    let views: Vec<_> = shown.iter().map(|(stored, mark)| SessionView::of(tenant, stored, *mark)).collect();
    Ok(Answer::json(200, &Listed::new(views, at.map(cursor))))
}

/// `GET /v1/sessions/{id}?reader_id=`.
pub(crate) async fn session(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let session: Stored<Session> = request.found(app).await?;
    let asked = Asked { reader: reader(request)?, filter: SessionFilter::All, profile: None, updated_after: None };
    let mark = asked.marks(app, [&session.id].into_iter()).await?.pop().flatten();
    Ok(Answer::json(200, &SessionView::of(&request.caller.tenant, &session, mark)))
}

struct Asked {
    filter: SessionFilter,
    profile: Option<Name>,
    reader: Option<Reader>,
    updated_after: Option<Timestamp>,
}

impl Asked {
    /// Up to where the reader has seen each; 0 for nothing. Without a reader there is no mark at all.
    async fn marks<'i>(&self, app: &App, ids: impl Iterator<Item = &'i Id>) -> Result<Vec<Option<u64>>, ApiError> {
        let subjects: Vec<Subject> = ids.map(|id| Subject::session(id.clone())).collect();
        match &self.reader {
            None => Ok(vec![None; subjects.len()]),
            Some(reader) => {
                let seen = reader.seen(&*app.store, &subjects).await?;
                Ok(seen.into_iter().map(|seen| Some(seen.unwrap_or(0))).collect())
            }
        }
    }

    fn shows(&self, phase: Phase, session: &Session, mark: Option<u64>) -> bool {
        phase.shows(session.attention(mark))
            && !self.is_behind(session)
            && self.filter.shows(session, mark)
            && self.profile.as_ref().is_none_or(|profile| session.profile == *profile)
    }

    /// Whether nothing new has come in it since what is asked for.
    fn is_behind(&self, session: &Session) -> bool {
        self.updated_after.is_some_and(|after| session.last_activity_at <= after)
    }

    /// The next part of the list that may have something in it.
    fn after(&self, phase: Phase) -> Option<Phase> {
        match (phase.next()?, self.filter, &self.reader) {
            (_, SessionFilter::Running, _) => None,
            (Phase::Unread, _, None) => Some(Phase::Read),
            (Phase::Read, SessionFilter::Unread, _) => None,
            (next, _, _) => Some(next),
        }
    }
}

fn reader(request: &Request) -> Result<Option<Reader>, ApiError> {
    let id = request.query_as::<Id>("reader_id")?;
    Ok(id.map(|id| Reader { tenant: request.caller.tenant.clone(), id }))
}

type Place = (Phase, Option<String>);

fn start(request: &Request) -> Result<Place, ApiError> {
    let Some(text) = request.query.get("cursor") else { return Ok((Phase::default(), None)) };
    let read = |(phase, at): (&str, &str)| {
        let phase = serde_json::from_value(phase.into()).ok()?;
        let behind_active = at == cursor_of(BEHIND_ACTIVE);
        let place =
            if behind_active { BEHIND_ACTIVE.to_owned() } else { place_of("cursor", at, Order::SESSIONS).ok()? };
        Some((phase, Some(place)))
    };
    let read = text.split_once('/').and_then(read);
    read.ok_or_else(|| ApiError::bad_cursor("cursor"))
}

fn cursor((phase, at): Place) -> String {
    let phase = serde_json::to_value(phase).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default();
    format!("{phase}/{}", cursor_of(&at.unwrap_or_default()))
}

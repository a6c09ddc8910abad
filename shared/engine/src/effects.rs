//! What a handler wants done: effects, committed with its task's new state or not at all.

mod compile;

use std::sync::Arc;

pub(crate) use compile::{Compiled, Sources, compile};

use uuid::Uuid;

use crate::{
    clock::Timestamp,
    event::Event,
    ids::{Id, Name},
    lifecycle::Asked,
    store::{Doc, Expect, Patch, RecordWrite, Relation},
};

/// One thing a handler wants done; its parts are done together or dropped together.
///
/// ```
/// use errand::{Effect, Expect, Id, Name, Patch};
/// use serde_json::json;
///
/// let set = json!({"name": "Ada"}).as_object().cloned().unwrap_or_default();
/// let rename = Effect::patch(Name::of("user"), Id::of("u-1"), Patch { set, ..Patch::default() }, Expect::Any);
/// let counted = Patch { add: [("renamed".to_owned(), 1)].into(), ..Patch::default() };
/// let both = rename.with(Effect::patch(Name::of("count"), Id::of("users"), counted, Expect::Any));
/// assert_eq!(both.describe(), "patch user u-1: name + patch count users: renamed");
/// ```
///
/// [`Entity::put`](crate::records::Entity::put) and [`Stored::set`](crate::records::Stored::set) make one of a typed
/// record, [`TaskContext::event`] and [`TaskContext::follow_up`] what [`Effect::publish`] and [`Effect::enqueue`] take.
///
/// [`TaskContext::event`]: crate::handler::TaskContext::event
/// [`TaskContext::follow_up`]: crate::handler::TaskContext::follow_up
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    pub(crate) actions: Vec<Action>,
    pub(crate) on_conflict: OnConflict,
}

/// What a failed precondition means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Somebody has done it already: drop this effect, commit the rest.
    Skip,
    /// The handler decided on old data: handle again, on fresh data.
    Rerun,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    Put { kind: Name, id: Id, doc: Doc, relations: Relations, expires_at: Option<Timestamp>, expect: Expect },
    Patch { kind: Name, id: Id, patch: Patch, expect: Expect },
    Write(Box<RecordWrite>),
    Publish(Event),
    Enqueue(Arc<Asked>),
    Wake(Uuid),
}

impl Effect {
    /// Writes a whole record.
    pub fn put(kind: Name, id: Id, doc: Doc, relations: Relations, expect: Expect) -> Self {
        Self::of(Action::Put { kind, id, doc, relations, expires_at: None, expect })
    }

    /// Marks that something was done, until `expires_at`; done before, it conflicts.
    pub fn once(kind: Name, id: Id, doc: Doc, expires_at: Timestamp) -> Self {
        let relations = Relations::default();
        Self::of(Action::Put { kind, id, doc, relations, expires_at: Some(expires_at), expect: Expect::Absent })
    }

    /// Remembers something until `expires_at`, in place of what was remembered there.
    pub fn remember(kind: Name, id: Id, doc: Doc, expires_at: Timestamp) -> Self {
        let relations = Relations::default();
        Self::of(Action::Put { kind, id, doc, relations, expires_at: Some(expires_at), expect: Expect::Any })
    }

    /// Changes fields of a record that exists.
    pub fn patch(kind: Name, id: Id, patch: Patch, expect: Expect) -> Self {
        Self::of(Action::Patch { kind, id, patch, expect })
    }

    /// Writes a record as somebody else has put it together.
    pub fn write(write: RecordWrite) -> Self {
        Self::of(Action::Write(Box::new(write)))
    }

    /// Tells whoever listens, once the commit stands.
    pub fn publish(event: Event) -> Self {
        Self::of(Action::Publish(event))
    }

    /// Makes a follow-up task. Given an id that a task with the same payload has already, nothing is done.
    pub fn enqueue(task: Asked) -> Self {
        Self { on_conflict: OnConflict::Skip, ..Self::of(Action::Enqueue(Arc::new(task))) }
    }

    /// Has the task `id` run now if it waits until later ([`Outcome::Wait`]): done right after the commit, which it is
    /// no part of. A process that ends in between leaves it to that wait's own end.
    ///
    /// [`Outcome::Wait`]: crate::handler::Outcome::Wait
    pub fn wake(id: Uuid) -> Self {
        Self::of(Action::Wake(id))
    }

    /// The same, dropped if its precondition fails.
    pub fn or_skip(self) -> Self {
        Self { on_conflict: OnConflict::Skip, ..self }
    }

    /// The same with a companion: both are done or neither.
    pub fn with(mut self, companion: Effect) -> Self {
        self.actions.extend(companion.actions);
        self
    }

    /// A short description of what it does, for the action log; names no field's value.
    pub fn describe(&self) -> String {
        let parts: Vec<String> = self.actions.iter().map(Action::describe).collect();
        parts.join(" + ")
    }

    fn of(action: Action) -> Self {
        Self { actions: vec![action], on_conflict: OnConflict::Rerun }
    }
}

/// What a record belongs to: a message to its conversation, a response to its expert. Each is listed by both.
///
/// ```
/// use errand::{Id, Relation, Relations};
///
/// let belongs = Relations {
///     parent: Some(Relation { of: Id::of("conversation-7"), sort: "2026-01-01T00:00:00.000Z".into() }),
///     owner: None,
/// };
/// assert_eq!(belongs.parent.unwrap().of, Id::of("conversation-7"));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// What it belongs to.
    pub parent: Option<Relation>,
    /// Whose it is besides.
    pub owner: Option<Relation>,
}

impl Action {
    fn describe(&self) -> String {
        match self {
            Action::Put { kind, id, .. } => format!("put {kind} {id}"),
            Action::Write(write) => format!("write {} {}", write.key().kind, write.key().id),
            Action::Patch { kind, id, patch, .. } => {
                let fields: Vec<&str> = patch.set.keys().chain(patch.add.keys()).map(String::as_str).collect();
                format!("patch {kind} {id}: {}", fields.join(", "))
            }
            Action::Publish(event) => format!("publish {}", event.event_type),
            Action::Enqueue(task) => format!("enqueue {} {}", task.task_type, task.key.id),
            Action::Wake(id) => format!("wake {id}"),
        }
    }
}

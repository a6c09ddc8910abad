//! Variants of the protocol in which one guard is missing. Each breaks a promise, so that the model is known to be able to
//! fail; and each is a mistake that somebody has made, or could make here.

use crate::{group::promises as group, task::promises as task};

/// The guard that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A settlement asks whether the task runs, and not whose execution it is.
    NoFence,
    /// A commit does not ask for the version that was read.
    NoVersion,
    /// The log's row is written after the commit that ends the execution.
    RowApart,
    /// Where rows ride in the task, the next one takes the place of one that is not in the log yet.
    RowOverwritten,
    /// A failure waits for its next try without asking whether one is left.
    RetryUnchecked,
    /// After a retry's commit nobody asks whether its message was there before, and dropped.
    RetryUnseen,
    /// A dead letter is noted before it is sent.
    LetterNotedFirst,
    /// A task that waits has no `wake_at`.
    WaitWithoutWake,
    /// The word that a wait is over does not say which.
    ReadyUnaddressed,
    /// Who has begun to wait does not look whether it is there already.
    WaitWithoutRecheck,
    /// Nobody reaps lost workers.
    NoReaping,
    /// Nobody looks at what waits.
    WaitingUnwatched,

    /// Parts count ends instead of marking who has ended (Celery's chords).
    Counter,
    /// Any mark overwrites any other.
    MarkWithoutRedrives,
    /// What is taken back leaves an empty field, which a late mark fills.
    TakenBackUnnumbered,
    /// A member is set going again first; root and part are told afterwards.
    RedriveApart,
    /// A root that says that all is full is completed without reading the parts again.
    CompleteWithoutReread,
    /// The completion asks whether the root is open, and not whether it is as it was read.
    CompleteUnversioned,
    /// The callback is made after the completion, under an id of its own.
    CallbackApart,
    /// A parent that is told twice is started twice.
    ReadyWhereverItIs,
    /// The part is read before it is marked (or by a read that may be old), and not as the mark left it.
    PartReadBefore,
    /// The group is sealed, and nobody looks whether all had ended before.
    SealWithoutLook,
    /// Parts are made after their members.
    PartsAfterMembers,
    /// Members are made under the parent's fence, and not asking whether the group is open.
    StepUnguarded,
    /// Nobody looks at open groups.
    GroupUnwatched,
    /// A parent that is called off leaves its group as it is.
    CancelParentAlone,
    /// A group that is called off tells no parent.
    CancelTellsNobody,
    /// An unsealed group dies though its parent lives.
    UnsealedByAge,
    /// An unsealed group outlives its parent.
    UnsealedForever,
    /// All drives of a parent have one group.
    GroupWithoutDrive,
    /// Members are added while the handler still makes its own.
    AddedBeforeSeal,
}

impl Wrong {
    /// Those of a task's protocol, each with the promise that it breaks.
    pub const OF_TASKS: [(Wrong, &'static str); 12] = [
        (Wrong::NoFence, task::OWN),
        (Wrong::NoVersion, task::EFFECT),
        (Wrong::RowApart, task::ROW),
        (Wrong::RowOverwritten, task::ROW),
        (Wrong::RetryUnchecked, task::RETRIES),
        (Wrong::RetryUnseen, task::PROMPT),
        (Wrong::LetterNotedFirst, task::LETTER),
        (Wrong::WaitWithoutWake, task::WAKE),
        (Wrong::ReadyUnaddressed, task::STARTED),
        (Wrong::WaitWithoutRecheck, task::PROMPT),
        (Wrong::NoReaping, task::REST),
        (Wrong::WaitingUnwatched, task::REST),
    ];

    /// Those of groups, each with the promise that it breaks.
    pub const OF_GROUPS: [(Wrong, &'static str); 22] = [
        (Wrong::Counter, group::ALL_ENDED),
        (Wrong::MarkWithoutRedrives, group::MARKS),
        (Wrong::TakenBackUnnumbered, group::MARKS),
        (Wrong::RedriveApart, group::ALL_ENDED),
        (Wrong::CompleteWithoutReread, group::ALL_ENDED),
        (Wrong::CompleteUnversioned, group::ALL_ENDED),
        (Wrong::CallbackApart, group::ONCE),
        (Wrong::ReadyWhereverItIs, group::ONCE),
        (Wrong::ReadyUnaddressed, group::STRAYED),
        (Wrong::PartReadBefore, group::PROMPT),
        (Wrong::SealWithoutLook, group::PROMPT),
        (Wrong::WaitWithoutRecheck, group::PROMPT),
        (Wrong::PartsAfterMembers, group::PROMPT),
        (Wrong::StepUnguarded, group::SWEPT),
        (Wrong::CancelParentAlone, group::SWEPT),
        (Wrong::GroupUnwatched, group::REST),
        (Wrong::CancelTellsNobody, group::REST),
        (Wrong::WaitingUnwatched, group::REST),
        (Wrong::UnsealedForever, group::REST),
        (Wrong::UnsealedByAge, group::CALLED_OFF),
        (Wrong::GroupWithoutDrive, group::ITS_OWN),
        (Wrong::AddedBeforeSeal, group::NOT_MISTAKEN),
    ];
}

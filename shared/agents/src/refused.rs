//! Why something does not happen to a run or what belongs to it. Ordinary answers.

use errand::Id;

/// See the module. All of them are a 409 on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Another attempt holds it: the asker's lease was lost.
    #[error("another worker holds it: its attempt is {0}")]
    LeaseConflict(u32),
    /// It has ended, and what has ended stays as it is.
    #[error("already {0}")]
    Ended(&'static str),
    /// It is not where this could happen to it.
    #[error("not while {0}")]
    NotWhile(&'static str),
    /// Another run goes on in the session.
    #[error("run {0} goes on in this session")]
    Busy(Id),
    /// Another run is to go on in the session first.
    #[error("run {0} is to go on in this session first")]
    NotItsTurn(Id),
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// The idempotency key was used for something else.
    #[error("this idempotency key was used with another payload")]
    OtherPayload,
}

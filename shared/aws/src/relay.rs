//! The relay: what the table's change stream tells becomes events on the bus, and counters.
//!
//! A batch first goes to the bus, and into the backlogs of tenants' webhooks; then it is counted: what is counted has been
//! told. Events are told at least once, each time with the same id. Counters are exact, however often batches come again and wherever they are cut, if a shard has one
//! invocation at a time: so Lambda has it with a parallelization factor of 1. See [`Window`] for how a window is counted once, and `fold`
//! for how that reaches the counters.

pub(crate) mod before;
mod change;
mod fold;
mod sequence;
mod tally;
mod window;

use async_trait::async_trait;
use futures::join;
use tracing::{error, warn};

pub use change::{BusEvents, Change, TaskStanding};
pub use fold::{Delta, Deltas, Round, fold};
pub use sequence::{NoSequence, Sequence};
pub use tally::{ByStatus, MOST_KINDS_OF_ONE, Sums, Tally, TallyKind};
pub use window::Window;

use errand::{
    App, Listener, Published, StoreError, Timestamp,
    spi::{outbox, redact::chain, store::Record},
};

/// What a record of the stream tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A task is in another status than before.
    Task(Box<Change>),
    /// An event was stored, to be delivered.
    Event(Box<Record>),
    /// Nothing of interest.
    Nothing,
}

/// Records of one shard, as Lambda hands them over.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Which shard.
    pub shard: String,
    /// The records, in the order of the shard.
    pub records: Vec<(Sequence, Seen)>,
    /// What the window's batch before answered.
    pub state: Option<String>,
    /// Whether the window ends with it.
    pub is_last: bool,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relayed {
    /// To be handed over with the window's next batch.
    pub state: String,
    /// The first record that must come again, and all after it.
    pub again: Option<Sequence>,
}

/// Why a batch was not relayed; it must come again, all of it.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// The counters could not be read or written.
    #[error("the counters are not to be had")]
    Counters(#[from] StoreError),
    /// Rows could not be copied to the action log.
    #[error("the action log is not to be had")]
    Log(#[source] StoreError),
    /// Somebody counts the same shard at the same time; look at the watermark again.
    #[error("the shard was counted up to {0} by somebody else")]
    Overtaken(String),
}

/// What came of moving a watermark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It stands where it should, and the counts are stored, to be folded.
    Done,
    /// It was not where it was said to be but here, and nothing was done.
    StandsAt(Option<Sequence>),
}

/// Where watermarks live, and what was counted up to them.
#[async_trait]
pub trait Counters: Send + Sync {
    /// Up to where a shard is counted.
    async fn watermark(&self, shard: &str) -> Result<Option<Sequence>, StoreError>;

    /// Stores `counts` as a delta and moves the shard's watermark, if it stands at `from`, to `to`: both or neither.
    async fn advance(
        &self,
        shard: &str,
        from: Option<&Sequence>,
        to: &Sequence,
        counts: &Tally,
        now: Timestamp,
    ) -> Result<Moved, StoreError>;
}

/// Tells and counts a batch; `told`: which changes of tasks the bus hears of.
pub async fn relay(
    app: &App,
    counters: &dyn Counters,
    told: BusEvents,
    mut batch: Batch,
) -> Result<Relayed, RelayError> {
    batch.records.sort_by(|(a, _), (b, _)| a.cmp(b));
    let again = match &app.listeners.bus {
        // One record that fails has all behind it come again; what was told of these is told again.
        Some(bus) => {
            let (untold, ungiven) = join!(tell(app, (&**bus, told), &batch.records), give(app, &batch.records));
            untold.into_iter().chain(ungiven).min()
        }
        None => None,
    };
    let mut window = Window::resume(batch.state.as_deref(), counters.watermark(&batch.shard).await?);
    for (at, seen) in batch.records.iter().take_while(|(at, _)| again.as_ref().is_none_or(|again| at < again)) {
        let change = if let Seen::Task(change) = seen { Some(&**change) } else { None };
        window.count(at, change);
        if window.is_full() {
            window = write(app, counters, &batch.shard, window).await?;
        }
    }
    // With a failure in the batch it is not said which state comes with the next one, this or the one before: with
    // nothing unwritten both mean the same.
    if batch.is_last || again.is_some() {
        window = write(app, counters, &batch.shard, window).await?;
    }
    Ok(Relayed { state: window.state(), again })
}

async fn write(app: &App, counters: &dyn Counters, shard: &str, window: Window) -> Result<Window, RelayError> {
    if let Some((from, to, counts)) = window.unwritten() {
        match counters.advance(shard, from, to, counts, app.clock.now()).await? {
            // A first try, whose answer was lost, has written as far.
            Moved::StandsAt(Some(at)) if at >= *to => {}
            Moved::StandsAt(at) => return Err(RelayError::Overtaken(at.map_or_else(String::new, |at| at.to_string()))),
            Moved::Done => {}
        }
    }
    Ok(window.next())
}

/// Puts what the records tell on the bus. What that does not take of tasks is stored, for the poller to deliver; answers
/// the first record with which neither went well. What handlers published is stored already.
async fn tell(app: &App, (bus, told): (&dyn Listener, BusEvents), records: &[(Sequence, Seen)]) -> Option<Sequence> {
    let (mut places, mut events, mut stored): (Vec<&Sequence>, Vec<Published>, Vec<Record>) = Default::default();
    for (at, seen) in records {
        match seen {
            Seen::Task(change) => {
                if let Some(event) = change.event(told) {
                    places.push(at);
                    events.push(event);
                }
            }
            Seen::Event(record) => stored.push((**record).clone()),
            Seen::Nothing => {}
        }
    }
    if app.listeners.is_relayed() && !stored.is_empty() {
        outbox::hand_over(app, bus, &stored).await;
    }
    if events.is_empty() {
        return None;
    }
    let answers = bus.tell(&events).await;
    let refused = places.into_iter().zip(events).zip(answers).filter_map(|(told, answer)| Some((told, answer.err()?)));
    let ((places, events), errors): ((Vec<&Sequence>, Vec<Published>), Vec<_>) = refused.unzip();
    if let Some(first) = errors.first() {
        warn!(events = errors.len(), error = %chain(first), "the bus does not take events; they are kept for the poller");
        let kept = outbox::keep(app, events).await;
        let lost = places.into_iter().zip(kept).find_map(|(at, kept)| Some((at.clone(), kept.err()?)));
        if let Some((at, problem)) = lost {
            error!(sequence = %at, error = %chain(&problem), "an event can neither be told nor kept; its record must come again");
            return Some(at);
        }
    }
    None
}

/// Gives webhooks that tenants have named the ends of their tasks; answers the first record with which that failed.
async fn give(app: &App, records: &[(Sequence, Seen)]) -> Option<Sequence> {
    let end = |(at, seen): &(Sequence, Seen)| match seen {
        Seen::Task(change) => Some((at.clone(), change.event(BusEvents::Ended)?)),
        Seen::Event(_) | Seen::Nothing => None,
    };
    let (places, ends): (Vec<Sequence>, Vec<(Published, String)>) =
        records.iter().filter_map(end).map(|(at, event)| (at.clone(), (event, at.sorted()))).unzip();
    let (nth, problem) = outbox::give_ends(app, &ends).await.err()?;
    let at = places.get(nth)?.clone();
    error!(sequence = %at, error = %chain(&problem), "an end could not be given to webhooks; its record must come again");
    Some(at)
}

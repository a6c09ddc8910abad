//! Appending: the next numbers, and the records that carry them.

use crate::event::{EventBody, RunEvent};
use errand::{Id, Timestamp, spi::ids};

/// How many events one commit appends: with the run, its session and its agent they stay within a transaction.
pub const APPEND_EVENTS: usize = 50;

/// More events at once than a commit takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} events at once; at most {APPEND_EVENTS} are appended")]
pub struct TooMany(pub usize);

/// Events to put, each only if absent: an event with that number there already means that the run's `last_event_seq` was
/// not the newest, and that all is to be decided again on a fresh read.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvents {
    /// Them, and their ids.
    pub records: Vec<(Id, RunEvent)>,
    /// The run's new `last_event_seq`, to be set in the same commit.
    pub last_seq: u64,
    /// Whether there is something to read among them.
    pub to_read: bool,
}

/// The id of the `seq`th event of `run`: who knows how many there are finds each without a list, which may lag.
pub fn id(run: &Id, seq: u64) -> Id {
    Id::from(ids::derived(&["run_event", run.as_str(), &seq.to_string()]))
}

/// Makes `bodies`, normalised, the events of `run` after its `last_seq`th.
pub fn append(run: &Id, last_seq: u64, bodies: Vec<EventBody>, at: Timestamp) -> Result<NewEvents, TooMany> {
    if bodies.len() > APPEND_EVENTS {
        return Err(TooMany(bodies.len()));
    }
    let to_read = bodies.iter().any(EventBody::is_output);
    let records: Vec<(Id, RunEvent)> = (last_seq + 1..)
        .zip(bodies)
        .map(|(seq, body)| {
            let (body, cut) = body.normalised();
            (id(run, seq), RunEvent { run_id: run.clone(), seq, at, body, cut })
        })
        .collect();
    let last_seq = last_seq + records.len() as u64;
    Ok(NewEvents { records, last_seq, to_read })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::event::read;
    use errand::Entity;

    fn bodies(n: usize) -> Vec<EventBody> {
        vec![read("tool_call", r#"{"tool": "t"}"#).unwrap(); n]
    }

    #[test]
    fn numbers_go_on_without_gaps() {
        let run = Id::of("r");
        let mut last = 0;
        for n in [1, 0, 3, APPEND_EVENTS] {
            let appended = append(&run, last, bodies(n), Timestamp::default()).unwrap();
            let seqs: Vec<u64> = appended.records.iter().map(|(_, event)| event.seq).collect();
            assert_eq!(seqs, (last + 1..=last + n as u64).collect::<Vec<_>>());
            last = appended.last_seq;
        }
        assert_eq!(last, 4 + APPEND_EVENTS as u64);
        assert_eq!(append(&run, last, bodies(APPEND_EVENTS + 1), Timestamp::default()), Err(TooMany(51)));
    }

    #[test]
    fn two_writers_of_one_number_write_one_record() {
        let ids = |run: &'static str, last| {
            let appended = append(&Id::of(run), last, bodies(2), Timestamp::default()).unwrap();
            appended.records.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
        };
        assert_eq!(ids("r", 1)[1], ids("r", 2)[0]);
        assert_ne!(ids("r", 1), ids("q", 1));
    }

    #[test]
    fn output_is_what_there_is_to_read_in_a_trace() {
        let is_output = |event_type, payload: Value| {
            let body = read(event_type, &payload.to_string()).unwrap();
            append(&Id::of("r"), 0, [bodies(1), vec![body]].concat(), Timestamp::default()).unwrap().to_read
        };
        assert!(is_output("assistant_message", json!({"text": ""})));
        assert!(is_output("command_output", json!({"text": ""})));
        assert!(is_output("diff", json!({"text": ""})));
        assert!(is_output("error", json!({"message": ""})));
        assert!(is_output("terminal_status", json!({"status": "completed"})));
        assert!(!is_output("tool_call", json!({"tool": "t"})));
        assert!(!is_output("backend_status", json!({"phase": "run-created"})));
    }

    #[test]
    fn an_event_reads_back_as_it_was_written_in_the_order_of_its_number() {
        let appended = append(&Id::of("r"), 41, bodies(1), Timestamp::default()).unwrap();
        let event = &appended.records[0].1;
        assert_eq!(serde_json::from_value::<RunEvent>(Value::Object(event.doc())).unwrap(), *event);
        assert_eq!(event.relations("").parent.unwrap().sort, "0000000042");
        assert_eq!(Value::Object(event.doc())["type"], "tool_call");
    }
}

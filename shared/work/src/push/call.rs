//! The call that asks a target to do a task.

use std::time::Duration;

use errand::{Task, TaskContext, TraceParent};
use errand_outbound::{Callback, Keyring, SigningSecrets, signed};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderName, HeaderValue};

/// What is told of a task, in the order of what a reader looks for.
pub(super) fn headers(
    context: &TaskContext<'_>,
    secrets: &SigningSecrets,
    callback: Option<&str>,
    timeout: Duration,
) -> Vec<(HeaderName, HeaderValue)> {
    let (task, now) = (context.task(), context.now());
    let note = context.redrive_note().map(|note| utf8_percent_encode(note, NON_ALPHANUMERIC).to_string());
    let mut said: Vec<(&'static str, String)> = vec![
        ("content-type", "application/json".to_owned()),
        ("user-agent", concat!("Errand/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("idempotency-key", context.idempotency_key()),
        ("errand-task-id", task.key.id.to_string()),
        ("errand-task-type", task.task_type.to_string()),
        ("errand-project", task.project.to_string()),
        ("errand-attempt", task.executions.to_string()),
        ("errand-max-attempts", (u64::from(task.max_retries) + 1).to_string()),
        ("errand-deadline", (now + timeout).to_string()),
    ];
    said.extend(callback.map(|callback| ("errand-callback", callback.to_owned())));
    said.extend(
        task.schedule
            .iter()
            .flat_map(|of| [("errand-schedule", of.id.to_string()), ("errand-nominal", of.nominal.to_string())]),
    );
    said.extend(note.map(|note| ("errand-redrive-note", note)));
    // Its request's own; else the one that X-Ray has begun for that.
    let of_xray = || context.services().trace.as_deref().and_then(traceparent);
    let trace = context.trace_parent().or_else(of_xray).map(|trace| ("traceparent", trace.to_string()));
    said.extend(trace);
    said.extend(signed(secrets, &message_id(task), now, task.payload.as_str().as_bytes()));
    // What is no header's value (there is none such) would rather be left out than stop the call.
    said.into_iter().filter_map(|(name, value)| Some((HeaderName::from_static(name), value.try_into().ok()?))).collect()
}

/// The same for every try of a drive; another after an operator has set the task going again: who receives it is to do it
/// then.
fn message_id(task: &Task) -> String {
    format!("{}_{}", task.key.id, task.redrives)
}

/// By which the task is answered later, while it is held.
pub(super) fn token(keyring: &Keyring, task: &Task) -> Option<String> {
    Some(Callback { task: task.key.clone(), fence: task.fence()? }.token(keyring))
}

/// X-Ray's header as the W3C's.
fn traceparent(header: &str) -> Option<TraceParent> {
    let field = |name: &str| header.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let root = field("Root")?.strip_prefix("1-")?.replace('-', "");
    let (parent, sampled) = (field("Parent")?, field("Sampled") == Some("1"));
    format!("00-{root}-{parent}-0{}", u8::from(sampled)).to_ascii_lowercase().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_of_x_ray_is_told_as_the_w3c_has_it() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let expected = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        let told = |header: &str| traceparent(header).map(|trace| trace.to_string());
        assert_eq!(told(header).as_deref(), Some(expected));
        assert_eq!(told(&header.replace("Sampled=1", "Sampled=0")), Some(expected.replace("-01", "-00")));
        for broken in ["", "Root=1-5759e988-bd862e3fe1be46a994272793", "Root=1-x;Parent=53995c3f42cd8ad8"] {
            assert_eq!(traceparent(broken), None, "{broken}");
        }
    }
}

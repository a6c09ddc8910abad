//! Reading events that a worker outside sends: strictly, with the field that is wrong.

use serde::de::DeserializeOwned;

use crate::event::EventBody;
use errand::{FieldError, spi::json::read::read_strict};

/// The types that there are.
const TYPES: &str = "backend_status, assistant_message, command_output, tool_call, diff, error, terminal_status";

/// Reads an event of the type `event_type`, its payload a JSON text. An unknown type, an unknown field and a wrong
/// value are refused by name.
pub fn read(event_type: &str, payload: &str) -> Result<EventBody, FieldError> {
    match event_type {
        "backend_status" => shaped(payload, EventBody::BackendStatus),
        "assistant_message" => shaped(payload, EventBody::AssistantMessage),
        "command_output" => shaped(payload, EventBody::CommandOutput),
        "tool_call" => shaped(payload, EventBody::ToolCall),
        "diff" => shaped(payload, EventBody::Diff),
        "error" => shaped(payload, EventBody::Error),
        "terminal_status" => shaped(payload, EventBody::TerminalStatus),
        _ => Err(FieldError::at("type", format!("unknown event type; expected one of {TYPES}"))),
    }
}

fn shaped<T: DeserializeOwned>(payload: &str, body: fn(T) -> EventBody) -> Result<EventBody, FieldError> {
    read_strict(payload).map(body).map_err(|error| error.within("payload"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_is_read_in_its_shape_and_written_the_same() {
        for (event_type, payload) in [
            ("backend_status", json!({"phase": "run-created"})),
            ("backend_status", json!({"phase": "run-claimed", "note": "by w"})),
            ("backend_status", json!({"phase": "command-created", "command_id": "c"})),
            ("backend_status", json!({"phase": "command-terminal", "command_id": "c"})),
            ("backend_status", json!({"phase": "session-updated"})),
            ("backend_status", json!({"phase": "cancel-requested"})),
            ("assistant_message", json!({"text": "hi", "turn_id": "t"})),
            ("command_output", json!({"text": "ok", "command": "ls", "exit_code": 0})),
            ("tool_call", json!({"tool": "search", "input": {"q": "x"}, "output": "3 hits", "call_id": "c"})),
            ("diff", json!({"text": "+a", "path": "a.rs"})),
            ("error", json!({"message": "no", "kind": "rate_limit"})),
            ("terminal_status", json!({"status": "failed", "failure_kind": "timeout", "text": "late"})),
        ] {
            let body = read(event_type, &payload.to_string()).unwrap();
            assert_eq!(json!(body), json!({"type": event_type, "payload": payload}));
            assert!(TYPES.split(", ").any(|known| known == event_type));
        }
    }

    #[test]
    fn what_is_not_of_the_shape_is_refused_by_name() {
        for (event_type, payload, field) in [
            ("thought", json!({}), "type"),
            ("", json!({}), "type"),
            ("assistant_message", json!({}), "payload"),
            ("assistant_message", json!({"text": 5}), "payload.text"),
            ("assistant_message", json!({"text": "a", "mood": "b"}), "payload.mood"),
            ("assistant_message", json!(["a"]), "payload"),
            ("assistant_message", json!("a"), "payload"),
            ("assistant_message", json!({"text": "a\0b"}), "payload"),
            ("backend_status", json!({"phase": "run-forgotten"}), "payload.phase"),
            ("backend_status", json!({"phase": "command-created", "command_id": "a b"}), "payload.command_id"),
            ("tool_call", json!({"input": 5}), "payload"),
            ("error", json!({"message": "no", "kind": "bad_mood"}), "payload.kind"),
            ("terminal_status", json!({"status": "running"}), "payload.status"),
        ] {
            let error = read(event_type, &payload.to_string()).unwrap_err();
            assert_eq!(error.field, field, "{event_type} {payload}: {error}");
        }
    }
}

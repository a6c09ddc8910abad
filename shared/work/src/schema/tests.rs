//! What is taken as a schema, and what is said of a payload that does not fit.

use serde_json::{Value, json};

use super::*;

fn refused(schema: Value) -> String {
    match Schema::new(&schema) {
        Err(error) => error.to_string(),
        Ok(_) => "taken".to_owned(),
    }
}

#[test]
fn a_payload_that_does_not_fit_is_refused_where_it_does_not() {
    let schema = Schema::new(&json!({
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/item"}}, "a/b": {"type": "string"}},
        "required": ["items"],
        "$defs": {"item": {"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": false}},
    }));
    let schema = schema.unwrap();
    let at = |payload: Value| schema.check(&payload).err().map(|error| error.field);
    assert_eq!(at(json!({"items": [{"n": 1}]})), None);
    assert_eq!(at(json!({})), Some(String::new()));
    assert_eq!(at(json!({"items": [{"n": 1}, {"n": "x"}]})), Some("items[1].n".to_owned()));
    assert_eq!(at(json!({"items": [{"m": 1}]})), Some("items[0]".to_owned()));
    assert_eq!(at(json!({"items": [], "a/b": 3})), Some("a/b".to_owned()));
    let said = schema.check(&json!({"items": [{"n": "s3cret"}]})).unwrap_err().message;
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn what_would_be_fetched_or_never_ends_is_no_schema() {
    assert!(refused(json!({"$ref": "https://example.org/s.json"})).contains("leads to nothing within it"));
    assert!(refused(json!({"$ref": "#/$defs/none"})).contains("leads to nothing within it"));
    assert!(refused(json!({"$ref": "#"})).contains("leads back to itself"));
    let list = json!({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"next": {"$ref": "#/$defs/a"}}}}});
    assert!(refused(list).contains("leads back to itself"));
    assert_eq!(refused(json!({"$id": "https://example.org/"})), "`$id` is not supported");
    assert_eq!(refused(json!({"properties": {"$id": {"type": "string"}}})), "taken", "a field may be called so");
    assert!(refused(json!({"type": "nothing"})).contains("nothing"));
    assert!(refused(json!({"type": "string", "pattern": "(a)\\1"})).contains("(a)"));
    assert!(refused(json!({"description": "x".repeat(SCHEMA_BYTES)})).contains("bytes"));
}

#[test]
fn what_refs_repeat_is_counted() {
    // Each leads twice to the one before: 2³⁰ parts from a few hundred bytes.
    let mut defs = serde_json::Map::new();
    defs.insert("d0".to_owned(), json!({"type": "string"}));
    for n in 1..=30 {
        let before = json!({"$ref": format!("#/$defs/d{}", n - 1)});
        defs.insert(format!("d{n}"), json!({"allOf": [before, before]}));
    }
    assert!(refused(json!({"$ref": "#/$defs/d30", "$defs": defs})).contains("parts"));
}

#[test]
fn a_hostile_pattern_takes_no_more_than_a_multiple_of_what_a_plain_one_takes() {
    let time = |pattern: &str| {
        let schema = Schema::new(&json!({"type": "string", "pattern": pattern})).unwrap();
        let text = Value::from("a".repeat(200_000) + "!");
        let begun = std::time::Instant::now();
        (0..5).for_each(|_| _ = schema.check(&text).is_ok());
        begun.elapsed()
    };
    // Backtracking would take 2²⁰⁰⁰⁰⁰ steps; this much is for a machine that does something else meanwhile.
    let (plain, hostile) = (time("^a+$"), time("^(a+)+$"));
    assert!(hostile < plain.saturating_mul(1_000) + std::time::Duration::from_secs(5), "{hostile:?} {plain:?}");
}

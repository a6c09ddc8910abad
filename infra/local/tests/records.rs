//! Every kind of record over HTTP, as another service or a person with curl writes it.

use serde_json::{Value, json};

use crate::process::Server;

/// A record with every field of its kind.
struct Full {
    kind: &'static str,
    /// None: it follows from the fields.
    id: Option<&'static str>,
    doc: Value,
    /// Another value for one field.
    change: Value,
    /// By what it is listed.
    lists: &'static [&'static str],
}

fn full(kind: &'static str, doc: Value, change: Value, lists: &'static [&'static str]) -> Full {
    Full { kind, id: Some("x"), doc, change, lists }
}

fn people() -> [Full; 6] {
    [
        full(
            "user",
            json!({"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org", "company": "Engines",
                "title": "Countess", "linkedin_url": "https://www.linkedin.com/in/ada",
                "confirmed_linkedin_url": "https://www.linkedin.com/in/ada", "expertise": ["maths"],
                "expert_connector": true, "verified": true, "timezone": "Europe/London", "quiet_hours_start": "22:00",
                "quiet_hours_end": "07:30", "response_pattern": {"user_goal": "count"}, "credits": 3,
                "poc_agent_type": "innovator"}),
            json!({"credits": 4}),
            &["owner=experts"],
        ),
        full(
            "conversation",
            json!({"user_id": "u", "status": "paused", "last_message_at": "2026-01-01T10:00:00Z",
                "messages_since_summary": 4}),
            json!({"status": "active"}),
            &["parent=u"],
        ),
        full(
            "message",
            json!({"conversation_id": "c", "role": "user", "direction": "outbound", "channel": "email",
                "status": "sent", "to": ["ada@example.org"], "content": "hello"}),
            json!({"status": "pending"}),
            &["parent=c"],
        ),
        full(
            "summary",
            json!({"conversation_id": "c", "content": "short", "messages": 3, "until": "2026-01-01T10:00:00Z",
                "model": "m"}),
            json!({"content": "shorter"}),
            &["parent=c"],
        ),
        full(
            "verification",
            json!({"user_id": "u", "kind": "email", "status": "failed", "token": "t", "email": "ada@example.org",
                "linkedin_url": "https://www.linkedin.com/in/ada"}),
            json!({"status": "verified"}),
            &["parent=u"],
        ),
        full(
            "credit_event",
            json!({"user_id": "u", "amount": 5, "reason": "help"}),
            json!({"reason": "great help"}),
            &["parent=u"],
        ),
    ]
}

fn community() -> [Full; 6] {
    [
        Full {
            id: None,
            ..full(
                "priority",
                json!({"user_id": "u", "item_type": "tea", "item_id": "t", "rank": 2, "value_score": 40,
                    "status": "presented"}),
                json!({"rank": 1}),
                &["parent=u"],
            )
        },
        full(
            "community_request",
            json!({"question": "?", "category": "law", "expertise_needed": ["law"], "requester_id": "u",
                "workflow_id": "w", "status": "closed", "offered_to": 2}),
            json!({"status": "open"}),
            &["owner=u"],
        ),
        full(
            "community_response",
            json!({"request_id": "r", "expert_id": "e", "text": "so", "usefulness": 7.5, "impact": "it helps",
                "status": "closed_loop"}),
            json!({"usefulness": 8}),
            &["parent=r", "owner=e"],
        ),
        full(
            "introduction",
            json!({"connector_id": "k", "innovator_id": "u", "prospect_name": "Charles",
                "prospect_email": "charles@example.org", "reason": "both count", "status": "accepted",
                "checked_at": "2026-01-01T10:00:00Z"}),
            json!({"status": "sent"}),
            &["owner=u"],
        ),
        full(
            "workflow",
            json!({"user_id": "u", "request": "shelves", "step": "research", "min_responses": 3, "responses": 1,
                "extensions": 1, "insights": [{"response_id": "a", "usefulness": 8, "impact": "it helps"}],
                "status": "timed_out"}),
            json!({"status": "active"}),
            &["owner=u"],
        ),
        Full {
            id: None,
            ..full(
                "linkedin_connection",
                json!({"linkedin_url": "https://www.linkedin.com/in/ada",
                    "connected_to": "https://www.linkedin.com/in/founder"}),
                json!({"connected_to": "https://linkedin.com/in/Founder/"}),
                &[],
            )
        },
    ]
}

/// Its id: where it follows from the fields, the refusal of any other says it.
async fn id(server: &Server, full: &Full) -> String {
    if let Some(id) = full.id {
        return id.to_owned();
    }
    let (status, refused) =
        server.write("PUT", &format!("/v1/records/{}/any", full.kind), full.doc.clone(), None).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("id")));
    refused["error"]["message"].as_str().unwrap().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_kind_is_written_read_changed_and_listed_with_all_its_fields() {
    let server = Server::start(&["--verifier", "local"]);
    let kinds: Vec<&str> = people().iter().chain(&community()).map(|full| full.kind).collect();
    assert!(shared::domain::kinds().written_kinds().all(|kind| kinds.contains(&kind.as_str())), "{kinds:?}");
    for full in people().into_iter().chain(community()) {
        let path = format!("/v1/records/{}/{}", full.kind, id(&server, &full).await);
        let (status, written) = server.write("PUT", &path, full.doc.clone(), None).await;
        assert_eq!(status, 201, "{written}");
        let mut read = server.get(&path).await;
        assert_eq!(read, written);
        let version = written["version"].as_str().unwrap();
        let (status, changed) = server.write("PATCH", &path, full.change.clone(), Some(version)).await;
        assert_eq!(status, 200, "{changed}");
        let (status, late) = server.write("PATCH", &path, full.change.clone(), Some(version)).await;
        assert_eq!((status, &late["error"]["code"]), (409, &json!("conflict")));
        for list in full.lists {
            let items = server.get(&format!("/v1/records/{}?{list}", full.kind)).await["items"].take();
            assert_eq!(items, json!([changed]), "{list}");
        }
        let mut expected = full.doc;
        expected.as_object_mut().unwrap().extend(full.change.as_object().unwrap().clone());
        let own = |record: &mut Value| {
            let fields = record.as_object_mut().unwrap();
            fields.retain(|field, _| !["id", "version", "created_at", "updated_at"].contains(&field.as_str()));
            // A verification has a kind of its own.
            fields.retain(|field, value| field != "kind" || *value != full.kind);
        };
        read = changed;
        own(&mut read);
        assert_eq!(read, expected, "{}", full.kind);
    }
}

#[tokio::test]
async fn a_field_that_is_wrong_or_unknown_is_named() {
    let server = Server::start(&["--verifier", "local"]);
    for full in people().into_iter().chain(community()) {
        let path = format!("/v1/records/{}/{}", full.kind, id(&server, &full).await);
        for (field, value) in full.doc.as_object().unwrap().iter().chain([(&"unknown".to_owned(), &json!(1))]) {
            let mut doc = full.doc.clone();
            doc[field] = if value.is_object() { json!(5) } else { json!({"wrong": true}) };
            let (status, refused) = server.write("PUT", &path, doc, None).await;
            assert_eq!((status, refused["error"]["field"].as_str()), (400, Some(field.as_str())), "{refused}");
        }
        assert_eq!(server.status_of(&path, None).await, 404, "nothing is written");
    }
}

#[tokio::test]
async fn a_list_of_records_goes_on_by_its_cursor_pasted_into_a_url() {
    let server = Server::start(&[]);
    let ids = ["a+b", "c&d", "e"];
    for id in ids {
        server.put(&format!("/v1/records/conversation/{id}"), json!({"user_id": "u"})).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in ids {
        let page = server.get(&format!("/v1/records/conversation?parent=u&limit=1{cursor}")).await;
        seen.push(page["items"][0]["id"].as_str().unwrap().to_owned());
        cursor = format!("&cursor={}", page["cursor"].as_str().unwrap_or_default());
    }
    assert_eq!(cursor, "&cursor=", "the last page is the last");
    seen.sort_unstable();
    assert_eq!(seen, ids);
}

//! Over HTTP and by direct invoke.

use base64::{Engine, engine::general_purpose::STANDARD};
use enqueue::Takes;
use errand::{
    Expect, Id, Name,
    spi::store::{self, Commit, RecordKey, RecordWrite},
};
use integration_tests::events::Call;
use serde_json::{Value, json};

use super::{enqueue, scripted, setup, with};

const NAME: &str = "expected 1 to 64 of the characters A-Z a-z 0-9 _ . -";

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_of_its_field() {
    let setup = setup();
    let typed = |task_type: &str, payload: Value| json!({"task_type": task_type, "payload": payload});
    let far = "a".repeat(65);
    let refused = [
        (with(json!({"task_type": "make_tea"})), "task_type", "unknown task type `make_tea`; known are "),
        (with(json!({"task_type": "a/b#c"})), "task_type", NAME),
        (with(json!({"task_type": 5})), "task_type", "invalid type: integer `5`, expected a"),
        (json!({"task_type": "scripted"}), "", "missing field `payload`"),
        (json!({"payload": {}}), "", "missing field `task_type`"),
        (with(json!({"colour": "red"})), "colour", "unknown field `colour`"),
        (with(json!({"payload": "text"})), "payload", "invalid type: string \"text\", expected struct Scripted"),
        (with(json!({"payload": []})), "payload", "expected an object, found a list"),
        (with(json!({"payload": {"colour": 1}})), "payload.colour", "unknown field `colour`"),
        (with(json!({"payload": {"credit": "5"}})), "payload.credit", "invalid type: string \"5\", expected i64"),
        (typed("research_solution", json!({})), "payload", "missing field `description`"),
        (with(json!({"project": "a/b#c"})), "project", NAME),
        (with(json!({"queue": ""})), "queue", NAME),
        (with(json!({"lane": far})), "lane", NAME),
        (with(json!({"user_id": "a b"})), "user_id", "expected 1 to 128 printable characters without space"),
        (with(json!({"parent_id": "none"})), "parent_id", "UUID parsing failed"),
        (with(json!({"priority": "first"})), "priority", "unknown variant `first`, expected one of `urgent`, `high`"),
        (with(json!({"max_retries": 101})), "max_retries", "expected a number from 0 to 100, found 101"),
        (with(json!({"max_retries": -1})), "max_retries", "invalid value: integer `-1`, expected u32"),
        (with(json!({"timeout_s": 0})), "timeout_s", "expected a number from 1 to 840, found 0"),
        (with(json!({"timeout_s": 841})), "timeout_s", "expected a number from 1 to 840, found 841"),
        (
            with(json!({"delay_s": 1, "scheduled_for": "2027-01-01T00:00:00Z"})),
            "delay_s",
            "name delay_s or scheduled_for",
        ),
        (
            with(json!({"scheduled_for": "10000-01-01T00:00:00Z"})),
            "scheduled_for",
            "expected a time such as 2026-01-31T09",
        ),
        (with(json!({"scheduled_for": "+010000-01-01T00:00:00Z"})), "scheduled_for", "expected a time such as"),
        (with(json!({"scheduled_for": "tomorrow"})), "scheduled_for", "expected a time such as"),
        (with(json!({"expires_at": "2020-01-01T00:00:00Z"})), "expires_at", "it would expire before it could start"),
        (with(json!({"idempotency_key": ""})), "idempotency_key", "expected 1 to 256 bytes"),
        (with(json!({"idempotency_key": "k".repeat(257)})), "idempotency_key", "expected 1 to 256 bytes"),
        (with(json!({"tenant": "acme"})), "tenant", "unknown field `tenant`"),
        (with(json!({"payload": {"ballast": "a\u{0}b"}})), "", "a text contains a null character (\\u0000)"),
    ];
    for (request, field, sentence) in refused {
        setup.refuses(enqueue(&request), 400, "invalid", field, sentence).await;
    }
    assert_eq!(setup.tasks().await, 0);
}

#[tokio::test]
async fn a_body_that_is_no_request_is_said_to_be_none() {
    let setup = setup();
    let text = |body: &str| enqueue(&Value::Null).text(body);
    let refused = [
        (text("tea, please"), "not JSON: expected "),
        (text("{} {}"), "missing field `task_type`"),
        (text(""), "missing field `task_type`"),
        (text("[]"), "expected an object, found a list"),
        (text("null"), "invalid type: null, expected struct TaskRequest"),
        (enqueue(&Value::Null).base64("%%%"), "the body is not UTF-8 text"),
        (enqueue(&Value::Null).base64(&STANDARD.encode([0xff, 0xfe])), "the body is not UTF-8 text"),
    ];
    for (call, sentence) in refused {
        setup.refuses(call, 400, "invalid", "", sentence).await;
    }
    let raw = text("{\"lane\": \"\u{0}\"}");
    setup.refuses(raw, 400, "invalid", "lane", "not JSON: control character").await;
    let half = text("{\"task_type\": ");
    setup.refuses(half, 400, "invalid", "task_type", "not JSON: EOF while parsing").await;
    // Said so, base64 is read.
    let call = enqueue(&Value::Null).base64(&STANDARD.encode(scripted().to_string()));
    setup.answer(&call).await.body(201);
}

#[tokio::test]
async fn what_is_too_large_is_refused_with_the_limit() {
    let setup = setup();
    let payload = with(json!({"payload": {"ballast": "x".repeat(300 * 1024)}}));
    setup.refuses(enqueue(&payload), 413, "too_large", "payload", "the payload has 307214 bytes; at most 262144").await;
    let body = enqueue(&Value::Null).text(&"x".repeat(5 * 1024 * 1024 + 1));
    setup.refuses(body, 413, "too_large", "", "the request has 5242881 bytes; at most 5242880 are taken").await;
    let fits = with(json!({"payload": {"ballast": "x".repeat(262_144 - 14)}}));
    setup.answer(&enqueue(&fits)).await.body(201);
}

#[tokio::test]
async fn a_batch_answers_for_each_of_its_requests() {
    let setup = setup();
    let batch = |tasks: Value| Call::post("/v1/tasks/batch", &json!({"tasks": tasks}));
    let tasks = json!([
        with(json!({"idempotency_key": "k"})),
        {"task_type": "make_tea", "payload": {}},
        with(json!({"idempotency_key": "k"})),
        "tea",
        with(json!({"payload": {"ballast": "other"}, "idempotency_key": "k"})),
        with(json!({"payload": {"ballast": "\u{0}"}})),
        scripted(),
    ]);
    let answer = setup.answer(&batch(tasks)).await.body(200);
    let items = answer["items"].as_array().unwrap();
    let statuses: Vec<_> = items.iter().map(|item| item["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 400, 200, 400, 409, 400, 201]);
    let says = |place: usize| items[place]["error"]["message"].as_str().unwrap();
    assert!(says(1).starts_with("unknown task type `make_tea`") && items[1]["error"]["field"] == "task_type");
    assert_eq!(says(3), "invalid type: string \"tea\", expected struct TaskRequest");
    assert!(says(4).ends_with("has this key already, with another payload"), "{}", says(4));
    assert_eq!(setup.tasks().await, 2);

    let many = |n: usize| batch(vec![scripted(); n].into());
    setup.refuses(many(101), 400, "invalid", "tasks", "expected 1 to 100 tasks, found 101").await;
    setup.refuses(many(0), 400, "invalid", "tasks", "expected 1 to 100 tasks, found 0").await;
    setup.refuses(batch(json!({})), 400, "invalid", "tasks", "invalid type: map, expected a sequence").await;
    setup.answer(&many(100)).await.body(200);
}

#[tokio::test]
async fn a_batchs_key_is_for_the_requests_without_one_each_by_its_place() {
    let setup = setup();
    let batch = |tasks: Value, key: &str| {
        Call::post("/v1/tasks/batch", &json!({"tasks": tasks})).header("idempotency-key", key)
    };
    let tasks = json!([scripted(), with(json!({"idempotency_key": "own"})), scripted()]);
    for status in [201, 200] {
        let answer = setup.answer(&batch(tasks.clone(), "K")).await.body(200);
        let items = answer["items"].as_array().unwrap();
        let keys: Vec<_> = items.iter().map(|item| (&item["status"], &item["task"]["idempotency_key"])).collect();
        let status = &json!(status);
        assert_eq!(keys, [(status, &json!("K.0")), (status, &json!("own")), (status, &json!("K.2"))]);
    }
    assert_eq!(setup.tasks().await, 3);
    // With a place behind it, it would be too long for some of them: none is taken.
    let hundred = |bytes: usize| batch(vec![scripted(); 100].into(), &"k".repeat(bytes));
    setup.refuses(hundred(254), 400, "invalid", "idempotency_key", "expected at most 253 bytes for a batch").await;
    assert_eq!(setup.tasks().await, 3);
    setup.answer(&hundred(253)).await.body(200);
    assert_eq!(setup.tasks().await, 103);
}

#[tokio::test]
async fn a_tenant_that_is_none_is_refused_wherever_it_is_named() {
    let setup = setup();
    let call = enqueue(&scripted());
    setup.refuses(call.clone().header("x-errand-tenant", "a/b#c"), 400, "invalid", "x-errand-tenant", NAME).await;
    setup.refuses(call.clone().header("x-errand-tenant", ""), 400, "invalid", "x-errand-tenant", NAME).await;
    for claims in [json!({"sub": "eve", "tenant": "a/b#c"}), json!({"sub": "eve"})] {
        let token = call.clone().token(&claims).header("x-errand-tenant", "acme");
        setup.refuses(token, 403, "forbidden", "", "the token's claim `tenant` is no tenant: expected 1 to 64").await;
    }
    assert_eq!(setup.tasks().await, 0);
}

#[tokio::test]
async fn a_header_that_is_no_text_is_not_taken_for_none() {
    let setup = setup();
    let visible = "expected visible ASCII characters";
    let keyed = enqueue(&scripted()).header("idempotency-key", "schlüssel");
    setup.refuses(keyed, 400, "invalid", "idempotency_key", visible).await;
    let long = enqueue(&scripted()).header("idempotency-key", &"k".repeat(257));
    setup.refuses(long, 400, "invalid", "idempotency_key", "expected 1 to 256 bytes").await;
    let guarded = Call::put("/v1/records/user/ada", &json!({})).header("if-match", "é");
    setup.refuses(guarded, 400, "invalid", "If-Match", visible).await;
}

#[tokio::test]
async fn reads_refuse_what_they_do_not_know() {
    let setup = setup();
    let refused = [
        ("/v1/tasks?limit=0", "limit", "expected a number from 1 to 100"),
        ("/v1/tasks?limit=101", "limit", "expected a number from 1 to 100"),
        ("/v1/tasks?limit=ten", "limit", "expected a number from 1 to 100"),
        ("/v1/tasks?colour=red", "colour", "unknown parameter; known are project, queue, "),
        ("/v1/tasks?cursor=~", "cursor", "this cursor is not one of this list"),
        ("/v1/tasks?status=done", "status", "unknown variant `done`, expected one of `pending`"),
        ("/v1/tasks?queue=a%2Fb", "queue", NAME),
        ("/v1/tasks?user_id=a&queue=b", "user_id", "name user_id or queue, not both"),
        ("/v1/tasks?updated_after=yesterday", "updated_after", "expected a time such as"),
        ("/v1/tasks?updated_after=10000-01-01T00:00:00Z", "updated_after", "expected a time such as"),
        ("/v1/records/user?parent=u&cursor=", "cursor", "this cursor is not one of this list"),
        ("/v1/records/user?parent=u&cursor=ä", "cursor", "this cursor is not one of this list"),
        ("/v1/records/user?parent=u&cursor=abc", "cursor", "this cursor is not one of this list"),
        ("/v1/records/user?parent=u&cursor=000000000000001/x", "cursor", "this cursor is not one of this list"),
        ("/v1/events?after=ä", "after", "this cursor is not one of this list"),
        ("/v1/events?after=abc", "after", "this cursor is not one of this list"),
        ("/v1/events?after=2026-01-01T00:00:00.000Z/x", "after", "this cursor is not one of this list"),
        ("/v1/events?cursor=1", "cursor", "unknown parameter; known are after, types, task_id, limit"),
        ("/v1/events?types=a,,b", "types", "expected 1 to 20 types of events"),
        ("/v1/events?task_id=7", "task_id", "UUID"),
        ("/v1/queues/a%2Fb/stats", "queue", NAME),
        ("/v1/records/user", "parent", "name what the records belong to: parent or owner"),
        ("/v1/records/user?parent=a&owner=b", "parent", "name what the records belong to: parent or owner"),
    ];
    for (path, field, sentence) in refused {
        setup.refuses(Call::get(path), 400, "invalid", field, sentence).await;
    }
    let id = setup.answer(&enqueue(&scripted())).await.body(201)["id"].as_str().unwrap().to_owned();
    let log = Call::get(&format!("/v1/tasks/{id}/log?cursor=x"));
    setup.refuses(log, 400, "invalid", "cursor", "this cursor is not one of this list").await;
    for path in ["/v1/tasks/none", "/v1/tasks/00000000-0000-0000-0000-000000000000"] {
        setup.refuses(Call::get(path), 404, "not_found", "", "no such task").await;
    }
}

#[tokio::test]
async fn an_operators_request_is_read_as_strictly() {
    let setup = setup();
    let id = setup.answer(&enqueue(&scripted())).await.body(201)["id"].as_str().unwrap().to_owned();
    let act = |what: &str, body: Value| Call::post(&format!("/v1/tasks/{id}/{what}"), &body);
    let refused = [
        (act("cancel", json!({"why": "x"})), "why", "unknown field `why`"),
        (act("retry", json!({"note": 5})), "note", "invalid type: integer `5`, expected a string"),
        (act("process", json!({"force": "yes"})), "force", "invalid type: string \"yes\", expected a boolean"),
        (act("reschedule", json!({})), "", "missing field `run_at`"),
        (act("reschedule", json!({"run_at": "10000-01-01T00:00:00Z"})), "run_at", "expected a time such as"),
    ];
    for (call, field, sentence) in refused {
        setup.refuses(call, 400, "invalid", field, sentence).await;
    }
    let long = act("retry", json!({"note": "x".repeat(5000)}));
    setup.refuses(long, 413, "too_large", "note", "at most 4096 bytes are taken").await;
    setup.refuses(act("retry", json!({})), 409, "conflict", "", "the task is still pending").await;
    let nobodys = Call::post("/v1/tasks/none/cancel", &json!({}));
    setup.refuses(nobodys, 404, "not_found", "", "no such task").await;
}

#[tokio::test]
async fn a_record_is_checked_field_by_field() {
    let setup = setup();
    let put = |kind: &str, doc: Value| Call::put(&format!("/v1/records/{kind}/ada"), &doc);
    let refused = [
        (put("user", json!({"colour": 1})), "colour", "unknown field `colour`"),
        (put("user", json!({"credits": "many"})), "credits", "invalid type: string \"many\", expected i64"),
        (put("conversation", json!({})), "", "missing field `user_id`"),
        (put("user", json!([])), "", "expected an object, found a list"),
        (put("user", json!({"first_name": "\u{0}"})), "", "a text contains a null character"),
        (put("user", json!({})).header("if-match", "newest"), "If-Match", "expected a record's version"),
        (Call::put("/v1/records/user/a%b", &json!({})), "id", "expected 1 to 128 printable characters"),
    ];
    for (call, field, sentence) in refused {
        setup.refuses(call, 400, "invalid", field, sentence).await;
    }
    for call in [put("robot", json!({})), Call::get("/v1/records/robot/ada"), Call::get("/v1/records/robot?parent=u")] {
        setup.refuses(call, 404, "not_found", "", "no records of kind `robot` are served; known are user, ").await;
    }
    let missing = Call::patch("/v1/records/user/ada", &json!({"title": "Countess"}));
    setup.refuses(missing.clone(), 404, "not_found", "", "no such record").await;
    let version = "00000000-0000-0000-0000-000000000001";
    let other = put("user", json!({})).header("if-match", version);
    setup.refuses(other, 409, "conflict", "", "the record has another version than If-Match names").await;
    setup.answer(&put("user", json!({}))).await.body(201);
    setup.refuses(missing.header("if-match", version), 409, "conflict", "", "the record has another version").await;
}

#[tokio::test]
async fn a_record_is_removed_by_whoever_might_have_written_it() {
    let setup = setup();
    let remove = |path: &str| Call::to("DELETE", &format!("/v1/records/{path}"));
    for kind in ["robot", "run", "event", "scripted"] {
        setup.refuses(remove(&format!("{kind}/ada")), 404, "not_found", "", "no records of kind").await;
    }
    setup.refuses(remove("user/ada"), 404, "not_found", "", "no such record").await;
    setup.answer(&Call::put("/v1/records/user/ada", &json!({"first_name": "Ada"}))).await.body(201);
    let version = "00000000-0000-0000-0000-000000000001";
    let other = remove("user/ada").header("if-match", version);
    setup.refuses(other, 409, "conflict", "", "the record has another version than If-Match names").await;
    let conversation = Call::put("/v1/records/conversation/c", &json!({"user_id": "ada"}));
    setup.answer(&conversation).await.body(201);
    let gone = setup.answer(&remove("user/ada")).await.body(200);
    assert_eq!(gone["first_name"], "Ada");
    setup.refuses(remove("user/ada"), 404, "not_found", "", "no such record").await;
    setup.answer(&Call::get("/v1/records/conversation/c")).await.body(200);
    // What only verifiers may write they alone may take away.
    let key = RecordKey { tenant: Name::default(), kind: Name::of("user"), id: Id::of("eve") };
    let verified = json!({"verified": true}).as_object().unwrap().clone();
    let put = RecordWrite::put(key, verified, Expect::Absent, setup.app.clock.now());
    store::commit(&*setup.app.store, Commit { records: vec![put], ..Commit::default() }).await.unwrap();
    let refused = setup.answer(&remove("user/eve")).await.error();
    assert_eq!((refused.0, refused.1.as_str()), (403, "forbidden"));
}

#[tokio::test]
async fn what_is_wrong_with_an_invoke_is_its_answer() {
    let setup = setup();
    let forged = enqueue(&scripted()).signed_by("arn:aws:iam::123456789012:user/root").json();
    let sender = json!({"messageId": "m", "body": scripted().to_string(), "attributes": {"SenderId": "root"}});
    let refused = [
        (with(json!({"tenant": "a/b#c"})), "tenant", NAME),
        (with(json!({"tenant": 5})), "tenant", NAME),
        (with(json!({"task_type": "make_tea"})), "task_type", "unknown task type `make_tea`"),
        (with(json!({"payload": {"ballast": "\u{0}"}})), "", "a text contains a null character"),
        (json!({}), "", "missing field `task_type`"),
        (json!([]), "", "expected an object, found a list"),
        (json!("tea"), "", "invalid type: string \"tea\", expected struct TaskRequest"),
        (json!(null), "", "invalid type: null, expected struct TaskRequest"),
        (with(json!({"Records": 5})), "Records", "unknown field `Records`"),
        // Those say who asks; who invokes is not them.
        (with(json!({"requestContext": forged["requestContext"]})), "requestContext", "unknown field `requestContext`"),
        (with(json!({"Records": [sender]})), "Records", "unknown field `Records`"),
        (forged, "", "missing field `task_type`"),
        (json!({"Records": [sender]}), "", "missing field `task_type`"),
    ];
    for (event, field, sentence) in refused {
        // An error would make Lambda try an asynchronous invoke twice more.
        let answer = ::enqueue::any(&setup.app, Takes::Invokes, &event.to_string(), "invocation-1").await.unwrap();
        let error = &answer["error"];
        assert_eq!((&error["code"], &error["request_id"]), (&json!("invalid"), &json!("invocation-1")), "{error}");
        assert_eq!(error["field"].as_str().unwrap_or_default(), field, "{error}");
        assert!(error["message"].as_str().unwrap().starts_with(sentence), "{error}");
    }
    assert_eq!(setup.tasks().await, 0);
}

#[tokio::test]
async fn what_takes_events_takes_no_invokes() {
    let setup = setup();
    for event in [scripted(), json!({}), json!("tea"), json!([]), json!({"Records": 5})] {
        let answer = ::enqueue::any(&setup.app, Takes::Events, &event.to_string(), "invocation-1").await.unwrap();
        let error = &answer["error"];
        assert_eq!((&error["code"], &error["request_id"]), (&json!("forbidden"), &json!("invocation-1")), "{error}");
    }
    assert_eq!(setup.tasks().await, 0);
    let asked = enqueue(&scripted()).json().to_string();
    let answer = ::enqueue::any(&setup.app, Takes::Events, &asked, "invocation-1").await.unwrap();
    assert_eq!(answer["statusCode"], 201);
}

#[tokio::test]
async fn an_address_in_a_record_is_an_address_and_nothing_else() {
    let setup = setup();
    let introduction =
        |email: &str| json!({"connector_id": "u", "prospect_name": "x", "status": "sent", "prospect_email": email});
    let message =
        |to: &str| json!({"conversation_id": "c", "role": "user", "direction": "outbound", "to": [to], "content": ""});
    for bad in ["Ada <ada@example.org>", "ada@example.org, eve@example.org", "\"a\r\nBcc: eve\"@example.org"] {
        for (kind, doc, field) in [
            ("user", json!({"email": bad}), "email"),
            ("verification", json!({"user_id": "u", "kind": "email", "email": bad}), "email"),
            ("introduction", introduction(bad), "prospect_email"),
            ("message", message(bad), "to"),
        ] {
            let put = Call::put(&format!("/v1/records/{kind}/x"), &doc);
            setup.refuses(put, 400, "invalid", field, "expected an e-mail address, and nothing else").await;
        }
    }
}

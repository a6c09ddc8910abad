//! `POST /mcp`: what it answers, word by word, and what clients of others make of it.

mod clients;
mod server;
mod types;

use errand::{Name, spi::rights::Right};
use errand_local::tokens;
use serde_json::{Value, json};

use server::{Asker, Server, client};

const META: &str = "io.modelcontextprotocol/";

fn meta(version: &str) -> Value {
    json!({format!("{META}protocolVersion"): version, format!("{META}clientCapabilities"): {}})
}

fn code(answer: &(u16, Value)) -> (u16, i64) {
    (answer.0, answer.1["error"]["code"].as_i64().unwrap_or_default())
}

#[tokio::test]
async fn the_headers_of_a_request_say_what_its_body_says() {
    let server = Server::start().await;
    let ask = async |version: Option<&str>, method: Option<&str>, name: Option<&str>, params: Value| {
        let headers = [("mcp-protocol-version", version), ("mcp-method", method), ("mcp-name", name)];
        let headers: Vec<_> = headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
        let answer = server.post(&headers, body.to_string()).await;
        assert_eq!(answer.1["id"], 7, "{}", answer.1);
        code(&answer)
    };
    let (new, call) = (Some("2026-07-28"), Some("tools/call"));
    let params = |version| json!({"name": "list_tasks", "_meta": meta(version)});
    let good = params("2026-07-28");
    assert_eq!(ask(new, call, Some("list_tasks"), good.clone()).await, (200, 0));
    // Not ASCII, it would be said so.
    assert_eq!(ask(new, call, Some("=?base64?bGlzdF90YXNrcw==?="), good.clone()).await, (200, 0));
    for (version, method, name) in [
        (None, call, Some("list_tasks")),
        (Some("2025-11-25"), call, Some("list_tasks")),
        (new, None, Some("list_tasks")),
        (new, Some("TOOLS/call"), Some("list_tasks")),
        (new, call, None),
        (new, call, Some("get_task")),
        (new, call, Some("=?base64?!?=")),
    ] {
        assert_eq!(ask(version, method, name, good.clone()).await, (400, -32020), "{version:?} {method:?} {name:?}");
    }
    assert_eq!(ask(Some("1999-01-01"), call, Some("list_tasks"), params("1999-01-01")).await, (400, -32022));
    assert_eq!(ask(new, call, Some("list_tasks"), json!({"name": "list_tasks"})).await, (400, -32602));
    let mut undeclared = good;
    undeclared["_meta"].as_object_mut().unwrap().remove("io.modelcontextprotocol/clientCapabilities");
    assert_eq!(ask(new, call, Some("list_tasks"), undeclared).await, (400, -32602));
}

#[tokio::test]
async fn what_is_no_request_is_refused_for_what_it_is() {
    let server = Server::start().await;
    for (body, wanted) in [
        ("{", (400, -32700)),
        ("[]", (400, -32600)),
        (r#"{"jsonrpc": "2.0", "id": 1, "result": {}}"#, (400, -32600)),
        (r#"{"jsonrpc": "1.0", "id": 1, "method": "ping"}"#, (400, -32600)),
        (r#"{"jsonrpc": "2.0", "id": null, "method": "ping"}"#, (400, -32600)),
        (r#"{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}"#, (400, -32600)),
        (r#"{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}"#, (400, -32600)),
        (r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/none"}"#, (200, -32601)),
        (r#"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#, (202, 0)),
    ] {
        assert_eq!(code(&server.post(&[], body.to_owned()).await), wanted, "{body}");
    }
    let large = format!(r#"{{"jsonrpc": "2.0", "id": 1, "method": "{}"}}"#, "x".repeat(512 * 1024));
    assert_eq!(code(&server.post(&[], large).await), (413, -32600));
    for (method, path) in [("GET", "/mcp"), ("DELETE", "/mcp")] {
        let url = format!("http://{}{path}", server.running.address);
        let asked = client().request(method.parse().unwrap(), url).send().await.unwrap();
        assert_eq!((asked.status().as_u16(), &asked.headers()["allow"]), (405, &"POST".parse().unwrap()));
    }
    let ping = r#"{"jsonrpc": "2.0", "id": 1, "method": "ping"}"#.to_owned();
    assert_eq!(server.post(&[("origin", "https://evil.example")], ping.clone()).await.0, 403);
    assert_eq!(server.post(&[("origin", "http://127.0.0.1:1")], ping.clone()).await.0, 403);
    let same = format!("http://{}", server.running.address);
    assert_eq!(server.post(&[("origin", &same)], ping).await.0, 200);
}

#[tokio::test]
async fn who_opens_as_before_is_answered_in_its_revision() {
    let server = Server::start().await;
    let open = async |version: &str| {
        let params =
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": "a", "method": "initialize", "params": params});
        let (status, answer) = server.post(&[], body.to_string()).await;
        assert_eq!((status, &answer["id"]), (200, &json!("a")));
        answer["result"]["protocolVersion"].clone()
    };
    assert_eq!(open("2025-06-18").await, "2025-06-18");
    assert_eq!(open("2025-11-25").await, "2025-11-25");
    assert_eq!(open("1999-01-01").await, "2025-11-25");
    let ask = async |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        server.post(&[("mcp-protocol-version", "2025-11-25")], body.to_string()).await.1
    };
    assert_eq!(ask("ping", json!({})).await["result"], json!({}));
    let tools = ask("tools/list", json!({})).await;
    assert!(tools["result"]["tools"].as_array().unwrap().len() > 6 && tools["result"]["ttlMs"].is_null(), "{tools}");
    let greeted = ask("tools/call", json!({"name": "greet", "arguments": {"name": "Ada"}})).await;
    // What is no object has no place in an older answer but as text.
    assert_eq!(greeted["result"], json!({"content": [{"type": "text", "text": "Hello, Ada!"}], "isError": false}));
    // Its methods of tasks were other ones.
    assert_eq!(ask("tasks/get", json!({"taskId": "x"})).await["error"]["code"], -32601);
    // The newest revision has none of that.
    for method in ["initialize", "ping", "tasks/list", "tasks/result", "subscriptions/listen"] {
        let answer = server.send(&Asker::of_tasks(), method, json!({})).await;
        assert_eq!(code(&answer), (404, -32601), "{method}");
    }
}

#[tokio::test]
async fn an_agent_sees_the_types_that_are_offered_and_their_tasks_alone() {
    let server = Server::start().await;
    let agent = Asker::default();
    let listed = server.result(&agent, "tools/list", json!({})).await;
    let names: Vec<_> = listed["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let offered = ["confirm_delete", "enqueue_task", "failing_job", "get_task", "greet", "list_task_types"];
    assert_eq!(names[1..7], offered, "{names:?}");
    assert!(names.is_sorted() && !names.contains(&"hidden"), "{names:?}");
    assert_eq!((&listed["cacheScope"], &listed["ttlMs"]), (&json!("private"), &json!(300_000)));

    let hidden = json!({"task_type": "hidden", "payload": {}});
    let http = format!("http://{}/v1/tasks", server.running.address);
    let made = client().post(http).body(hidden.to_string()).send().await.unwrap().text().await.unwrap();
    let id = serde_json::from_str::<Value>(&made).unwrap()["id"].clone();
    assert_eq!(server.error(&agent, "tools/call", json!({"name": "hidden"})).await, -32602);
    for (tool, arguments) in [
        ("enqueue_task", hidden),
        ("get_task", json!({"id": id})),
        ("cancel_task", json!({"id": id})),
        ("retry_task", json!({"id": id})),
        ("get_task", json!({"id": "none"})),
        ("get_task", json!({})),
        ("get_task", json!({"id": id, "wait_s": 21})),
        ("list_tasks", json!({"owner": "x"})),
    ] {
        let answer = server.call(&agent, tool, arguments).await;
        assert_eq!(
            (&answer["isError"], &answer["structuredContent"]),
            (&json!(true), &Value::Null),
            "{tool}: {answer}"
        );
    }
    assert_eq!(server.error(&Asker::of_tasks(), "tasks/get", json!({"taskId": id})).await, -32602);
    let all = server.call(&agent, "list_tasks", json!({"status": "all"})).await;
    assert_eq!(all["structuredContent"]["items"], json!([]));
    let types = server.call(&agent, "list_task_types", json!({})).await;
    assert_eq!(types["structuredContent"]["items"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_key_enqueues_one_task_however_often_it_is_asked_for() {
    let server = Server::start().await;
    let agent = Asker::default();
    let asked = json!({"task_type": "greet", "payload": {"name": "Ada"}, "idempotency_key": "k", "delay_s": 0});
    let first = server.call(&agent, "enqueue_task", asked.clone()).await["structuredContent"].take();
    let again = server.call(&agent, "enqueue_task", asked.clone()).await["structuredContent"].take();
    assert_eq!((&first["id"], &first["deduplicated"]), (&again["id"], &json!(false)));
    assert_eq!(again["deduplicated"], true);
    let other = json!({"task_type": "greet", "payload": {"name": "Eve"}, "idempotency_key": "k"});
    assert_eq!(server.call(&agent, "enqueue_task", other).await["isError"], true);
    let done = server.call(&agent, "get_task", json!({"id": first["id"], "wait_s": 20})).await;
    assert_eq!(done["structuredContent"]["output"], "Hello, Ada!");
    let listed = server.call(&agent, "list_tasks", json!({"status": "completed", "task_type": "greet"})).await;
    let listed = &listed["structuredContent"]["items"];
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &first["id"]));
    assert!(listed[0]["payload"].is_null());
}

#[tokio::test]
async fn a_call_without_tasks_is_answered_with_what_came_of_it_or_where_it_is() {
    let server = Server::start().await;
    let agent = Asker::default();
    let quick = server.call(&agent, "greet", json!({"name": "Ada"})).await;
    assert_eq!((&quick["structuredContent"], &quick["resultType"]), (&json!("Hello, Ada!"), &json!("complete")));
    let failed = server.call(&agent, "failing_job", json!({})).await;
    assert_eq!((&failed["isError"], &failed["content"][0]["text"]), (&json!(true), &json!("handler: the tool broke")));
    let wrong = server.call(&agent, "greet", json!({"nam": "Ada"})).await;
    assert_eq!(wrong["isError"], true, "{wrong}");
    let blocked = server.call(&agent, "confirm_delete", json!({"filename": "a"})).await;
    let text = blocked["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("blocked: may a be deleted?") && text.contains("retry_task"), "{text}");
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let answer = server.send(&agent, method, json!({"taskId": "x"})).await;
        assert_eq!(code(&answer), (400, -32021), "{method}");
        let needed = &answer.1["error"]["data"]["requiredCapabilities"]["extensions"];
        assert_eq!(needed, &json!({"io.modelcontextprotocol/tasks": {}}));
    }
}

#[tokio::test]
async fn a_blocked_task_asks_its_user_and_goes_on_under_its_handle() {
    let server = Server::start().await;
    let agent = Asker::of_tasks();
    let made = server.call(&agent, "confirm_delete", json!({"filename": "a"})).await;
    assert_eq!(made["resultType"], "task", "{made}");
    let id = &made["taskId"];
    let asks = server.until(&agent, id, "input_required").await;
    let form = &asks["inputRequests"]["blocked-0"];
    assert_eq!(form["params"]["message"], "Blocked: may a be deleted?\nWhat should it do?", "{asks}");
    let answer = |key: &str, action: &str, note: &str| json!({"taskId": id, "inputResponses": {key: {"action": action, "content": {"note": note}}}});
    // Other answers than its own change nothing, and neither does who declines.
    for passed_over in [answer("blocked-1", "accept", "yes"), answer("blocked-0", "decline", "no")] {
        let done = server.result(&agent, "tasks/update", passed_over).await;
        assert_eq!(done["resultType"], "complete");
        assert_eq!(server.result(&agent, "tasks/get", json!({"taskId": id})).await["status"], "input_required");
    }
    server.result(&agent, "tasks/update", answer("blocked-0", "accept", "again")).await;
    let asks = server.until(&agent, id, "input_required").await;
    assert_eq!(asks["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["blocked-1"]);
    // The first answer once more is none to the second question.
    server.result(&agent, "tasks/update", answer("blocked-0", "accept", "again")).await;
    server.result(&agent, "tasks/update", answer("blocked-1", "accept", "yes")).await;
    let done = server.until(&agent, id, "completed").await;
    assert_eq!(done["result"]["structuredContent"], json!({"deleted": "a", "note": "yes"}), "{done}");
    assert!(done["ttlMs"].as_u64().unwrap() >= 30 * 24 * 3600 * 1000, "{done}");
    // Whoever cannot ask a user is told what to do instead.
    let silent = Asker {
        capabilities: json!({"extensions": {"io.modelcontextprotocol/tasks": {}}}).as_object().unwrap().clone(),
        token: None,
    };
    let made = server.call(&silent, "confirm_delete", json!({"filename": "b"})).await;
    let told = server.until(&silent, &made["taskId"], "completed").await;
    assert_eq!(told["result"]["isError"], true, "{told}");
}

#[tokio::test]
async fn what_ended_under_a_handle_stays_so_and_a_redrive_has_another() {
    let server = Server::start().await;
    let agent = Asker::of_tasks();
    let made = server.call(&agent, "failing_job", json!({})).await;
    let failed = server.until(&agent, &made["taskId"], "completed").await;
    assert_eq!(failed["result"]["content"][0]["text"], "handler: the tool broke");
    let again = server.call(&agent, "retry_task", json!({"id": made["taskId"], "note": "mend it"})).await;
    assert_eq!(
        (&again["resultType"], again["taskId"].clone()),
        (&json!("task"), json!(format!("{}.1", made["taskId"].as_str().unwrap())))
    );
    let done = server.until(&agent, &again["taskId"], "completed").await;
    assert_eq!(done["result"]["structuredContent"], "mended");
    let before = server.result(&agent, "tasks/get", json!({"taskId": made["taskId"]})).await;
    assert_eq!(before["result"], failed["result"], "{before}");
    let lost = server.call(&agent, "protocol_error_job", json!({})).await;
    let lost = server.until(&agent, &lost["taskId"], "failed").await;
    assert_eq!(lost["error"], json!({"code": -32603, "message": "its worker is gone"}), "{lost}");

    let slow = server.call(&agent, "slow_compute", json!({"seconds": 25})).await;
    assert_eq!(
        server.result(&agent, "tasks/cancel", json!({"taskId": slow["taskId"]})).await["resultType"],
        "complete"
    );
    server.until(&agent, &slow["taskId"], "cancelled").await;
    assert_eq!(
        server.result(&agent, "tasks/cancel", json!({"taskId": slow["taskId"]})).await["resultType"],
        "complete"
    );
    for unknown in ["none", "00000000-0000-0000-0000-000000000000", &format!("{}.9", made["taskId"].as_str().unwrap())]
    {
        for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
            let params = json!({"taskId": unknown, "inputResponses": {}});
            assert_eq!(server.error(&agent, method, params).await, -32602, "{method} {unknown}");
        }
    }
}

#[tokio::test]
async fn a_token_has_the_tools_that_its_rights_give_and_its_tenants_tasks() {
    let tokens_file = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::remove_file(&tokens_file).unwrap();
    let token = |principal: &str, tenant: &str, rights: &[Right]| {
        let tenant = Some(Name::new(tenant).unwrap());
        let token = tokens::add(&tokens_file, principal.to_owned(), tenant, rights.iter().copied().collect()).unwrap();
        Asker { token: Some(token), ..Asker::of_tasks() }
    };
    let all = [Right::Read, Right::Enqueue];
    let (ada, eve, reader) = (token("ada", "a", &all), token("eve", "e", &all), token("reader", "a", &[Right::Read]));
    let server = Server::start_with(|options| options.tokens = Some(tokens_file.to_path_buf())).await;
    assert_eq!(server.send(&Asker::default(), "tools/list", json!({})).await.0, 401);

    let made = server.call(&ada, "slow_compute", json!({"seconds": 60})).await;
    let id = &made["taskId"];
    assert_eq!(server.result(&reader, "tasks/get", json!({"taskId": id})).await["status"], "working");
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": id, "inputResponses": {}});
        assert_eq!(server.error(&eve, method, params).await, -32602, "{method}");
    }
    assert_eq!(server.call(&eve, "cancel_task", json!({"id": id})).await["isError"], true);
    let names = server.result(&reader, "tools/list", json!({})).await;
    let names: Vec<_> = names["tools"].as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect();
    assert_eq!(names, ["get_task", "list_task_types", "list_tasks"]);
    for (tool, arguments) in [("greet", json!({"name": "Eve"})), ("cancel_task", json!({"id": id}))] {
        let refused = server.call(&reader, tool, arguments).await;
        assert_eq!(refused["isError"], true, "{refused}");
    }
    server.error(&reader, "tasks/cancel", json!({"taskId": id})).await;
    assert_eq!(server.call(&ada, "cancel_task", json!({"id": id})).await["structuredContent"]["status"], "cancelled");
}

#[tokio::test]
async fn a_type_that_is_a_record_is_a_tool_whose_calls_a_worker_does() {
    let server = Server::start().await;
    let agent = Asker::of_tasks();
    let http = async |method: &str, path: &str, body: Value| {
        let url = format!("http://{}{path}", server.running.address);
        let asked = client().request(method.parse().unwrap(), url).body(body.to_string()).send().await.unwrap();
        let (status, text) = (asked.status(), asked.text().await.unwrap());
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let names = async || {
        let listed = server.result(&agent, "tools/list", json!({})).await;
        listed["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| (tool["name"].clone(), tool["inputSchema"].clone()))
            .collect()
    };
    let wide = json!({"type": "integer", "x-mcp-header": "Wide"});
    let schema = json!({"properties": {"wide": wide}, "required": ["wide"], "additionalProperties": false});
    let put = async |name: &str, more: Value| {
        let mut record = json!({"run": {"kind": "worker"}, "description": "Resizes.", "schema": schema, "mcp": true});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        http("PUT", &format!("/v1/task-types/{name}"), record).await
    };
    let before: Vec<(Value, Value)> = names().await;
    put("resize", json!({})).await;
    // A payload that is no object, and what is not for agents.
    put("listed", json!({"schema": {"type": "array"}})).await;
    put("silent", json!({"mcp": false})).await;
    let after: Vec<(Value, Value)> = names().await;
    let new: Vec<_> = after.iter().filter(|tool| !before.contains(tool)).collect();
    let arguments = json!({"type": "object", "properties": {"wide": {"type": "integer"}}, "required": ["wide"],
        "additionalProperties": false});
    assert_eq!(new, [&(json!("resize"), arguments)]);

    let wrong = server.call(&agent, "resize", json!({"wide": "x"})).await;
    assert!(wrong["content"][0]["text"].as_str().unwrap().starts_with("payload"), "{wrong}");
    assert_eq!(server.error(&agent, "tools/call", json!({"name": "silent"})).await, -32602);
    let made = server.call(&agent, "resize", json!({"wide": 7})).await;
    assert_eq!((&made["resultType"], &made["status"]), (&json!("task"), &json!("working")), "{made}");
    let claim = json!({"worker_id": "w", "task_types": ["resize"]});
    let claimed = http("POST", "/v1/claims", claim).await["items"][0].take();
    assert_eq!(claimed["payload"], json!({"wide": 7}));
    let blocked = json!({"lease_token": claimed["lease_token"], "status": "blocked", "reason": "which colour?"});
    http("POST", &format!("/v1/tasks/{}/finish", made["taskId"].as_str().unwrap()), blocked).await;
    server.until(&agent, &made["taskId"], "input_required").await;
    let answer = json!({"blocked-0": {"action": "accept", "content": {"note": "green"}}});
    server.result(&agent, "tasks/update", json!({"taskId": made["taskId"], "inputResponses": answer})).await;
    let claim = json!({"worker_id": "w", "task_types": ["resize"], "wait_s": 20});
    let claimed = http("POST", "/v1/claims", claim).await["items"][0].take();
    let done = json!({"lease_token": claimed["lease_token"], "status": "completed", "output": {"wide": 7}});
    http("POST", &format!("/v1/tasks/{}/finish", made["taskId"].as_str().unwrap()), done).await;
    let done = server.until(&agent, &made["taskId"], "completed").await;
    assert_eq!(done["result"]["structuredContent"], json!({"wide": 7}));
}

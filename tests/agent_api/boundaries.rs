//! What is refused, with what is wrong and where.

use integration_tests::{events::Call, world::World};
use serde_json::{Value, json};

use super::{claim, done, error, finish, get, given, id, message, outside, post, refused};

#[tokio::test]
async fn a_session_is_its_projects_and_its_profiles() {
    let world = World::new();
    outside(&world, &json!({"session_id": "s", "project": "p", "profile": "fast"})).await;
    let asks = |project: &str, profile: &str| json!({"prompt": "x", "executor": "runner", "session_id": "s", "project": project, "profile": profile});
    assert_eq!(refused(&world, "/v1/runs", &asks("q", "fast")).await, error(403, "tenant_policy_denied", ""));
    assert_eq!(refused(&world, "/v1/runs", &asks("q", "slow")).await, error(403, "tenant_policy_denied", ""));
    assert_eq!(refused(&world, "/v1/runs", &asks("p", "slow")).await, error(400, "invalid", "profile"));
    assert_eq!(post(&world, "/v1/runs", &asks("p", "fast")).await.0, 201);
    // Nothing of those that were refused is there.
    assert_eq!(get(&world, "/v1/runs?session_id=s").await["count"], 2);
    assert_eq!(get(&world, "/v1/runs?project=q").await["count"], 0);
}

#[tokio::test]
async fn an_agent_is_its_projects() {
    let world = World::new();
    let asks = |project: &str, executor: &str| json!({"prompt": "x", "executor": executor, "agent_id": "a", "project": project, "agent_metadata": {"of": project}});
    done(&world, "/v1/runs", &asks("p", "worker")).await;
    world.deliver_all().await;
    for executor in ["worker", "runner"] {
        assert_eq!(refused(&world, "/v1/runs", &asks("q", executor)).await, error(403, "tenant_policy_denied", ""));
    }
    let agents = get(&world, "/v1/agents?project=p").await;
    assert_eq!((&agents["count"], &agents["items"][0]["metadata"]), (&json!(1), &json!({"of": "p"})));
    assert_eq!(get(&world, "/v1/runs?project=q").await["count"], 0);
    // By a task that names it, likewise.
    let task = json!({"task_type": "run_agent", "project": "q", "payload": {"prompt": "x", "agent_id": "a"}});
    let task = id(&done(&world, "/v1/tasks", &task).await);
    world.deliver_all().await;
    let failed = get(&world, &format!("/v1/tasks/{task}")).await;
    assert_eq!((&failed["status"], &failed["failure"]["kind"]), (&json!("failed"), &json!("tenant_policy_denied")));
    assert_eq!(post(&world, "/v1/runs", &asks("p", "worker")).await.0, 201);
}

#[tokio::test]
async fn a_flag_that_is_neither_true_nor_false_is_refused() {
    let world = World::new();
    for (flag, status) in [("true", 200), ("false", 200), ("1", 400), ("", 400)] {
        assert_eq!(Call::get(&format!("/v1/runs?internal={flag}")).answer(&world.app).await.status, status, "{flag:?}");
    }
}

#[tokio::test]
async fn another_tenants_session_is_as_one_that_nobody_has() {
    let world = World::new();
    outside(&world, &json!({"session_id": "s", "project": "p", "profile": "fast"})).await;
    let ask = |session: &str| {
        let body =
            json!({"prompt": "x", "executor": "runner", "session_id": session, "project": "q", "profile": "slow"});
        Call::post("/v1/runs", &body).header("x-errand-tenant", "other")
    };
    let read = async |session: &str| {
        Call::get(&format!("/v1/sessions/{session}"))
            .header("x-errand-tenant", "other")
            .answer(&world.app)
            .await
            .error()
    };
    assert_eq!(read("s").await, read("nobodys").await);
    // It gets one of its own by that name, and nothing of the other's.
    let (theirs, nobodys) = (ask("s").answer(&world.app).await, ask("nobodys").answer(&world.app).await);
    assert_eq!((theirs.status, nobodys.status), (201, 201));
    let session = Call::get("/v1/sessions/s").header("x-errand-tenant", "other").answer(&world.app).await.body(200);
    assert_eq!((&session["profile"], &session["tenant"]), (&json!("slow"), &json!("other")));
    assert_eq!(get(&world, "/v1/sessions/s").await["profile"], "fast");
}

#[tokio::test]
async fn a_second_start_answers_the_first_and_another_payload_under_its_key_is_refused() {
    let world = World::new();
    let ask = |prompt: &str| json!({"prompt": prompt, "executor": "runner", "idempotency_key": "k"});
    let (status, first) = post(&world, "/v1/runs", &ask("a")).await;
    assert_eq!((status, &first["deduplicated"]), (201, &json!(false)));
    let (status, again) = post(&world, "/v1/runs", &ask("a")).await;
    assert_eq!((status, &again["deduplicated"], &again["id"]), (200, &json!(true), &first["id"]));
    let other = refused(&world, "/v1/runs", &ask("b")).await;
    assert_eq!(other, error(409, "conflict", "idempotency_key"));
    let beside = Call::post("/v1/runs", &ask("a")).header("idempotency-key", "x").answer(&world.app).await.error();
    assert_eq!((beside.0, beside.2.as_str()), (400, "idempotency_key"));
    assert_eq!(get(&world, "/v1/runs").await["count"], 1);
}

#[tokio::test]
async fn a_start_that_is_said_again_too_late_is_answered_as_the_first_was() {
    let world = World::new();
    let at = |s: u64| json!(world.now() + std::time::Duration::from_secs(s));
    let expires_at = at(60);
    for executor in ["worker", "runner"] {
        let ask = |key: &str| json!({"prompt": "x", "executor": executor, "expires_at": expires_at, "idempotency_key": format!("{executor}{key}")});
        let (status, first) = post(&world, "/v1/runs", &ask("k")).await;
        assert_eq!(status, 201, "{first:#}");
        world.advance(61);
        let (status, again) = post(&world, "/v1/runs", &ask("k")).await;
        assert_eq!((status, &again["id"], &again["deduplicated"]), (200, &first["id"], &json!(true)));
        assert_eq!(refused(&world, "/v1/runs", &ask("new")).await, error(400, "invalid", "expires_at"));
        world.clock.set(world.now() - std::time::Duration::from_secs(61));
    }
}

#[tokio::test]
async fn commands_are_idempotent_and_none_is_given_to_an_ended_run() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let path = format!("/v1/runs/{run}/commands");
    let body = |key: &str, text: &str| json!({"kind": "steer", "payload": {"prompt": text}, "idempotency_key": key});
    let (status, first) = post(&world, &path, &body("k", "a")).await;
    assert_eq!((status, &first["status"]), (201, &json!("pending")));
    let (status, again) = post(&world, &path, &body("k", "a")).await;
    assert_eq!((status, &again["id"], &again["deduplicated"]), (200, &first["id"], &json!(true)));
    assert_eq!(refused(&world, &path, &body("k", "b")).await, error(409, "conflict", "idempotency_key"));
    assert_eq!(post(&world, &path, &body("k2", "b")).await.0, 201);
    assert_eq!(get(&world, &path).await["count"], 2);
    done(&world, &format!("/v1/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(refused(&world, &path, &body("k3", "a")).await, error(409, "conflict", ""));
    // What was asked for before is answered: it asks for nothing new.
    assert_eq!(post(&world, &path, &body("k", "a")).await.0, 200);
}

#[tokio::test]
async fn a_command_is_taken_back_once() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let command = id(&done(&world, &format!("/v1/runs/{run}/commands"), &json!({"kind": "interrupt"})).await);
    let cancel = format!("/v1/commands/{command}/cancel");
    assert_eq!(done(&world, &cancel, &json!({})).await["status"], "cancelled");
    assert_eq!(done(&world, &cancel, &json!({})).await["status"], "cancelled");
    let lease = claim(&world, &run, "r").await;
    let ack = refused(&world, &format!("/v1/commands/{command}/ack"), &json!({"lease_token": lease})).await;
    assert_eq!(ack, error(409, "conflict", ""));
}

#[tokio::test]
async fn events_that_are_none_are_refused_by_the_field_and_nothing_is_appended() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    let lease = claim(&world, &run, "r").await;
    let path = format!("/v1/runs/{run}/events");
    let before = get(&world, &path).await["last_seq"].clone();
    for (event, field) in [
        (json!({"type": "thought", "payload": {}}), "events[1].type"),
        (json!({"type": "assistant_message", "payload": {"text": 5}}), "events[1].payload.text"),
        (json!({"type": "assistant_message", "payload": {"text": "a", "mood": "b"}}), "events[1].payload.mood"),
        (json!({"type": "terminal_status", "payload": {"status": "completed"}}), "events[1].type"),
    ] {
        let body = json!({"lease_token": lease, "events": [message("fine"), event]});
        assert_eq!(refused(&world, &path, &body).await, error(400, "invalid", field));
    }
    assert_eq!(get(&world, &path).await["last_seq"], before);
    let body = json!({"lease_token": "1", "events": []});
    assert_eq!(refused(&world, &path, &body).await, error(400, "invalid", "lease_token"));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_by_the_field() {
    let world = World::new();
    let run = outside(&world, &json!({})).await;
    for (path, body, field) in [
        ("/v1/runs".to_owned(), json!({"executor": "runner"}), ""),
        ("/v1/runs".to_owned(), json!({"prompt": "x", "profile": "nobodys"}), "profile"),
        ("/v1/runs".to_owned(), json!({"prompt": "x", "executor": "nobody"}), "executor"),
        ("/v1/runs".to_owned(), json!({"prompt": "x", "colour": "red"}), "colour"),
        ("/v1/runs".to_owned(), json!({"prompt": "x", "executor": "runner", "budgets": {"daily_usd": 1}}), "budgets"),
        ("/v1/runs".to_owned(), json!({"prompt": "x", "executor": "runner", "max_retries": 101}), "max_retries"),
        ("/v1/tasks".to_owned(), json!({"task_type": "run_outside", "payload": {"prompt": "x"}}), "task_type"),
        (format!("/v1/runs/{run}/commands"), json!({"kind": "dance"}), "kind"),
        // A list is no object, though it has the fields in the order of the code.
        (format!("/v1/runs/{run}/events"), json!({"events": [["assistant_message", {"text": "x"}]]}), "events[0]"),
    ] {
        let (status, code, named) = refused(&world, &path, &body).await;
        assert_eq!((status, &*code, &*named), (400, "invalid", field), "{path} {body}");
    }
    assert_eq!(
        refused(&world, &format!("/v1/runs/{run}/commands"), &large()).await,
        error(413, "too_large", "payload")
    );
}

#[tokio::test]
async fn what_is_kept_with_a_run_is_bounded_so_that_it_can_end() {
    let world = World::new();
    let of = |bytes: usize| "x".repeat(bytes);
    let ask = |field: &str, bytes: usize| match field {
        "resource_bundle" => json!({"prompt": "x", "executor": "runner", field: {"subdir": of(bytes)}}),
        _ => json!({"prompt": "x", "executor": "runner", field: {"a": of(bytes)}}),
    };
    for field in ["metadata", "agent_metadata", "resource_bundle"] {
        assert_eq!(refused(&world, "/v1/runs", &ask(field, 64 * 1024)).await, error(413, "too_large", field));
        // All at once, and each text as long as it may be once it is redacted.
        let most = json!({"a": [of(30 * 1024), "password=a ".repeat(2_800)]});
        let mut body = ask(field, 1024);
        body["metadata"] = most.clone();
        body["agent_metadata"] = most;
        body["resource_bundle"] = json!({"subdir": of(30 * 1024), "prompt_refs": vec!["password=a "; 2_200]});
        let run = done(&world, "/v1/runs", &body).await;
        let cancelled = done(&world, &format!("/v1/runs/{}/cancel", id(&run)), &json!({"reason": of(4096)})).await;
        assert_eq!(cancelled["status"], "cancelled");
    }
}

fn large() -> Value {
    json!({"kind": "steer", "payload": {"prompt": "x".repeat(65 * 1024)}})
}

#[tokio::test]
async fn what_is_secret_is_shown_to_nobody_but_the_output_to_who_asked_for_it() {
    let world = World::new();
    let secret = "sk-abcdefgh12345678";
    let bundle = json!({"kind": "git", "repo_url": "https://me:pa55word@git.example/r", "tool_aliases": {"sh": secret},
        "prompt_refs": ["a", "b"], "credential_ref": "deploy-key"});
    let run = outside(&world, &json!({"resource_bundle": bundle, "metadata": {"note": secret, "title": "T"}})).await;
    let path = format!("/v1/runs/{run}");
    let claimed = given(&world, json!({})).await.remove(0);
    assert_eq!(claimed["details"]["resource_bundle"]["prompt_refs"], json!(["a", "b"]));
    let lease = claimed["lease_token"].as_str().unwrap();
    done(&world, &format!("{path}/events"), &json!({"lease_token": lease, "events": [message(secret)]})).await;
    let end = json!({"output": {"result": secret, "password": "hunter2hunter2"}});
    let ended = finish(&world, &run, lease, end.clone()).await;
    let session = ended["session_id"].as_str().unwrap();
    let shown = [
        ended.clone(),
        get(&world, &format!("{path}/events")).await,
        get(&world, &format!("/v1/sessions/{session}")).await,
        get(&world, &format!("/v1/sessions/{session}/output")).await,
        get(&world, "/v1/backends").await,
        get(&world, "/v1/runs").await,
    ];
    let task = get(&world, &format!("/v1/tasks/{}", ended["task_id"].as_str().unwrap())).await;
    assert_eq!(task["output"], end["output"]);
    for answer in shown {
        let text = answer.to_string();
        for hidden in ["abcdefgh", "pa55word", "hunter2", "deploy-key"] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
    assert_eq!(
        (&ended["resource_bundle"]["prompt_refs"], &ended["resource_bundle"]["has_credential"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(get(&world, &format!("/v1/sessions/{session}")).await["title"], "T");
    assert_eq!(get(&world, "/v1/backends").await["items"][0]["kind"], "extractive");
}

#[tokio::test]
async fn a_run_that_no_model_would_do_is_refused_and_what_is_no_model_does_it_only_where_it_is_named() {
    let mut world = World::new();
    let ask = json!({"prompt": "Do it."});
    // What tests have is named.
    assert_eq!(post(&world, "/v1/runs", &ask).await.0, 201);
    world.set(&integration_tests::settings::Settings::asking(errand_models::Profiles::default()));
    assert_eq!(refused(&world, "/v1/runs", &ask).await, error(400, "no_model", "profile"));
    // A runner needs none.
    assert_eq!(post(&world, "/v1/runs", &json!({"prompt": "Do it.", "executor": "runner"})).await.0, 201);
    // Nor does it complete by the other way in.
    let task = json!({"task_type": "run_agent", "payload": {"prompt": "Do it."}});
    let task = id(&done(&world, "/v1/tasks", &task).await);
    world.deliver_all().await;
    let failed = get(&world, &format!("/v1/tasks/{task}")).await;
    assert_eq!((&failed["status"], &failed["failure"]["kind"]), (&json!("failed"), &json!("backend")));
}

#[tokio::test]
async fn what_says_nothing_or_is_about_nobody_is_refused_when_it_is_asked_for() {
    let world = World::new();
    for blank in ["", " \n"] {
        for executor in ["worker", "runner"] {
            let ask = json!({"prompt": blank, "executor": executor});
            assert_eq!(refused(&world, "/v1/runs", &ask).await, error(400, "invalid", "prompt"));
        }
        for (task_type, field) in
            [("run_agent", "prompt"), ("research_solution", "description"), ("schedule_followup", "reason")]
        {
            let task = json!({"task_type": task_type, "user_id": "u", "payload": {field: blank}});
            let refused = refused(&world, "/v1/tasks", &task).await;
            assert_eq!(refused, error(400, "invalid", &format!("payload.{field}")), "{task_type}");
        }
    }
    for (task_type, payload) in [
        ("schedule_followup", json!({"reason": "your question"})),
        ("research_solution", json!({"description": "it leaks"})),
        ("re_engagement_check", json!({"attempt_count": 0})),
    ] {
        let task = json!({"task_type": task_type, "payload": payload});
        assert_eq!(refused(&world, "/v1/tasks", &task).await, error(400, "invalid", "user_id"), "{task_type}");
    }
}

#[tokio::test]
async fn what_nothing_acts_on_is_no_field_of_a_run() {
    let world = World::new();
    for field in ["recovery", "parent_run_id", "project_id"] {
        let body = json!({"prompt": "x", field: "manual"});
        assert_eq!(refused(&world, "/v1/runs", &body).await, error(400, "invalid", field));
    }
    // A bundle is handed to a runner, and to nobody else.
    let bundle = json!({"prompt": "x", "resource_bundle": {"kind": "git"}});
    assert_eq!(refused(&world, "/v1/runs", &bundle).await, error(400, "invalid", "resource_bundle"));
    let run = outside(&world, &json!({})).await;
    let shown = get(&world, &format!("/v1/runs/{run}")).await;
    assert!(shown.get("recovery").is_none() && shown.get("parent_run_id").is_none(), "{shown:#}");
}

//! What each task type does, in every branch, through the functions and the queue.

use std::time::Duration;

use errand::{FailureKind, Id, Name, State, Status, Task, Timestamp, spi::store::RelationKind};
use integration_tests::{settings::Settings, world::World};
use serde_json::{Value, json};
use shared::domain::{
    Channel, Conversation, ConversationStatus, Direction, Introduction, IntroductionStatus, Message, MessageStatus,
    PriorityStatus, User, UserPriority,
};

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

fn conversation(user: &str, status: ConversationStatus) -> Conversation {
    Conversation { user_id: id(user), status, last_message_at: None, messages_since_summary: 4 }
}

/// User `u` with an active conversation `c`.
async fn acquainted(user: User) -> World {
    let world = World::new();
    world.put("u", &user).await;
    world.put("c", &conversation("u", ConversationStatus::Active)).await;
    world.advance(1);
    world
}

async fn ran(world: &World, body: Value) -> Task {
    let id = world.enqueue(&body).await;
    world.deliver_all().await;
    world.task(id).await
}

fn output(task: &Task) -> Value {
    match &task.state {
        State::Completed { output } => output.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// The message of a task that failed for good in its first execution.
fn refusal(task: &Task) -> String {
    match &task.state {
        State::Failed { failure } if task.executions == 1 => failure.message.clone(),
        other => panic!("{other:?}"),
    }
}

async fn said(world: &World, conversation: &str) -> Vec<Message> {
    let messages = world.records("message", RelationKind::Parent, conversation).await;
    messages.into_iter().map(|record| serde_json::from_value(record.doc.into()).unwrap()).collect()
}

fn research(payload: Value) -> Value {
    json!({"task_type": "research_solution", "user_id": "u", "payload": payload})
}

#[tokio::test]
async fn a_research_request_is_published_with_everything_it_says() {
    let world = World::new();
    let payload = json!({"description": "d", "category": "law", "urgency": "high", "conversation_id": "c"});
    let task = ran(&world, research(payload)).await;
    world.poll().await;
    let events = world.events().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["type"], "user.inquiry.solution_needed");
    let expected = json!({
        "user": "u", "conversation": "c", "description": "d", "category": "law", "urgency": "high", "task": task.key.id,
    });
    assert_eq!(events[0]["data"], expected);
    assert_eq!(output(&task), json!({"event_id": events[0]["id"], "description": "d"}));
}

#[tokio::test]
async fn the_urgency_of_a_research_request_is_medium_unless_said() {
    let world = World::new();
    ran(&world, research(json!({"description": "d"}))).await;
    world.poll().await;
    assert_eq!(world.events().await[0]["data"]["urgency"], "medium");
}

#[tokio::test]
async fn a_payload_that_does_not_fit_its_type_is_refused_by_field() {
    let world = World::new();
    for (task_type, payload, field) in [
        ("research_solution", json!({}), "payload"),
        ("research_solution", json!({"description": "d", "urgency": "soon"}), "payload.urgency"),
        ("schedule_followup", json!({"reason": 5}), "payload.reason"),
        ("schedule_followup", json!({"reason": "r", "x": 1}), "payload.x"),
        ("update_user_profile", json!({"field": "email"}), "payload"),
        ("re_engagement_check", json!({"attempt_count": -1}), "payload.attempt_count"),
        ("re_engagement_check", json!({}), "payload"),
    ] {
        let body = json!({"task_type": task_type, "user_id": "u", "payload": payload});
        let (status, answer) = world.request("POST /v1/tasks", None, &body, None).await;
        assert_eq!((status, answer["error"]["field"].as_str()), (400, Some(field)), "{answer}");
    }
    assert!(world.tasks().await.is_empty());
}

#[tokio::test]
async fn a_task_about_a_user_that_names_none_is_refused() {
    let world = World::new();
    for (task_type, payload) in [
        ("research_solution", json!({"description": "d"})),
        ("schedule_followup", json!({"reason": "r"})),
        ("update_user_profile", json!({"field": "company", "value": "x"})),
        ("re_engagement_check", json!({"attempt_count": 0})),
    ] {
        let body = json!({"task_type": task_type, "payload": payload});
        let (status, answer) = world.request("POST /v1/tasks", None, &body, None).await;
        assert_eq!((status, &answer["error"]["field"]), (400, &json!("user_id")), "{task_type}");
    }
}

#[tokio::test]
async fn a_missing_user_is_waited_for_one_two_and_four_minutes_and_then_given_up() {
    for (task_type, payload) in
        [("schedule_followup", json!({"reason": "r"})), ("re_engagement_check", json!({"attempt_count": 0}))]
    {
        let world = World::new();
        let mut task = ran(&world, json!({"task_type": task_type, "user_id": "u", "payload": payload})).await;
        for minutes in [1, 2, 4] {
            let wait = task.run_at().expect("a retry").since(world.now()).as_secs();
            let tenth = minutes * 6;
            assert!((minutes * 60 - tenth..=minutes * 60 + tenth).contains(&wait), "{wait} s, not {minutes} min");
            let before = task.executions;
            world.advance(wait - 5);
            world.deliver_all().await;
            assert_eq!(world.task(task.key.id).await.executions, before, "not before its time");
            world.advance(6);
            world.deliver_all().await;
            task = world.task(task.key.id).await;
            assert_eq!(task.executions, before + 1);
        }
        let State::Failed { failure } = &task.state else { panic!("{task:#?}") };
        assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Handler, "user u does not exist (yet)"));
        assert_eq!((task.executions, task.failures, world.letters().len()), (4, 4, 1));
    }
}

fn followup(payload: Value) -> Value {
    json!({"task_type": "schedule_followup", "user_id": "u", "payload": payload})
}

#[tokio::test]
async fn a_followup_is_an_outbound_message_and_whoever_delivers_it_hears_of_it() {
    let world = acquainted(User { first_name: Some("Ada".into()), ..User::default() }).await;
    let task = ran(&world, followup(json!({"reason": "your tea"}))).await;
    let expected = Message {
        conversation_id: id("c"),
        role: Name::of("concierge"),
        direction: Direction::Outbound,
        channel: Channel::Sms,
        status: MessageStatus::Pending,
        to: Vec::new(),
        content: "Hi Ada, following up: your tea".into(),
    };
    assert_eq!(said(&world, "c").await, [expected]);
    let talk = world.get::<Conversation>("c").await.unwrap();
    assert_eq!((talk.messages_since_summary, talk.last_message_at), (5, Some(world.now())));
    world.poll().await;
    let events = world.events().await;
    assert_eq!((events.len(), &events[0]["type"]), (1, &json!("message.pending")));
    assert_eq!(output(&task), json!({"message_id": events[0]["subject"], "conversation_id": "c"}));
}

#[tokio::test]
async fn a_followup_speaks_as_the_users_own_agent_and_greets_without_a_name() {
    let world = acquainted(User { poc_agent_type: Some(Name::of("innovator")), ..User::default() }).await;
    ran(&world, followup(json!({"reason": "x"}))).await;
    let message = said(&world, "c").await.remove(0);
    assert_eq!((message.role.as_str(), message.content.as_str()), ("innovator", "Hi, following up: x"));
}

#[tokio::test]
async fn a_followup_goes_to_the_newest_active_conversation_or_the_one_it_names() {
    let world = acquainted(User::default()).await;
    for (name, user, status) in [
        ("newer", "u", ConversationStatus::Active),
        ("paused", "u", ConversationStatus::Paused),
        ("others", "v", ConversationStatus::Active),
    ] {
        world.put(name, &conversation(user, status)).await;
        world.advance(1);
    }
    assert_eq!(output(&ran(&world, followup(json!({"reason": "x"}))).await)["conversation_id"], "newer");
    for (named, expected) in [("c", Some("c")), ("paused", None), ("others", None), ("nowhere", None)] {
        let output = output(&ran(&world, followup(json!({"reason": "x", "conversation_id": named}))).await);
        assert_eq!(output["conversation_id"].as_str(), expected, "{named}");
        assert_eq!(output["skipped"] == json!(true), expected.is_none(), "{named}");
    }
    assert!(said(&world, "others").await.is_empty());
}

fn update(field: &str, value: Value) -> Value {
    json!({"task_type": "update_user_profile", "user_id": "u", "payload": {"field": field, "value": value}})
}

#[tokio::test]
async fn every_field_of_a_profile_can_be_set_and_what_may_be_absent_removed() {
    let mut world = acquainted(User::default()).await;
    world.set(&Settings::verified_by("local"));
    for (field, value) in [
        ("email", json!("ada@example.org")),
        ("first_name", json!("Ada")),
        ("last_name", json!("Lovelace")),
        ("company", json!("Engines")),
        ("title", json!("Countess")),
        ("linkedin_url", json!("https://www.linkedin.com/in/ada")),
        ("verified", json!(true)),
        ("expert_connector", json!(true)),
        ("expertise", json!(["maths"])),
        ("quiet_hours_start", json!("21:30")),
        ("quiet_hours_end", json!("07:00")),
        ("timezone", json!("Europe/London")),
        ("response_pattern", json!({"user_goal": "compute"})),
    ] {
        let task = ran(&world, update(field, value.clone())).await;
        assert_eq!(output(&task), json!({"user_id": "u", "field": field}));
        let user = serde_json::to_value(world.get::<User>("u").await.unwrap()).unwrap();
        assert_eq!(user[field], value);
    }
    ran(&world, update("company", Value::Null)).await;
    let user = world.get::<User>("u").await.unwrap();
    assert_eq!((user.company, user.title.as_deref()), (None, Some("Countess")));
}

#[tokio::test]
async fn who_connects_experts_is_listed_among_them_as_long_as_they_do() {
    let world = acquainted(User::default()).await;
    let experts = async || world.records("user", RelationKind::Owner, User::experts().as_str()).await.len();
    ran(&world, update("expert_connector", json!(true))).await;
    assert_eq!(experts().await, 1);
    ran(&world, update("company", json!("Engines"))).await;
    assert_eq!(experts().await, 1, "another field changes nothing of that");
    ran(&world, update("expert_connector", json!(false))).await;
    assert_eq!(experts().await, 0);
}

#[tokio::test]
async fn a_profile_update_that_may_not_be_writes_nothing() {
    let world = acquainted(User::default()).await;
    let before = world.get::<User>("u").await;
    for (field, value, message) in [
        ("credits", json!(1000), "field `credits` may not be set"),
        ("email", json!("nobody"), "the value of email must be an e-mail address, and nothing else, or null"),
        ("verified", json!(true), "local may not set `verified`"),
    ] {
        let said = refusal(&ran(&world, update(field, value)).await);
        assert!(said.starts_with(message), "{said}");
    }
    assert_eq!(world.get::<User>("u").await, before);
}

fn check(agent: &str, attempt_count: u32) -> Value {
    let payload = json!({"attempt_count": attempt_count, "current_step": "email", "missing_fields": ["title"]});
    json!({"task_type": "re_engagement_check", "user_id": "u", "agent_type": agent, "payload": payload})
}

fn message(role: &'static str, direction: Direction) -> Message {
    let (channel, status) = (Channel::Sms, MessageStatus::Sent);
    Message {
        conversation_id: id("c"),
        role: Name::of(role),
        direction,
        channel,
        status,
        to: Vec::new(),
        content: "hello".into(),
    }
}

#[tokio::test]
async fn a_bouncer_asks_by_guidance_that_never_reaches_the_user_and_checks_again_in_a_day() {
    let world = acquainted(User::default()).await;
    let task = ran(&world, check("bouncer", 0)).await;
    let guidance = said(&world, "c").await.remove(0);
    assert_eq!((guidance.role.as_str(), guidance.direction), ("system", Direction::Inbound));
    let content: Value = serde_json::from_str(&guidance.content).unwrap();
    assert_eq!((&content["attempt"], &content["missing_fields"]), (&json!(1), &json!(["title"])));
    assert_eq!(content["current_step"], "email");
    let tasks = world.tasks().await;
    let next = tasks.iter().find(|next| next.parent_id == Some(task.key.id)).unwrap();
    assert_eq!(next.run_at(), Some(world.now() + Duration::from_secs(86_400)));
    assert_eq!(next.payload.parse::<Value>().unwrap()["attempt_count"], 1);
    assert_eq!((next.agent_type.clone(), next.user_id.clone()), (Some(Name::of("bouncer")), Some(id("u"))));
    assert_eq!(output(&task)["next_check"], json!(next.key.id));
    world.poll().await;
    let told: Vec<Value> = world.events().await.into_iter().map(|event| event["type"].clone()).collect();
    assert_eq!(told, ["message.guidance"], "the agent hears of it, and nobody is told to deliver it");
}

#[tokio::test]
async fn a_bouncer_leaves_alone_who_is_verified_or_has_written_since() {
    let world = acquainted(User { verified: true, ..User::default() }).await;
    assert_eq!(output(&ran(&world, check("bouncer", 0)).await)["reason"], "user u is verified");

    let world = acquainted(User::default()).await;
    world.put("before", &message("user", Direction::Inbound)).await;
    world.advance(1);
    let mut later = check("bouncer", 0);
    later["delay_s"] = json!(60);
    let task = world.enqueue(&later).await;
    world.advance(10);
    world.put("guidance", &message("system", Direction::Inbound)).await;
    world.put("ours", &message("bouncer", Direction::Outbound)).await;
    world.put("theirs", &message("user", Direction::Inbound)).await;
    world.advance(60);
    world.deliver_all().await;
    assert_eq!(output(&world.task(task).await)["reason"], "user u has written since");
}

#[tokio::test]
async fn what_was_said_before_or_not_by_the_user_keeps_no_bouncer_from_asking() {
    let world = acquainted(User::default()).await;
    world.put("before", &message("user", Direction::Inbound)).await;
    world.advance(1);
    let mut later = check("bouncer", 0);
    later["delay_s"] = json!(60);
    let task = world.enqueue(&later).await;
    world.advance(10);
    world.put("guidance", &message("system", Direction::Inbound)).await;
    world.put("ours", &message("bouncer", Direction::Outbound)).await;
    world.advance(60);
    world.deliver_all().await;
    assert!(output(&world.task(task).await)["message_id"].is_string());
}

#[tokio::test]
async fn who_was_asked_twice_is_left_in_peace() {
    let world = acquainted(User::default()).await;
    ran(&world, check("bouncer", 1)).await;
    assert_eq!(said(&world, "c").await.len(), 1, "once is not twice");
    let task = ran(&world, check("bouncer", 2)).await;
    assert_eq!(output(&task), json!({"paused": "c", "attempt_count": 2}));
    assert_eq!(world.get::<Conversation>("c").await.unwrap().status, ConversationStatus::Paused);
    assert_eq!(said(&world, "c").await.len(), 1, "nothing is sent");
    assert!(!world.tasks().await.iter().any(|next| next.parent_id == Some(task.key.id)));
}

/// What a companion is told of user `u`, who has much to hear of.
async fn told(agent: &str) -> Value {
    let world = acquainted(User { credits: 7, ..User::default() }).await;
    for n in 0..7_u32 {
        let status = if n == 0 { PriorityStatus::Presented } else { PriorityStatus::Active };
        let (item_type, item_id) = (Name::of("request"), id(&format!("i{n}")));
        world
            .put(
                &format!("p{n}"),
                &UserPriority { user_id: id("u"), item_type, item_id, rank: 9 - n, value_score: 50, status },
            )
            .await;
    }
    for (name, status) in [("open", IntroductionStatus::Pending), ("sent", IntroductionStatus::Sent)] {
        let introduction = Introduction {
            connector_id: id("k"),
            innovator_id: Some(id("u")),
            prospect_name: name.into(),
            prospect_email: None,
            reason: None,
            checked_at: None,
            status,
        };
        world.put(name, &introduction).await;
    }
    world.advance(3 * 86_400);
    let task = ran(&world, check(agent, 0)).await;
    assert_eq!(output(&task)["days_since_last_message"], 3);
    let guidance = said(&world, "c").await.remove(0);
    assert_eq!((guidance.role.as_str(), guidance.direction), ("system", Direction::Inbound));
    assert!(!world.tasks().await.iter().any(|next| next.parent_id.is_some()));
    serde_json::from_str(&guidance.content).unwrap()
}

#[tokio::test]
async fn a_companion_is_told_how_long_it_was_and_what_there_is_to_speak_of() {
    let (concierge, innovator) = (told("concierge").await, told("innovator").await);
    for told in [&concierge, &innovator] {
        assert_eq!(told["days_since_last_message"], 3);
        let items: Vec<&str> =
            told["priorities"].as_array().unwrap().iter().map(|p| p["item_id"].as_str().unwrap()).collect();
        assert_eq!(items, ["i6", "i5", "i4", "i3", "i2"], "the five first of those that are active");
    }
    assert_eq!((&concierge["credits"], &concierge["pending_introductions"]), (&Value::Null, &Value::Null));
    assert_eq!(
        (&innovator["credits"], &innovator["pending_introductions"]),
        (&json!(7), &json!([{"id": "open", "prospect_name": "open"}]))
    );
}

#[tokio::test]
async fn no_other_agent_re_engages() {
    let world = acquainted(User::default()).await;
    assert_eq!(refusal(&ran(&world, check("janitor", 0)).await), "agent_type janitor has no re-engagement");
    assert_eq!(world.get::<Conversation>("c").await.unwrap().last_message_at, None::<Timestamp>);
    assert_eq!(world.tasks().await[0].status(), Status::Failed);
}

use super::*;
use crate::lifecycle::{Status, log};

#[tokio::test]
async fn an_execution_tells_what_it_did() {
    let sandbox = Sandbox::new(types());
    sandbox.put("s", &Sum { of: 4 }).await;
    sandbox.put("another", &Sum { of: 4 }).await;
    let ended = sandbox.run(&Do::Everything(Some(Box::new(Do::FailOnce)))).await;
    assert_eq!((ended.status(), ended.outcome()), (Status::Completed, log::LogOutcome::Completed));
    assert_eq!((ended.output(), ended.row().seq), (json!({"sum": "s"}), 1));
    let mut written: Vec<i64> = ended.written::<Sum>().iter().map(|sum| sum.value.of).collect();
    written.sort_unstable();
    assert_eq!(written, [1, 5]);
    assert_eq!(ended.follow_ups::<Do>(), [Do::FailOnce]);
    assert_eq!((ended.new_tasks().len(), ended.event_types(), ended.events().len()), (1, vec!["user.added"], 1));
    assert_eq!(sandbox.get::<Sum>("s").await, Some(Sum { of: 5 }));
    assert_eq!((sandbox.get::<Sum>("none").await, sandbox.records::<Sum>().len()), (None, 3));
}

#[tokio::test]
async fn a_task_that_failed_is_run_again_at_its_time() {
    let sandbox = Sandbox::new(types());
    let (first, start) = (sandbox.run(&Do::FailOnce).await, sandbox.now());
    assert_eq!((first.status(), first.outcome()), (Status::Pending, log::LogOutcome::Retry));
    assert_eq!(first.failure().map(|failure| &*failure.message), Some("not yet"));
    assert_eq!((first.output(), first.written::<Sum>().len()), (json!(null), 0));
    let second = sandbox.execute(first.key()).await;
    assert_eq!((second.status(), second.row().seq, second.failure()), (Status::Completed, 2, None));
    assert_eq!(sandbox.now(), first.task().run_at().unwrap());
    assert!(sandbox.now() > start);
}

#[tokio::test]
async fn one_task_is_run_and_the_others_wait() {
    let sandbox = Sandbox::new(types());
    let other = sandbox.enqueue(&Do::Sleep(0)).await;
    sandbox.run(&Do::Sleep(0)).await;
    assert_eq!(sandbox.task(&other.key).await.status(), Status::Pending);
    sandbox.execute(&other.key).await;
    // Both messages were taken; no poll has to see to another.
    assert_eq!(sandbox.queues().next_visible(&crate::queue::QueueName::WORK), None);
    let deferred = sandbox.client().enqueue(&Do::Sleep(0)).delay(Duration::from_secs(86_400)).await.unwrap().task;
    assert_eq!(sandbox.execute(&deferred.key).await.status(), Status::Completed);
    assert_eq!(sandbox.now().since(deferred.created_at), Duration::from_secs(86_400));
}

#[tokio::test]
async fn the_clock_moves_for_who_waits_for_it_and_for_nobody_else() {
    let sandbox = Sandbox::new(types());
    let start = sandbox.now();
    let waited = sandbox.run(&Do::WaitForAnother).await;
    assert_eq!((waited.status(), sandbox.now()), (Status::Completed, start));
    assert_eq!(sandbox.run(&Do::Sleep(20)).await.status(), Status::Completed);
    assert_eq!(sandbox.now().since(start), Duration::from_secs(20));
    let hung = sandbox.run(&Do::Hang).await;
    assert_eq!(hung.failure().map(|failure| failure.kind), Some(FailureKind::Timeout));
    assert_eq!(sandbox.now().since(start), Duration::from_secs(50));
}

#[tokio::test]
async fn an_account_leaves_out_what_may_differ_and_what_is_the_engines() {
    let sandbox = Sandbox::new(types());
    sandbox.put("s", &Sum { of: 0 }).await;
    sandbox.enqueue(&Do::Everything(Some(Box::new(Do::FailOnce)))).await;
    sandbox.drain().await;
    assert_eq!(
        sandbox.account().lines(),
        [
            r#"event (id) {"data":{"at":"(time)"},"subject":"s","time":"(time)","type":"user.added"}"#,
            r#"sum (id) {"of":1}"#,
            r#"sum s {"of":1}"#,
            r#"task do "FailOnce": completed "done" (completed 1 times)"#,
            r#"task do {"Everything":"FailOnce"}: completed {"sum":"s"} (completed 1 times)"#,
        ]
    );
    let keyed = Sum { of: 2 };
    sandbox.put("7c1b5bd3-0a43-4f0e-9d5e-2f6f6b1c88a4.1767225600000.x", &keyed).await;
    assert!(sandbox.account().lines().contains(&r#"sum (id).x {"of":2}"#.to_owned()));
}

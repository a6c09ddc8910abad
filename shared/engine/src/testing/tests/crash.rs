use super::*;
use crate::{
    store::Everything,
    testing::{
        crash::came_to_an_end,
        drive::{Process, Stop},
    },
};

/// What comes of `what` wherever a process crashes.
async fn crashed(what: Do) -> Result<usize, Caught> {
    crash_everywhere(types, async |sandbox| {
        sandbox.put("s", &Sum { of: 0 }).await;
        sandbox.enqueue(&what).await;
    })
    .await
}

async fn said_outside(what: Do) -> Result<usize, Caught> {
    let seen = async |sandbox: &Sandbox| sandbox.state::<Outside>().said();
    crash_everywhere_seeing(types, async |sandbox| drop(sandbox.enqueue(&what).await), seen).await
}

#[tokio::test]
async fn effects_survive_a_crash_everywhere() {
    let rest = Do::Everything(Some(Box::new(Do::FailOnce)));
    let crashes = crashed(Do::Everything(Some(Box::new(rest)))).await.unwrap();
    // Three tasks, one of them twice: each execution reads, claims and settles, before each and after each.
    assert!(crashes > 2 * 4 * 3, "{crashes}");
    crashed(Do::Sleep(45)).await.unwrap();
}

#[tokio::test]
async fn every_call_is_met_by_a_crash_before_and_a_crash_after_it() {
    let sandbox = Sandbox::new(types());
    sandbox.enqueue(&Do::Sleep(0)).await;
    let faults = Faults::none();
    Process::new(&sandbox, faults.clone()).drain().await;
    assert_eq!(crashed(Do::Sleep(0)).await, Ok(2 * faults.calls()));
}

#[tokio::test]
async fn what_is_said_outside_is_said_again_and_caught() {
    let caught = said_outside(Do::SayOutside).await.unwrap_err().to_string();
    let (when, what) = caught.split_once(": ").unwrap();
    assert_eq!(when, "a crash before call 2 (store.commit)");
    assert_eq!(what.matches("said").count(), 3, "twice in place of once: {what}");
    // A step is remembered behind what it does.
    let caught = said_outside(Do::SayInAStep).await.unwrap_err().to_string();
    assert!(caught.starts_with("a crash before call 3 (store.commit): "), "{caught}");
}

#[tokio::test]
async fn what_never_comes_to_an_end_is_caught() {
    let caught = crashed(Do::Snooze).await.unwrap_err().to_string();
    assert!(caught.starts_with("without a crash: something always comes next: "), "{caught}");
}

#[tokio::test]
async fn a_story_without_a_task_is_none() {
    let caught = crash_everywhere(types, async |_| ()).await.unwrap_err();
    assert_eq!(format!("{caught:?}"), "without a crash: no task was enqueued");
}

#[tokio::test]
async fn a_story_that_would_take_minutes_is_refused() {
    let many = async |sandbox: &Sandbox| {
        for _ in 0..250 {
            sandbox.enqueue(&Do::Sleep(0)).await;
        }
    };
    let caught = crash_everywhere(types, many).await.unwrap_err().to_string();
    assert!(caught.ends_with(" calls; more than 500 take too long"), "{caught}");
}

#[tokio::test]
async fn a_log_with_a_gap_is_told() {
    let sandbox = Sandbox::new(types());
    let first = sandbox.run(&Do::FailOnce).await;
    sandbox.execute(first.key()).await;
    let whole = sandbox.store().everything();
    assert_eq!(came_to_an_end(Stop::Quiet, &whole), Ok(()));
    let told = |change: fn(&mut Everything)| {
        let mut other = whole.clone();
        change(&mut other);
        came_to_an_end(Stop::Quiet, &other).unwrap_err()
    };
    assert_eq!(told(|all| drop(all.log.remove(0))), "do, which ran 2 times, has the rows [2]");
    assert_eq!(told(|all| all.log[1].seq = 3), "do, which ran 2 times, has the rows [1, 3]");
    // One execution has two rows, and another none.
    assert_eq!(told(|all| all.log[1].execution = 1), "do, which ran 2 times, has the rows [1, 2]");
}

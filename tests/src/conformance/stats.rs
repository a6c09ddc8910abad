//! What is counted: tasks, not executions, by queue, lane, type and status, and never off by one.

use std::time::Duration;

use errand::{
    Name, Task,
    spi::{
        lifecycle::{Settlement, Trigger},
        store::{self, Commit, Counts, Ends, PAST_DAY, PastDay, QueueStats, Stats, StatsScope, Store, begin_of},
    },
};
use uuid::Uuid;

use super::{
    Case,
    fixtures::{at, change, changed, claimed, complete, completed, failed, insert, name, now, settled, task, tenant},
};

/// In seconds.
const HOUR: u64 = 3600;

pub(super) const CASES: &[Case] = &[
    Case { name: "counts_follow_a_task_through_its_life", check: |s| Box::pin(life(s)) },
    Case { name: "what_was_not_done_is_not_counted", check: |s| Box::pin(not_done(s)) },
    Case { name: "a_commit_counts_its_follow_up_tasks", check: |s| Box::pin(follow_ups(s)) },
    Case { name: "a_queues_counts_are_told_by_lane_and_by_type", check: |s| Box::pin(places(s)) },
    Case { name: "counts_are_kept_for_each_queue_and_for_all", check: |s| Box::pin(queues(s)) },
    Case { name: "a_page_of_queues_goes_on_after_the_last_one", check: |s| Box::pin(pages(s)) },
    Case { name: "an_hour_counts_what_entered_in_it", check: |s| Box::pin(hours(s)) },
    Case { name: "a_day_tells_what_ended_in_it_and_when", check: |s| Box::pin(history(s)) },
    Case { name: "the_newest_that_was_processed_is_known", check: |s| Box::pin(newest(s)) },
];

const NONE: Counts = Counts { pending: 0, running: 0, waiting: 0, completed: 0, failed: 0, cancelled: 0, blocked: 0 };

fn scope(tenant: &Name, queue: &Name) -> StatsScope {
    StatsScope::Queue { tenant: tenant.clone(), project: Name::default(), queue: queue.clone() }
}

/// What was counted of the default queue, at [`now`].
async fn counted(store: &dyn Store, tenant: &Name) -> Stats {
    store.stats(&scope(tenant, &Name::default()), now()).await.unwrap()
}

async fn life(store: &dyn Store) {
    let tenant = tenant();
    let mut changes = 0;
    let mut expect = async |more: u64, expected: Counts| {
        changes += more;
        let found = counted(store, &tenant).await;
        assert_eq!((found.now, found.changes), (expected, changes));
    };
    expect(0, NONE).await;
    let first = insert(store, task(&tenant)).await;
    expect(1, Counts { pending: 1, ..NONE }).await;
    let running = change(store, &first, claimed(&first, at(1))).await;
    expect(1, Counts { running: 1, ..NONE }).await;
    let snooze = Settlement::Snooze { run_at: at(2), hinted: true };
    let snoozed = change(store, &running, settled(&running, snooze, at(2))).await;
    expect(1, Counts { pending: 1, ..NONE }).await;
    let later = Trigger::Reschedule { run_at: at(3), by: "me".to_owned(), if_due: false };
    let later = change(store, &snoozed, changed(&snoozed, later, at(2))).await;
    expect(0, Counts { pending: 1, ..NONE }).await;
    let running = change(store, &later, claimed(&later, at(3))).await;
    let ended = change(store, &running, failed(&running, at(4))).await;
    expect(2, Counts { failed: 1, ..NONE }).await;
    let redrive = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    let open = change(store, &ended, changed(&ended, redrive, at(5))).await;
    expect(1, Counts { pending: 1, ..NONE }).await;
    let running = change(store, &open, claimed(&open, at(6))).await;
    change(store, &running, completed(&running, at(7))).await;
    expect(2, Counts { completed: 1, ..NONE }).await;
    let running = insert(store, task(&tenant)).await;
    let running = change(store, &running, claimed(&running, at(8))).await;
    change(store, &running, settled(&running, Settlement::Block { reason: "who?".to_owned() }, at(9))).await;
    expect(3, Counts { completed: 1, blocked: 1, ..NONE }).await;
    let running = insert(store, task(&tenant)).await;
    let running = change(store, &running, claimed(&running, at(8))).await;
    let group = Uuid::new_v4();
    let waiting = change(store, &running, settled(&running, Settlement::Wait { group }, at(9))).await;
    expect(3, Counts { completed: 1, blocked: 1, waiting: 1, ..NONE }).await;
    let open = change(store, &waiting, changed(&waiting, Trigger::Ready { group }, at(9))).await;
    expect(1, Counts { completed: 1, blocked: 1, pending: 1, ..NONE }).await;
    change(store, &open, changed(&open, Trigger::Cancel { reason: "no".into(), by: "me".into() }, at(9))).await;
    expect(1, Counts { completed: 1, blocked: 1, cancelled: 1, ..NONE }).await;
    let third = insert(store, task(&tenant)).await;
    change(store, &third, changed(&third, Trigger::Cancel { reason: "no".into(), by: "me".into() }, at(9))).await;
    expect(2, Counts { completed: 1, blocked: 1, cancelled: 2, ..NONE }).await;
}

async fn not_done(store: &dyn Store) {
    let tenant = tenant();
    let first = insert(store, task(&tenant)).await;
    // Our own first try, and another's task of the same id.
    store::insert(store, first.clone()).await.unwrap();
    store::insert(store, Task { version: Uuid::new_v4(), ..first.clone() }).await.unwrap();
    let claim = claimed(&first, at(1));
    let running = change(store, &first, claim.clone()).await;
    // Made again after its answer was lost, and made too late.
    change(store, &first, claim).await;
    let late = Commit { tasks: vec![task(&tenant)], ..Commit::change(first.version, claimed(&first, at(2))) };
    store::commit(store, late).await.unwrap_err();
    store::commit(store, super::fixtures::step(&running)).await.unwrap();
    let found = counted(store, &tenant).await;
    assert_eq!((found.now, found.changes), (Counts { running: 1, ..NONE }, 2));
    assert_eq!(found.last_hours, Counts { pending: 1, running: 1, ..NONE });
}

async fn follow_ups(store: &dyn Store) {
    let tenant = tenant();
    let first = insert(store, task(&tenant)).await;
    let running = change(store, &first, claimed(&first, at(1))).await;
    let tasks = vec![task(&tenant), task(&tenant).asking(|asked| asked.lane = name("b"))];
    let commit = Commit { tasks, ..Commit::change(running.version, completed(&running, at(2))) };
    store::commit(store, commit).await.unwrap();
    let found = counted(store, &tenant).await;
    assert_eq!((found.now, found.changes), (Counts { completed: 1, pending: 2, ..NONE }, 5));
}

async fn places(store: &dyn Store) {
    let tenant = tenant();
    let at_place = |lane: &str, task_type: &str| {
        task(&tenant).asking(|asked| {
            asked.lane = name(lane);
            asked.task_type = name(task_type);
        })
    };
    complete(store, at_place("a", "x"), at(5)).await;
    insert(store, at_place("a", "y")).await;
    insert(store, at_place("b", "y")).await;
    let found = counted(store, &tenant).await;
    let (pending, done) = (Counts { pending: 1, ..NONE }, Counts { completed: 1, ..NONE });
    assert_eq!(found.lanes, [(name("a"), Counts { pending: 1, ..done }), (name("b"), pending)].into());
    assert_eq!(found.types, [(name("x"), done), (name("y"), Counts { pending: 2, ..NONE })].into());
    assert_eq!((found.now, found.changes), (Counts { pending: 2, ..done }, 5));
}

async fn queues(store: &dyn Store) {
    let (tenant, other) = (tenant(), tenant());
    let before = store.stats(&StatsScope::All, now()).await.unwrap();
    let elsewhere = |queue: &str| task(&tenant).asking(|asked| asked.queue = name(queue));
    store.insert(vec![task(&tenant), elsewhere("z"), elsewhere("a"), elsewhere("z"), task(&other)]).await;
    let project = insert(store, elsewhere("z").asking(|asked| asked.project = name("atlas"))).await;
    let found = store.queues(&tenant, None, 9, now()).await.unwrap().items;
    let names: Vec<_> = found.iter().map(|q| (q.project.as_str(), q.queue.as_str(), q.stats.now.pending)).collect();
    assert_eq!(names, [("atlas", "z", 1), ("default", "a", 1), ("default", "default", 1), ("default", "z", 2)]);
    for QueueStats { project, queue, stats } in found {
        let scope = StatsScope::Queue { tenant: tenant.clone(), project, queue };
        assert_eq!(store.stats(&scope, now()).await.unwrap(), stats);
    }
    // Others may use the store.
    let after = store.stats(&StatsScope::All, now()).await.unwrap();
    assert!(after.now.pending >= before.now.pending + 6 && after.changes >= before.changes + 6, "{after:?}");
    assert!(after.last_hours.pending >= before.last_hours.pending + 6, "{after:?}");
    assert!(after.lanes.is_empty() && after.types.is_empty());
    change(store, &project, claimed(&project, at(1))).await;
    let first = store.queues(&tenant, None, 1, now()).await.unwrap().items.remove(0);
    assert_eq!(first.stats.now, Counts { running: 1, ..NONE });
}

async fn pages(store: &dyn Store) {
    let tenant = tenant();
    let named = [("b", "b"), ("a", "z"), ("b", "a"), ("a-", "a"), ("c", "c")];
    let tasks = named.map(|(project, queue)| {
        task(&tenant).asking(|asked| {
            asked.project = name(project);
            asked.queue = name(queue);
        })
    });
    store.insert(tasks.to_vec()).await;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.queues(&tenant, after.as_ref(), 2, now()).await.unwrap();
        assert!(page.items.iter().all(|queue| queue.stats.now == Counts { pending: 1, ..NONE }), "{page:?}");
        found.push(page.items.iter().map(|queue| format!("{}/{}", queue.project, queue.queue)).collect::<Vec<_>>());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, [vec!["a/z", "a-/a"], vec!["b/a", "b/b"], vec!["c/c"]]);
    for (project, first) in
        [("a", Some("a/z")), ("a-", Some("a-/a")), ("aa", Some("b/a")), ("b", Some("b/a")), ("d", None)]
    {
        let page = store.queues(&tenant, Some(&(name(project), None)), 1, now()).await.unwrap();
        let named = page.items.first().map(|queue| format!("{}/{}", queue.project, queue.queue));
        assert_eq!(named.as_deref(), first, "the first of {project} or behind it");
    }
}

async fn hours(store: &dyn Store) {
    let tenant = tenant();
    let expect = async |hour: u64, expected: Counts| {
        let found = store.stats(&scope(&tenant, &Name::default()), at(hour * HOUR + 9)).await.unwrap();
        assert_eq!((found.last_hours, found.since), (expected, at(hour * HOUR) - Duration::from_secs(HOUR)), "{hour}");
    };
    let first = insert(store, task(&tenant)).await;
    let running = change(store, &first, claimed(&first, at(HOUR - 1))).await;
    expect(0, Counts { pending: 1, running: 1, ..NONE }).await;
    let ended = change(store, &running, failed(&running, at(HOUR))).await;
    expect(1, Counts { pending: 1, running: 1, failed: 1, ..NONE }).await;
    let redrive = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    change(store, &ended, changed(&ended, redrive, at(2 * HOUR + 5))).await;
    expect(2, Counts { pending: 1, failed: 1, ..NONE }).await;
    expect(3, Counts { pending: 1, ..NONE }).await;
    expect(4, NONE).await;
}

async fn history(store: &dyn Store) {
    let (tenant, other) = (tenant(), tenant());
    let cancel = Trigger::Cancel { reason: "no".into(), by: "me".into() };
    complete(store, task(&tenant), at(50)).await;
    complete(store, task(&tenant).asking(|asked| asked.queue = name("b")), at(55)).await;
    complete(store, task(&other), at(50)).await;
    let first = insert(store, task(&tenant)).await;
    let running = change(store, &first, claimed(&first, at(2 * HOUR - 1))).await;
    let ended = change(store, &running, failed(&running, at(2 * HOUR))).await;
    let redrive = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
    let open = change(store, &ended, changed(&ended, redrive, at(2 * HOUR + 1))).await;
    change(store, &open, changed(&open, cancel, at(5 * HOUR))).await;

    let told = async |now| {
        let PastDay { bucket, since, ends } = store.history(&tenant, now).await.unwrap();
        let begins = (0..).map(|n| since + bucket * n);
        assert_eq!(bucket * u32::try_from(ends.len()).unwrap(), PAST_DAY);
        assert!(since + PAST_DAY > now && since + PAST_DAY <= now + bucket, "it ends with the present bucket");
        let ends = begins.zip(ends).filter(|(_, ends)| *ends != Ends::default());
        (bucket, ends.collect::<Vec<_>>())
    };
    let (bucket, found) = told(at(5 * HOUR + 9)).await;
    let none = Ends::default();
    let all = [
        (begin_of(at(50), bucket), Ends { completed: 2, ..none }),
        (at(2 * HOUR), Ends { failed: 1, ..none }),
        (at(5 * HOUR), Ends { cancelled: 1, ..none }),
    ];
    assert_eq!(found, all);
    assert_eq!(told(at(26 * HOUR - 1)).await.1, all[1..]);
    assert_eq!(told(at(26 * HOUR)).await.1, all[2..]);
    assert_eq!(told(at(49 * HOUR)).await.1, []);
}

async fn newest(store: &dyn Store) {
    let tenant = tenant();
    let last = async || counted(store, &tenant).await.last_processed_at;
    assert_eq!(last().await, None);
    complete(store, task(&tenant), at(50)).await;
    complete(store, task(&tenant).asking(|asked| asked.lane = name("b")), at(40)).await;
    assert_eq!(last().await, Some(at(50)));
    let cancelled = insert(store, task(&tenant)).await;
    change(store, &cancelled, changed(&cancelled, Trigger::Cancel { reason: "no".into(), by: "me".into() }, at(60)))
        .await;
    assert_eq!(last().await, Some(at(50)));
    let running = insert(store, task(&tenant)).await;
    let running = change(store, &running, claimed(&running, at(61))).await;
    change(store, &running, failed(&running, at(70))).await;
    assert_eq!(last().await, Some(at(70)));
}

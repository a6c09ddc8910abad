//! Pages of tasks while others come, end and are set going again between one page and the next.

use std::collections::BTreeSet;

use errand::{
    Name, Priority, Task,
    spi::{
        lifecycle::Trigger,
        store::{Bucket, ListQuery, Store},
    },
};

use super::{
    Case,
    fixtures::{at, change, changed, claimed, failed, id, insert, tenant},
    lists::{created, queue, user},
};

pub(super) const CASES: &[Case] = &[
    Case { name: "open_tasks_that_stay_are_shown_once_whatever_moves", check: |s| Box::pin(open(s)) },
    Case { name: "ended_tasks_that_stay_are_shown_once_whatever_moves", check: |s| Box::pin(ended(s)) },
    Case { name: "a_users_tasks_are_shown_once_whatever_moves", check: |s| Box::pin(users(s)) },
];

/// How many tasks stay, and how many pages there are at least.
const STAY: u64 = 9;

/// Tasks of one tenant and user, of which some stay as they are and the others move at each turn.
struct Scene<'s> {
    store: &'s dyn Store,
    tenant: Name,
    /// Open, and failed, for as long as they are looked at.
    open: Vec<Task>,
    failed: Vec<Task>,
    /// To be ended, and to be redriven, one at each turn.
    to_end: Vec<Task>,
    to_redrive: Vec<Task>,
    turn: u64,
}

impl<'s> Scene<'s> {
    async fn new(store: &'s dyn Store) -> Self {
        let (tenant, none) = (tenant(), Vec::new);
        let mut scene =
            Self { store, tenant, open: none(), failed: none(), to_end: none(), to_redrive: none(), turn: 0 };
        for n in 0..STAY {
            // What stays and what moves stand alternately, in age, priority and end.
            let (open, to_end) = (scene.come(20 * n).await, scene.come(20 * n + 5).await);
            let (failed, to_redrive) = (scene.come(20 * n + 10).await, scene.come(20 * n + 15).await);
            let failed = scene.fail(&failed, 1000 + 20 * n).await;
            let to_redrive = scene.fail(&to_redrive, 1000 + 20 * n + 10).await;
            scene.open.push(open);
            scene.to_end.push(to_end);
            scene.failed.push(failed);
            scene.to_redrive.push(to_redrive);
        }
        scene
    }

    /// A new task, made at `s`.
    async fn come(&self, s: u64) -> Task {
        let priority = if s % 40 < 20 { Priority::High } else { Priority::Low };
        let task = created(&self.tenant, priority, at(s)).asking(|asked| asked.user_id = Some(id("u")));
        insert(self.store, task).await
    }

    async fn fail(&self, task: &Task, s: u64) -> Task {
        let running = change(self.store, task, claimed(task, at(s))).await;
        change(self.store, &running, failed(&running, at(s))).await
    }

    /// One more comes, in front of or behind what was shown; one ends; one is set going again.
    async fn move_on(&mut self) {
        self.turn += 1;
        self.come(20 * self.turn + 7).await;
        self.come(20 * (STAY - self.turn.min(STAY)) + 3).await;
        // From the end and from the start: some were shown already, others were not.
        let nth = |tasks: &Vec<Task>, turn: u64| if turn.is_multiple_of(2) { 0 } else { tasks.len() - 1 };
        if !self.to_end.is_empty() {
            let task = self.to_end.remove(nth(&self.to_end, self.turn));
            self.fail(&task, 1000 + 20 * self.turn + 5).await;
        }
        if !self.to_redrive.is_empty() {
            let task = self.to_redrive.remove(nth(&self.to_redrive, self.turn));
            let redrive = Trigger::Redrive { note: None, by: "me".to_owned(), failed_at: None, run_at: None };
            change(self.store, &task, changed(&task, redrive, at(3000))).await;
        }
    }

    /// Goes through the list, moving others at each page; `expected` must be shown as they are, once, in that order.
    async fn shows(mut self, query: ListQuery, expected: Vec<Task>) {
        let (mut shown, mut after) = (Vec::new(), None);
        for _ in 0..200 {
            let page = self.store.list(&query, after, 2).await.unwrap();
            shown.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
            self.move_on().await;
        }
        assert!(after.is_none() && self.turn >= STAY / 2, "{} turns", self.turn);
        let ids: BTreeSet<_> = shown.iter().map(|task| task.key.id).collect();
        assert_eq!(ids.len(), shown.len(), "a task was shown twice");
        shown.retain(|task| expected.iter().any(|stays| stays.key == task.key));
        let shown: Vec<_> = shown.iter().map(|task| task.key.id).collect();
        assert_eq!(shown, expected.iter().map(|task| task.key.id).collect::<Vec<_>>());
    }
}

async fn open(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let mut stay = scene.open.clone();
    stay.sort_by_key(|task| (task.priority, task.created_at));
    let query = queue(&scene.tenant, Bucket::Open);
    scene.shows(query, stay).await;
}

async fn ended(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let mut stay = scene.failed.clone();
    stay.sort_by_key(|task| std::cmp::Reverse(task.ended_at));
    let query = queue(&scene.tenant, Bucket::Failed);
    scene.shows(query, stay).await;
}

/// Here an end or a redrive moves nothing: all that were there at the start are shown.
async fn users(store: &dyn Store) {
    let scene = Scene::new(store).await;
    let mut all = [&scene.open, &scene.failed, &scene.to_end, &scene.to_redrive].map(Clone::clone).concat();
    all.sort_by_key(|task| std::cmp::Reverse(task.created_at));
    let query = user(&scene.tenant, "u");
    scene.shows(query, all).await;
}

//! What is left after an erasure, and of whom, wherever it is broken off.

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RECORDS, call_off, erase_ended, erase_records};
use crate::{
    app::App,
    change::ChangeError,
    effects::Relations,
    group::{GroupPolicy, GroupStatus, counted},
    handler::{Failure, Handler, Outcome, TaskContext},
    ids::{Id, Name},
    lifecycle::{Status, Task},
    records::{Entity, owner, parent},
    registry::Registry,
    testing::{Fault, Faults, Sandbox},
};

/// Stands in all that is a user's.
const MARKER: &str = "Zauberwort-7";

/// Whose tasks are erased, and whose are not.
const ADA: &str = "ada-lovelace";
const BOB: &str = "bob";

/// Says something about somebody, and keeps it as a step; or waits for an hour.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Say {
    text: String,
    waits: bool,
}

impl Handler for Say {
    const TYPE: &'static str = "say";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let said: String = task.step(&Name::of("say"), async { Ok(self.text.clone()) }).await?;
        match task.task().snoozes {
            0 if self.waits => Ok(Outcome::Snooze(Duration::from_secs(3600))),
            _ => Ok(Outcome::done(said.into())),
        }
    }
}

/// Has something said about both, and waits for that.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Ask {}

impl Handler for Ask {
    const TYPE: &'static str = "ask";
    type State = ();

    async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
        let asked =
            [ADA, BOB].map(|user| task.follow_up_about(Some(&id(user)), &said_of(user, user == ADA), Duration::ZERO));
        let members = asked.into_iter().collect::<Result<_, _>>()?;
        let group = task.fan_out(&Name::of("asked"), GroupPolicy::WaitAll, members).await?;
        if group.over { Ok(Outcome::done(0.into())) } else { Ok(group.wait()) }
    }
}

/// Belongs to a user, or to another letter.
#[derive(Serialize, Deserialize)]
struct Letter {
    of: Id,
    to: Option<Id>,
    text: String,
}

impl Entity for Letter {
    const KIND: &'static str = "letter";

    fn relations(&self, place: &str) -> Relations {
        match &self.to {
            Some(letter) => parent(letter, place),
            None => owner(&self.of, place),
        }
    }
}

/// Belongs to a list that is called as she is.
#[derive(Serialize, Deserialize)]
struct Listed {}

impl Entity for Listed {
    const KIND: &'static str = "listed";
    const OF_USERS: bool = false;

    fn relations(&self, place: &str) -> Relations {
        owner(&id(ADA), place)
    }
}

fn said_of(user: &str, waits: bool) -> Say {
    Say { text: if user == ADA { MARKER } else { "something" }.to_owned(), waits }
}

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

async fn letter(sandbox: &Sandbox, name: &str, of: &str, to: Option<&str>) {
    let text = if name == "b" { "something" } else { MARKER };
    let letter = Letter { of: id(of), to: to.map(id), text: text.to_owned() };
    sandbox.put(name, &letter).await;
}

/// Ada has tasks of each sort, one of a group with Bob's, and letters; Bob has some, too.
async fn given() -> Sandbox {
    let sandbox = Sandbox::new(Registry::new().add::<Say>(()).add::<Ask>(()).record::<Letter>().record::<Listed>());
    let client = sandbox.client();
    for waits in [true, false] {
        client.enqueue(&said_of(ADA, waits)).user(id(ADA)).await.unwrap();
    }
    client.enqueue(&said_of(ADA, true)).user(id(ADA)).delay(Duration::from_secs(60)).await.unwrap();
    client.enqueue(&said_of(BOB, false)).user(id(BOB)).await.unwrap();
    sandbox.enqueue(&Ask {}).await;
    for nth in 0..3 {
        letter(&sandbox, &format!("a{nth}"), ADA, None).await;
        letter(&sandbox, &format!("answer{nth}"), BOB, Some(&format!("a{nth}"))).await;
    }
    letter(&sandbox, ADA, BOB, Some("nobody")).await;
    letter(&sandbox, "b", BOB, None).await;
    // The one that asks first, then those whom it asks.
    for _ in 0..2 {
        let now = sandbox.now();
        for task in sandbox.tasks().into_iter().filter(|task| task.run_at().is_some_and(|at| at <= now)) {
            sandbox.execute(&task.key).await;
        }
    }
    sandbox
}

/// A page of them; how many these were.
async fn erase_tasks(app: &App, tenant: &Name, user: &Id) -> Result<usize, ChangeError> {
    let page = super::tasks_of(app, tenant, user).await?;
    let found = page.len();
    erase_ended(app, call_off(app, page, "an operator").await?).await?;
    Ok(found)
}

/// All of it, as a task does that is run until there is nothing left.
async fn erase(app: &App) -> Result<(), ChangeError> {
    let tenant = Name::default();
    while erase_tasks(app, &tenant, &id(ADA)).await? > 0 {}
    while !erase_records(app, &tenant, &id(ADA)).await?.is_empty() {}
    app.store.scrub().await?;
    Ok(())
}

fn tasks_of(sandbox: &Sandbox, user: &str) -> Vec<Task> {
    sandbox.tasks().into_iter().filter(|task| task.user_id.as_ref().is_some_and(|id| id.as_str() == user)).collect()
}

/// Nothing of hers is anywhere; all of his is there, and what waited for both goes on.
async fn is_erased(sandbox: &Sandbox) {
    assert_eq!(tasks_of(sandbox, ADA), []);
    let everything = format!("{:?}", sandbox.everything());
    assert!(!everything.contains(ADA) && !everything.contains(MARKER), "{everything}");
    sandbox.drain().await;
    let his = tasks_of(sandbox, BOB);
    assert_eq!((his.len(), his.iter().all(|task| task.status() == Status::Completed)), (2, true), "{his:#?}");
    let asked = sandbox.tasks().into_iter().find(|task| task.task_type.as_str() == Ask::TYPE).unwrap();
    assert_eq!(asked.status(), Status::Completed, "the group came to its end");
    assert!(sandbox.get::<Letter>("b").await.is_some());
    for gone in ["a0", "a1", "a2", "answer0", "answer1", "answer2", ADA] {
        assert!(sandbox.get::<Letter>(gone).await.is_none(), "{gone}");
    }
}

#[tokio::test]
async fn nothing_of_a_user_is_left_and_all_of_others_is() {
    let sandbox = given().await;
    assert!(tasks_of(&sandbox, ADA).len() == 4 && format!("{:?}", sandbox.everything()).contains(ADA));
    erase(sandbox.app()).await.unwrap();
    is_erased(&sandbox).await;
}

#[tokio::test]
async fn an_erasure_that_is_broken_off_at_any_call_is_gone_on_with() {
    for fault in Fault::ALL {
        for nth in 0.. {
            let sandbox = given().await;
            let faults = Faults::at(nth, fault);
            let app = faults.around(sandbox.app());
            let mut broken = pin!(erase(&app));
            let ended = std::future::poll_fn(|context| match broken.as_mut().poll(context) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if faults.crashed() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            drop(ended.await);
            erase(sandbox.app()).await.unwrap();
            is_erased(&sandbox).await;
            if faults.calls() <= nth {
                assert!(nth > 20, "it has made {nth} calls");
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_belongs_to_what_is_removed_goes_first_however_much_it_is() {
    let sandbox = Sandbox::new(Registry::new().record::<Letter>());
    letter(&sandbox, "a", ADA, None).await;
    let answers: Vec<String> = (0..RECORDS + 9).map(|nth| format!("answer{nth}")).collect();
    for answer in &answers {
        letter(&sandbox, answer, BOB, Some("a")).await;
    }
    erase(sandbox.app()).await.unwrap();
    for gone in answers.iter().map(String::as_str).chain(["a"]) {
        assert!(sandbox.get::<Letter>(gone).await.is_none(), "{gone}");
    }
}

#[tokio::test]
async fn records_that_belong_to_each_other_are_removed_once() {
    let sandbox = Sandbox::new(Registry::new().record::<Letter>());
    letter(&sandbox, ADA, BOB, Some("b")).await;
    letter(&sandbox, "b", BOB, Some(ADA)).await;
    let removed = erase_records(sandbox.app(), &Name::default(), &id(ADA)).await.unwrap();
    assert_eq!(removed, [(Name::of(Letter::KIND), 2)].into());
}

#[tokio::test]
async fn what_belongs_to_a_list_that_is_called_like_a_user_stays() {
    let sandbox = given().await;
    sandbox.put("l", &Listed {}).await;
    erase(sandbox.app()).await.unwrap();
    assert!(sandbox.get::<Listed>("l").await.is_some());
}

#[tokio::test]
async fn a_group_whose_member_was_erased_says_that_it_was_called_off() {
    let sandbox = given().await;
    let asked = sandbox.tasks().into_iter().find(|task| task.task_type.as_str() == Ask::TYPE).unwrap();
    let group = asked.waits_for().unwrap();
    erase(sandbox.app()).await.unwrap();
    let group = counted(sandbox.app(), &asked.key.tenant, group).await.unwrap().unwrap();
    assert_eq!((group.status, group.over), (GroupStatus::Failed, true), "{group:?}");
}

#[tokio::test]
async fn another_tenants_user_of_the_same_name_is_left_alone() {
    let sandbox = given().await;
    let before = tasks_of(&sandbox, ADA);
    let other = Name::of("other");
    assert_eq!(erase_tasks(sandbox.app(), &other, &id(ADA)).await.unwrap(), 0);
    assert!(erase_records(sandbox.app(), &other, &id(ADA)).await.unwrap().is_empty());
    assert_eq!(tasks_of(&sandbox, ADA), before);
}

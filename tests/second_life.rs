//! A key that is used again once retention has removed its task: the second task is not the first one's heir.

use std::sync::Arc;

use errand::{
    Id, Status, Task,
    spi::store::{MemoryStore, RelationKind},
};
use integration_tests::{conformance::lives, world::World};
use serde_json::{Value, json};
use shared::domain::{Conversation, ConversationStatus, User};

struct Lives {
    world: World,
    store: Arc<MemoryStore>,
}

impl Lives {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::default());
        let world = World::on(store.clone());
        world.put("u", &User::default()).await;
        Self { world, store }
    }

    /// Enqueues under the key `k`, and drives it to its end.
    async fn live(&self, body: &Value) -> Task {
        let mut body = body.clone();
        body["idempotency_key"] = json!("k");
        body["user_id"] = json!("u");
        let id = self.world.enqueue(&body).await;
        self.world.drain().await;
        self.world.task(id).await
    }

    /// Forty days later the task is gone.
    fn forget(&self, task: &Task) {
        self.world.advance(40 * 24 * 3600);
        self.store.remove(&task.key);
    }
}

#[tokio::test]
async fn each_life_sends_its_own_message_in_its_first_execution() {
    let lives = Lives::new().await;
    let status = ConversationStatus::Active;
    let conversation = Conversation { user_id: Id::of("u"), status, last_message_at: None, messages_since_summary: 0 };
    lives.world.put("c", &conversation).await;
    let body = json!({"task_type": "schedule_followup", "payload": {"reason": "the offer"}, "max_retries": 0});
    for nth in 1..=5 {
        let task = lives.live(&body).await;
        assert_eq!((task.status(), task.executions), (Status::Completed, 1), "{:?}", task.last_errors);
        assert_eq!(lives.world.records("message", RelationKind::Parent, "c").await.len(), nth);
        lives.forget(&task);
    }
}

#[tokio::test]
async fn each_life_has_its_own_effects() {
    let lives = Lives::new().await;
    let payload = json!({"mark": "m", "publish": "done", "credit": 3, "then": {"mark": "m2"}});
    let body = json!({"task_type": "scripted", "payload": payload});
    for nth in 1..=2 {
        let task = lives.live(&body).await;
        assert_eq!((task.status(), task.executions), (Status::Completed, 1), "{:?}", task.last_errors);
        let found = [lives.world.marks("m").await, lives.world.marks("m2").await, lives.world.events().await.len()];
        assert_eq!((found, lives.world.get::<User>("u").await.unwrap().credits), ([nth; 3], 3 * nth as i64));
        lives.forget(&task);
    }
}

#[tokio::test]
async fn a_step_of_the_first_life_is_none_of_the_second() {
    let lives = Lives::new().await;
    let first = json!({"task_type": "scripted", "payload": {"acts": [{"snooze": 0}, "step"]}});
    let task = lives.live(&first).await;
    assert_eq!((task.status(), task.executions), (Status::Completed, 3), "its step was made in its second");
    lives.forget(&task);
    let task = lives.live(&json!({"task_type": "scripted", "payload": {"acts": ["step"]}})).await;
    assert_eq!((task.status(), task.executions), (Status::Completed, 2), "it made the step itself");
}

#[tokio::test]
async fn a_log_is_of_one_life() {
    let store = MemoryStore::default();
    lives::a_log_is_of_one_life(&store, async |task: &Task| store.remove(&task.key)).await;
}

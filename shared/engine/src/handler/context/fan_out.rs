//! Many tasks from one: a handler makes a group, and waits for it.

use crate::{
    group::{self, Group, GroupPolicy, MakerStep, Making, NotMade},
    handler::{Failure, TaskContext},
    ids::Name,
    lifecycle::{Asked, Task},
};

impl TaskContext<'_> {
    /// Makes the group `name` of this task in its present drive, with these members, up to 10,000; or what is missing of it.
    /// The members are the same in every execution. Each is a task of its own, told from others by its number; ask for it
    /// with [`follow_up`](TaskContext::follow_up). They begin at once, and who waits is started when all have ended:
    ///
    /// ```
    /// # use errand::{Failure, Handler, Outcome, Registry, TaskContext, testing::Sandbox};
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// # use serde_json::json;
    /// use errand::{GroupPolicy, Name};
    /// use std::time::Duration;
    ///
    /// /// Squares a number.
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// struct Square {
    ///     of: u64,
    /// }
    ///
    /// /// Adds the squares of the first numbers, each of which is a task.
    /// #[derive(Serialize, Deserialize, JsonSchema)]
    /// struct AddSquares {
    ///     up_to: u64,
    /// }
    ///
    /// # impl Handler for Square {
    /// #     const TYPE: &'static str = "square";
    /// #     type State = ();
    /// #     async fn handle(&self, _: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
    /// #         Ok(Outcome::done(json!(self.of * self.of)))
    /// #     }
    /// # }
    /// impl Handler for AddSquares {
    /// #   const TYPE: &'static str = "add_squares";
    /// #   type State = ();
    /// #
    ///     async fn handle(&self, task: &TaskContext<'_>, (): &()) -> Result<Outcome, Failure> {
    ///         let members: Result<Vec<_>, _> =
    ///             (1..=self.up_to).map(|of| task.follow_up(&Square { of }, Duration::ZERO)).collect();
    ///         let squares = task.fan_out(&Name::of("squares"), GroupPolicy::WaitAll, members?).await?;
    ///         if !squares.over {
    ///             return Ok(squares.wait());
    ///         }
    ///         let ended = task.members(&squares, 0, 100).await?;
    ///         let outputs = ended.iter().filter_map(|(_, member)| member.as_ref()?.output()?.as_u64());
    ///         Ok(Outcome::done(json!(outputs.sum::<u64>())))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let sandbox = Sandbox::new(Registry::new().add::<Square>(()).add::<AddSquares>(()));
    /// let task = sandbox.enqueue(&AddSquares { up_to: 4 }).await;
    /// sandbox.drain().await;
    /// assert_eq!(sandbox.task(&task.key).await.output().unwrap(), json!(30));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Where other members are asked for than before, or too many, the task fails for good.
    pub async fn fan_out(&self, name: &Name, policy: GroupPolicy, members: Vec<Asked>) -> Result<Group, Failure> {
        let task = self.task();
        let step = MakerStep::of(task).ok_or_else(|| failure(NotMade::LeaseLost))?;
        let making = Making { policy, ..Making::of_task(task, step, name, members) };
        // Who waits for it is this task, and it does not wait yet.
        let (group, _) = group::make_root(self.services(), self.announce, &making).await.map_err(failure)?;
        Ok(group)
    }

    /// The members of a group from the number `from` on, at most `limit` (up to 100), each with its task, unless that was
    /// removed for its age.
    pub async fn members(&self, group: &Group, from: u32, limit: u32) -> Result<Vec<(u32, Option<Task>)>, Failure> {
        Ok(group::members(self.services(), group, from, limit).await?)
    }
}

fn failure(not_made: NotMade) -> Failure {
    match not_made {
        NotMade::Store(error) => error.into(),
        NotMade::LeaseLost => Failure::transient(not_made.to_string()),
        NotMade::Differs(_) | NotMade::TooMany(_) | NotMade::TooManyAtOnce(_) | NotMade::Gone | NotMade::NotOpen => {
            Failure::permanent(not_made.to_string())
        }
    }
}

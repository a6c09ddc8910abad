//! A run in the hands of one execution: what it goes on from.

use std::time::Duration;

use crate::{
    Agents, Cause, Command, Recap, Run, Session, StoredTurn,
    api::NO_MODEL,
    budget::{self, BudgetHolder, Budgets, OverBudget},
    journal::{self, Draft, JournalError, Place},
    key_of, of_journal,
    run_agent::{Failure, RunAgent, TaskContext, pay::over_budget},
    supervisor::{Assessment, Goal, History, Turn, assess},
};
use errand::{
    FailureKind, Id, State, Stored,
    spi::{
        money::Usd,
        store::{RecordKey, Related, RelationKind},
    },
};
use errand_models::Profile;

/// See the module.
pub(super) struct Work<'a> {
    pub(super) asked: &'a RunAgent,
    pub(super) task: &'a TaskContext<'a>,
    pub(super) agents: &'a Agents,
    pub(super) profile: &'a Profile,
    pub(super) place: Place,
    pub(super) run: Run,
    pub(super) session: Session,
    /// What was named for its agent last.
    kept: Budgets,
    /// Open, in their order.
    pub(super) commands: Vec<(Id, Command)>,
    /// Of this run.
    pub(super) turns: Vec<StoredTurn>,
    /// Of earlier runs in the session, oldest first.
    pub(super) earlier: Vec<StoredTurn>,
    /// What was said in the session before its newest turns.
    pub(super) recap: Recap,
    /// What earlier drives of the task have cost.
    earlier_cost: Usd,
}

/// How many turns of earlier runs are looked at: as many as a session may have before it is put in short.
pub(super) const EARLIER_TURNS: usize = 50;

/// How many earlier drives of a task count towards its goal's budget.
const EARLIER_DRIVES: u32 = 90;

/// How long a turn may take of a backend that has no limit of its own.
const UNLIMITED_TURN: Duration = Duration::from_secs(30);

/// What a turn needs besides the model's time, to be stored and settled.
const TURN_MARGIN: Duration = Duration::from_secs(10);

impl<'a> Work<'a> {
    pub(super) async fn load(
        asked: &'a RunAgent,
        task: &'a TaskContext<'a>,
        agents: &'a Agents,
    ) -> Result<Self, Failure> {
        let (app, tenant) = (task.services(), &task.task().key.tenant);
        let profile = agents.profiles.named(asked.profile.as_str())?;
        if profile.view.stands_in {
            return Err(Failure::said(FailureKind::Backend, NO_MODEL.to_owned()));
        }
        let place = Place::held(app, task.task()).await.map_err(of_journal)?;
        let (run, session, kept, commands) = read(task, &place).await?;
        let keys: Vec<RecordKey> =
            (0..run.turns).map(|nth| key_of::<StoredTurn>(tenant, &StoredTurn::id(&place.run, nth))).collect();
        let mut turns = Vec::new();
        for record in app.store.records_at(&keys).await? {
            let record = record.ok_or_else(|| Failure::permanent("a stored turn has vanished"))?;
            turns.push(Stored::read(record)?.value);
        }
        let place_run = place.run.clone();
        let session_id = run.session_id.clone().unwrap_or_else(|| place_run.clone());
        let mut work = Self {
            asked,
            task,
            agents,
            profile,
            place,
            run,
            session,
            kept,
            commands,
            turns,
            earlier: Vec::new(),
            recap: Recap::of_nothing(session_id, place_run),
            earlier_cost: Usd::ZERO,
        };
        work.load_earlier().await?;
        Ok(work)
    }

    async fn load_earlier(&mut self) -> Result<(), Failure> {
        let (app, task) = (self.task.services(), self.task.task());
        let tenant = &task.key.tenant;
        if self.session.messages > 0
            && let Some(of) = self.run.session_id.clone()
        {
            let kind = key_of::<StoredTurn>(tenant, &of).kind;
            let related = Related { tenant: tenant.clone(), kind, by: RelationKind::Parent, of, newest_first: true };
            for record in app.store.records(&related, None, EARLIER_TURNS).await?.items {
                let turn: StoredTurn = Stored::read(record)?.value;
                if turn.run_id != self.place.run {
                    self.earlier.push(turn);
                }
            }
            self.earlier.reverse();
        }
        if let Some(id) = &self.session.recap_id {
            let record = app.store.record(&key_of::<Recap>(tenant, id)).await?;
            let record = record.ok_or_else(|| Failure::permanent("the session's recap has vanished"))?;
            self.recap = Stored::read(record)?.value;
        }
        if self.asked.mission_cost_budget_usd.is_some() {
            let drives = task.redrives.saturating_sub(EARLIER_DRIVES)..task.redrives;
            for Stored { value: run, .. } in journal::runs(app, task, drives).await? {
                self.earlier_cost = self.earlier_cost.plus(run.cost_usd);
            }
        }
        Ok(())
    }

    /// Reads again what others may have changed.
    pub(super) async fn refresh(&mut self) -> Result<(), Failure> {
        (self.run, self.session, self.kept, self.commands) = read(self.task, &self.place).await?;
        Ok(())
    }

    /// What the supervisor says to the turns so far, `session` being as they left it.
    pub(super) fn assessment(&self, turns: &[StoredTurn], session: &Session, cost: Usd) -> Assessment {
        let begun = turns.iter().rposition(|turn| turn.cause == Cause::Command).unwrap_or(0);
        let assessed: Vec<Turn> = turns.iter().skip(begun).map(StoredTurn::assessed).collect();
        let own = Id::from(self.task.task().key.id);
        let history = History {
            session: self.run.session_id.as_ref().unwrap_or(&own),
            run: &self.place.run,
            turn: turns.len(),
            turns: &assessed,
            goal: self.goal(cost),
            incidents: &session.incidents,
            // The turn's own time, so that it is found the same after a crash.
            now: turns.last().map_or(self.task.now(), |turn| turn.at),
        };
        assess(&history, &self.agents.rules.supervisor)
    }

    fn goal(&self, cost: Usd) -> Option<Goal> {
        let budget = self.asked.mission_cost_budget_usd?;
        Some(Goal { spent: self.earlier_cost.plus(cost), budget })
    }

    /// Why the goal's budget allows no turn, if it does not.
    pub(super) fn goal_is_spent(&self) -> Option<String> {
        let Goal { spent, budget } = self.goal(self.run.cost_usd)?;
        spent.reaches(100, budget).then(|| format!("the goal's budget is spent: {spent} of {budget}"))
    }

    /// On whose budgets it works.
    pub(super) fn holders(&self) -> Vec<BudgetHolder> {
        let agent = (&self.run.spender(), self.asked.budgets.unwrap_or(self.kept));
        self.agents.rules.budgets.holders(&self.place.tenant, agent, self.task.task().user_id.as_ref())
    }

    /// The session that the run goes on in.
    pub(super) fn session_id(&self) -> Id {
        self.run.session_id.clone().unwrap_or_else(|| self.place.run.clone())
    }

    /// Where their spending is counted: what is read first wherever some is.
    pub(super) fn counters(&self) -> Vec<RecordKey> {
        self.holders().into_iter().map(|holder| holder.counter).collect()
    }

    /// Whether anything limits what may be spent.
    pub(super) fn is_limited(&self) -> bool {
        budget::is_limited(&self.holders(), self.asked.mission_cost_budget_usd)
    }

    /// Whether it is known what all was paid for, so that there may be another turn. Fails closed where there is a limit.
    pub(super) fn knows_its_cost(&self) -> Result<(), Failure> {
        if !self.is_limited() {
            return Ok(());
        }
        if let Some(turn) = self.turns.iter().find(|turn| turn.cost_usd.is_none()) {
            let unknown = format!("what turn {} of the run cost is not known", turn.nth + 1);
            return Err(over_budget(&OverBudget::Unavailable(unknown)));
        }
        if self.recap.run_id == self.place.run && self.recap.cost_usd.is_none() {
            let unknown = "what it cost to put the session in short is not known".to_owned();
            return Err(over_budget(&OverBudget::Unavailable(unknown)));
        }
        Ok(())
    }

    /// Whether there is time for another turn before this execution is timed out. Where a whole execution is too short
    /// for one, it is tried all the same.
    pub(super) fn has_time(&self) -> bool {
        let task = self.task.task();
        let State::Running { started_at, .. } = task.state else { return true };
        let limit = self.profile.view.timeout_s.and_then(|s| Duration::try_from_secs_f32(s).ok());
        let needs = limit.unwrap_or(UNLIMITED_TURN) + TURN_MARGIN;
        let whole = Duration::from_secs(task.timeout_s.into());
        needs > whole || (started_at + whole).since(self.task.now()) >= needs
    }
}

async fn read(task: &TaskContext<'_>, place: &Place) -> Result<(Run, Session, Budgets, Vec<(Id, Command)>), Failure> {
    let draft = Draft::read(task.services(), &place.tenant, &place.run, &[]).await?;
    let draft = draft.ok_or(JournalError::None("run")).map_err(of_journal)?;
    let gone = || Failure::said(FailureKind::InfraFailed, "the run's session is gone".to_owned());
    let session = draft.session().ok_or_else(gone)?.clone();
    let kept = draft.agent().and_then(|agent| agent.budgets).unwrap_or_default();
    let commands = draft.open_commands().map(|(id, command)| (id.clone(), command.clone())).collect();
    Ok((draft.run().clone(), session, kept, commands))
}

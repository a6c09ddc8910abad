//! Task types that are records, as the engine has them: their payloads, and how a task is done that is pushed.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use errand::{
    App, Asked, Effect, Failure, FieldError, Name, Outcome, Registry, Report, Services, Settings, StoreError, Task,
    TaskContext, Timestamp,
    spi::{
        json::Json,
        processor::Ending,
        registry::{Input, LeftAlone, OpenType, OpenTypes},
    },
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    OpenWork, Pushing, WorkOutcome,
    push::{Pushed, bad_outcome, left_alone},
    retirement::{Retirement, Retirements},
    types::Found,
};

/// `types`, with those that users keep as records; none of these is pushed.
pub fn with_open_types(types: Registry) -> Registry {
    with(types, None)
}

/// The same, which are pushed by `pushing`.
pub fn with_pushed_types(types: Registry, pushing: Pushing) -> Registry {
    with(types, Some(Arc::new(pushing)))
}

fn with(types: Registry, pushing: Option<Arc<Pushing>>) -> Registry {
    let open = OpenWork::default();
    let types = match pushing.clone() {
        Some(pushing) => types.with(pushing),
        None => types,
    };
    let served = Served { open: open.clone(), pushing, compiled: Arc::default() };
    types.open(served).tend::<Retirement>(Retirements).with(open)
}

/// Where they are found, and what is needed to push.
#[derive(Clone)]
struct Served {
    open: OpenWork,
    /// Where tasks run.
    pushing: Option<Arc<Pushing>>,
    compiled: Arc<Mutex<Weak<Registry>>>,
}

#[async_trait]
impl OpenTypes for Served {
    fn beside(&self, compiled: &Arc<Registry>) {
        *self.compiled.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(compiled);
    }

    async fn find(
        &self,
        services: &Services,
        tenant: &Name,
        name: &Name,
    ) -> Result<Option<Arc<dyn OpenType>>, StoreError> {
        let found = self.open.find(services, tenant, name).await?;
        let served = self.clone();
        Ok(found.map(|found| Arc::new(Kept { found, served }) as Arc<dyn OpenType>))
    }

    async fn left_alone(&self, services: &Services, tenant: Option<&Name>) -> Result<Vec<LeftAlone>, StoreError> {
        left_alone(services, tenant).await
    }
}

impl Served {
    /// What works with the types that are compiled in, too; `None` once the process ends.
    fn app(&self, services: &Services) -> Option<App> {
        let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        Some(App::new(services.clone(), compiled?))
    }
}

/// A type, for the engine.
struct Kept {
    found: Arc<Found>,
    served: Served,
}

impl OpenType for Kept {
    fn settings(&self) -> Settings {
        self.found.record.settings()
    }

    fn off(&self) -> Option<&'static str> {
        self.found.record.retired_at.map(|_| "are taken no more: the type is retired")
    }

    fn strict(&self, payload: &Json) -> Result<Box<dyn Input>, FieldError> {
        if let Some(schema) = &self.found.schema {
            let value: Value =
                payload.parse().map_err(|error: serde_json::Error| FieldError::at("", error.to_string()))?;
            schema.check(&value)?;
        }
        self.lenient(payload)
    }

    fn lenient(&self, _: &Json) -> Result<Box<dyn Input>, FieldError> {
        Ok(Box::new(Given { found: self.found.clone(), served: self.served.clone() }))
    }
}

/// A payload of such a type: whoever does the work reads it.
struct Given {
    found: Arc<Found>,
    served: Served,
}

#[async_trait]
impl Input for Given {
    fn settings(&self) -> Settings {
        self.found.record.settings()
    }

    fn admits(&self, _: &Asked) -> Result<(), FieldError> {
        Ok(())
    }

    async fn enter(&self, now: Timestamp) -> Result<Box<dyn Send>, Duration> {
        match &self.served.pushing {
            Some(pushing) => {
                let patience = Duration::from_secs(self.found.record.timeout_s.into());
                Ok(Box::new(pushing.enter(&self.found.place, patience, now).await?))
            }
            None => Ok(Box::new(())),
        }
    }

    async fn handle(&self, context: &TaskContext<'_>) -> Result<Outcome, Failure> {
        let Some(pushing) = &self.served.pushing else {
            return Err(Failure::transient("no task is pushed here: there is no key for secrets"));
        };
        match pushing.push(&self.found.place, &self.found.record, context).await? {
            Pushed::Decided(decided) => Ok(decided),
            Pushed::Said(outcome) => self.said(*outcome, context).await,
        }
    }

    async fn ended(&self, _: &TaskContext<'_>, _: &Task) -> Result<Vec<Effect>, StoreError> {
        Ok(Vec::new())
    }

    async fn waits(&self, _: &TaskContext<'_>, _: &Task) -> Result<Vec<Effect>, StoreError> {
        Ok(Vec::new())
    }

    async fn used(&self, _: &TaskContext<'_>) -> Result<Report, StoreError> {
        Ok(Report::default())
    }

    fn session_path(&self, _: Uuid) -> Option<String> {
        None
    }

    fn pool(&self) -> Option<Name> {
        self.found.record.pool.clone()
    }
}

impl Given {
    /// What it means that the target says `outcome`.
    async fn said(&self, outcome: WorkOutcome, context: &TaskContext<'_>) -> Result<Outcome, Failure> {
        let app = self.served.app(context.services()).ok_or_else(|| Failure::transient("the process ends"))?;
        let ended = outcome.ended(&app, context.task()).await.map_err(|error| bad_outcome(&error.message))?;
        context.beside(ended.effects);
        context.uses(ended.report);
        match ended.ending {
            Ending::Decided(decided) => Ok(decided),
            Ending::Failed(failure) => Err(failure),
            Ending::Released => Ok(Outcome::Postpone(Duration::ZERO)),
        }
    }
}

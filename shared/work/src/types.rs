//! Finds task types that are records, as engine and routes ask for them: each is read at most every 30 seconds.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use errand::{
    App, Asked, Effect, Entity, Failure, FieldError, Id, Name, Outcome, Registry, Report, Services, Settings,
    StoreError, Stored, Task, TaskContext, TaskKey, Timestamp,
    spi::{
        json::Json,
        registry::{Input, OpenType, OpenTypes},
        store::RecordKey,
    },
};
use serde_json::Value;
use uuid::Uuid;

use crate::{Schema, TypeRecord};

/// How long a type that was read is gone by.
const CACHED: Duration = Duration::from_secs(30);

/// The most types that are kept in memory; beyond, all are read anew.
const MOST_CACHED: usize = 10_000;

/// The task types that are records. Cheap to clone; all copies remember together.
#[derive(Clone, Default)]
pub struct OpenWork {
    read: Arc<Mutex<HashMap<(Name, Name), (Timestamp, Arc<Found>)>>>,
    /// The tasks that a claim of this process is about to take.
    pub(crate) in_hand: Arc<Mutex<HashSet<TaskKey>>>,
}

/// `types`, with those that users keep as records.
pub fn with_open_types(types: Registry) -> Registry {
    let open = OpenWork::default();
    types.open(open.clone()).with(open)
}

/// A type as it was read.
pub struct Found {
    /// Its name.
    pub name: Name,
    /// The record.
    pub record: TypeRecord,
    schema: Option<Schema>,
}

impl OpenWork {
    /// Those of `app`, if it has any.
    pub fn of(app: &App) -> Option<&Self> {
        app.types.state()
    }

    /// The type of this name, as `tenant` has it, or else the installation.
    pub async fn find(
        &self,
        services: &Services,
        tenant: &Name,
        name: &Name,
    ) -> Result<Option<Arc<Found>>, StoreError> {
        let (place, now) = ((tenant.clone(), name.clone()), services.clock.now());
        if let Some((read_at, found)) = self.cache().get(&place)
            && now.since(*read_at) < CACHED
            && *read_at <= now
        {
            return Ok(Some(found.clone()));
        }
        // What is not there is asked for each time: somebody may just have made it.
        let Some(found) = read(services, tenant, name).await? else { return Ok(None) };
        let found = Arc::new(found);
        let mut cache = self.cache();
        if cache.len() >= MOST_CACHED {
            cache.clear();
        }
        cache.insert(place, (now, found.clone()));
        Ok(Some(found))
    }

    /// Reads types anew: one was changed. Other processes follow within 30 seconds.
    pub fn forget(&self) {
        self.cache().clear();
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<(Name, Name), (Timestamp, Arc<Found>)>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(services: &Services, tenant: &Name, name: &Name) -> Result<Option<Found>, StoreError> {
    let key = |tenant: &Name| RecordKey { tenant: tenant.clone(), kind: TypeRecord::kind(), id: Id::from(name) };
    let places = [key(tenant), key(&Name::installation())];
    let found = services.store.records_at(&places).await?.into_iter().flatten().next();
    let Some(stored) = found.map(Stored::<TypeRecord>::read).transpose()? else { return Ok(None) };
    let schema = stored
        .value
        .compiled()
        .map_err(|error| StoreError::Corrupt { id: format!("{} {name}", TypeRecord::KIND), source: error.into() })?;
    Ok(Some(Found { name: name.clone(), record: stored.value, schema }))
}

#[async_trait]
impl OpenTypes for OpenWork {
    async fn find(
        &self,
        services: &Services,
        tenant: &Name,
        name: &Name,
    ) -> Result<Option<Arc<dyn OpenType>>, StoreError> {
        let found = OpenWork::find(self, services, tenant, name).await?;
        Ok(found.map(|found| Arc::new(Kept(found)) as Arc<dyn OpenType>))
    }
}

/// A type, for the engine.
struct Kept(Arc<Found>);

impl OpenType for Kept {
    fn settings(&self) -> Settings {
        self.0.record.settings()
    }

    fn off(&self) -> Option<&'static str> {
        self.0.record.retired_at.map(|_| "are taken no more: the type is retired")
    }

    fn strict(&self, payload: &Json) -> Result<Box<dyn Input>, FieldError> {
        if let Some(schema) = &self.0.schema {
            let value: Value =
                payload.parse().map_err(|error: serde_json::Error| FieldError::at("", error.to_string()))?;
            schema.check(&value)?;
        }
        self.lenient(payload)
    }

    fn lenient(&self, _: &Json) -> Result<Box<dyn Input>, FieldError> {
        Ok(Box::new(Given(self.0.clone())))
    }
}

/// A payload of such a type: whoever does the work reads it.
struct Given(Arc<Found>);

#[async_trait]
impl Input for Given {
    fn settings(&self) -> Settings {
        self.0.record.settings()
    }

    fn admits(&self, _: &Asked) -> Result<(), FieldError> {
        Ok(())
    }

    async fn handle(&self, _: &TaskContext<'_>) -> Result<Outcome, Failure> {
        Err(Failure::permanent("only a worker outside does this")) // not reached: nobody here is told of it
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
        self.0.record.pool.clone()
    }
}

//! Finds task types that are records, as engine and routes ask for them: each is read at most every 30 seconds.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use errand::{App, Entity, Id, Name, Services, StoreError, Stored, TaskKey, Timestamp, spi::store::RecordKey};

use crate::{Schema, SchemaError, TypeRecord};

/// How long a type that was read is gone by.
const CACHED: Duration = Duration::from_secs(30);

/// The most types that are kept in memory; beyond, all are read anew.
const MOST_CACHED: usize = 10_000;

/// What was read, by tenant and name, and when.
type Cache = HashMap<(Name, Name), (Timestamp, Arc<Found>)>;

/// The task types that are records. Cheap to clone; all copies remember together.
#[derive(Clone, Default)]
pub struct OpenWork {
    read: Arc<Mutex<Cache>>,
    /// The tasks that a claim of this process is about to take.
    pub(crate) in_hand: Arc<Mutex<HashSet<TaskKey>>>,
}

/// A type as it was read.
pub struct Found {
    /// Its name.
    pub name: Name,
    /// The record.
    pub record: TypeRecord,
    /// Where it is kept.
    pub(crate) place: RecordKey,
    pub(crate) schema: Option<Schema>,
}

impl Found {
    /// The type `name`, which is kept at `place`.
    pub(crate) fn new(name: Name, record: TypeRecord, place: RecordKey) -> Result<Self, StoreError> {
        let corrupt = |error: SchemaError| StoreError::Corrupt {
            id: format!("{} {name}", TypeRecord::KIND),
            source: error.into(),
        };
        let schema = record.compiled().map_err(corrupt)?;
        Ok(Self { name, record, place, schema })
    }
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

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(services: &Services, tenant: &Name, name: &Name) -> Result<Option<Found>, StoreError> {
    let places = [place(tenant, name), place(&Name::installation(), name)];
    for record in services.store.records_at(&places).await?.into_iter().flatten() {
        let (place, record) = (record.key.clone(), Stored::<TypeRecord>::read(record)?.value);
        if record.removed_at.is_some() {
            continue;
        }
        return Found::new(name.clone(), record, place).map(Some);
    }
    Ok(None)
}

/// The type `name` of `tenant` as it is kept now, or was when it was removed.
pub(crate) async fn kept(
    services: &Services,
    tenant: &Name,
    name: &Name,
) -> Result<Option<Stored<TypeRecord>>, StoreError> {
    services.store.record(&place(tenant, name)).await?.map(Stored::read).transpose()
}

/// The same, unless it was removed.
pub(crate) async fn stored(
    services: &Services,
    tenant: &Name,
    name: &Name,
) -> Result<Option<Stored<TypeRecord>>, StoreError> {
    Ok(kept(services, tenant, name).await?.filter(|kept| kept.value.removed_at.is_none()))
}

/// Where the type `name` is kept that `tenant` has.
pub(crate) fn place(tenant: &Name, name: &Name) -> RecordKey {
    RecordKey { tenant: tenant.clone(), kind: TypeRecord::kind(), id: Id::from(name) }
}

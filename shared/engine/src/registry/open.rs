//! Task types that are no Rust types: found by name, as each tenant has them.

use std::sync::Arc;

use async_trait::async_trait;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    handler::Settings,
    ids::Name,
    json::{Json, read::FieldError},
    registry::{Input, Registry},
    services::Services,
    store::StoreError,
};

/// A task type that was found.
pub trait OpenType: Send + Sync {
    /// What it decides about its tasks.
    fn settings(&self) -> Settings;

    /// Why no more of its tasks are taken, if it is so: it completes "tasks of the type … ". Those there are come to their
    /// ends.
    fn off(&self) -> Option<&'static str>;

    /// Reads a new request's payload, or says what of it does not fit.
    fn strict(&self, payload: &Json) -> Result<Box<dyn Input>, FieldError>;

    /// Reads a stored payload, which fitted once.
    fn lenient(&self, payload: &Json) -> Result<Box<dyn Input>, FieldError>;
}

/// Where an installation keeps task types beside those that are compiled in, which win.
#[async_trait]
pub trait OpenTypes: Send + Sync {
    /// Hears which types are compiled in, before it is asked for any. To keep these alive would keep both for ever.
    fn beside(&self, compiled: &Arc<Registry>);

    /// The type of this name, as `tenant` has it; `None` if it has none.
    async fn find(
        &self,
        services: &Services,
        tenant: &Name,
        name: &Name,
    ) -> Result<Option<Arc<dyn OpenType>>, StoreError>;

    /// The types whose tasks wait because whoever does them is left alone for a while: those that `tenant` has, or all.
    async fn left_alone(&self, _services: &Services, _tenant: Option<&Name>) -> Result<Vec<LeftAlone>, StoreError> {
        Ok(Vec::new())
    }
}

/// That a target had too much to do, or did not answer, and is left alone: the tasks of its type wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeftAlone {
    /// Whose type it is; `_errand` if all tenants have it.
    pub tenant: Name,
    /// The type.
    pub task_type: Name,
    /// Since when.
    pub since: Timestamp,
    /// Until when at least: after that one call shows how the target is, and the others wait for it.
    pub until: Timestamp,
}

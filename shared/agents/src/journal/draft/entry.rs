//! A record as it was read, and what becomes of it.

use crate::{create, replace};
use errand::{Entity, Id, Name, Stored, Timestamp, spi::store::RecordWrite};

/// A record that may change.
pub(crate) struct Entry<E> {
    pub(crate) id: Id,
    pub(super) read: Option<Stored<E>>,
    pub(crate) value: E,
}

impl<E: Entity + Clone + PartialEq> Entry<E> {
    pub(crate) fn new(id: Id, value: E) -> Self {
        Self { id, read: None, value }
    }

    pub(crate) fn stored(read: Stored<E>) -> Self {
        Self { id: read.id.clone(), value: read.value.clone(), read: Some(read) }
    }

    /// What to write, if it is not as it was read.
    pub(super) fn write(&self, tenant: &Name, now: Timestamp) -> Option<RecordWrite> {
        match &self.read {
            None => Some(create(tenant, &self.id, &self.value, now)),
            Some(read) if read.value == self.value => None,
            Some(read) => Some(replace(tenant, read, &self.value, now)),
        }
    }
}

//! How a registry is built, and what may be wrong with one.

use std::{any::TypeId, sync::Arc};

use super::{
    LookAfter, OpenTypes, RecordKind, Registered, Registry, RegistryError,
    erased::{AnyType, Of},
};
use crate::{handler::Handler, ids::Name, records::Entity};

impl Registry {
    /// The same with the type `H`, whose handlers are given `state`.
    #[must_use]
    #[allow(clippy::should_implement_trait)] // nobody takes a registry for a sum
    pub fn add<H: Handler>(self, state: H::State) -> Self {
        self.of_type(Of::<H>::new(state), None)
    }

    /// The same with the type `H`, whose tasks are neither taken nor run: it is shown, and `why` completes "tasks of the
    /// type … ".
    #[must_use]
    pub fn add_off<H: Handler>(self, state: H::State, why: &'static str) -> Self {
        self.of_type(Of::<H>::new(state), Some(why))
    }

    /// The same with the kind `E`, whose records may be read and written over HTTP.
    #[must_use]
    pub fn record<E: Entity>(self) -> Self {
        let name = E::KIND;
        self.kind(name, RecordKind::written::<E>())
    }

    /// The same with the kind `name`, whose records tasks alone write, and which are shown over HTTP as they are.
    #[must_use]
    pub fn shown(self, name: &'static str) -> Self {
        self.kind(name, RecordKind::shown(name))
    }

    /// The same with `state`, for what is served beside tasks: the routes of an installation find it by its type. Of one
    /// type, the last counts.
    #[must_use]
    pub fn with<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.state.insert(TypeId::of::<T>(), Arc::new(state));
        self
    }

    /// The same, which looks for types that it does not know itself in `open`.
    #[must_use]
    pub fn open(self, open: impl OpenTypes + 'static) -> Self {
        Self { open: Some(Arc::new(open)), ..self }
    }

    /// The same, where `by` looks after the records of the kind `E` whose time has come. Of one kind, the last counts.
    #[must_use]
    pub fn tend<E: Entity>(mut self, by: impl LookAfter + 'static) -> Self {
        self.tended.insert(E::kind(), Arc::new(by));
        self
    }

    /// The same, which is shown to `told` once it is whole, before anybody is given it: for a type that works on tasks of all
    /// others. To keep it alive would keep both for ever.
    #[must_use]
    pub fn tell(mut self, told: impl Fn(&Arc<Registry>) + Send + Sync + 'static) -> Self {
        self.told.push(Arc::new(told));
        self
    }

    /// The same with all that `other` has.
    #[must_use]
    pub fn merge(mut self, other: Registry) -> Self {
        self.wrong = self.wrong.or(other.wrong);
        for registered in other.types.into_values() {
            self = self.put(registered);
        }
        self.state.extend(other.state);
        self.open = self.open.or(other.open);
        self.tended.extend(other.tended);
        self.told.extend(other.told);
        for (name, kind) in other.kinds {
            self = self.put_kind(name, kind);
        }
        self
    }

    /// The registry, if nothing is wrong with it.
    pub fn checked(self) -> Result<Arc<Self>, RegistryError> {
        match self.wrong {
            None => {
                let checked = Arc::new(self);
                if let Some(open) = &checked.open {
                    open.beside(&checked);
                }
                checked.told.iter().for_each(|told| told(&checked));
                Ok(checked)
            }
            Some(wrong) => Err(wrong),
        }
    }

    fn of_type(self, of: impl AnyType + 'static, off: Option<&'static str>) -> Self {
        self.put(Registered { of: Arc::new(of), off })
    }

    fn put(mut self, new: Registered) -> Self {
        let (name, second) = (new.of.name(), new.of.rust_name());
        match Name::new(name) {
            Err(source) => self.wrong(RegistryError::Name { of: second, name, source }),
            Ok(name) => match self.types.get(&name) {
                Some(there) => {
                    let first = there.of.rust_name();
                    self.wrong(RegistryError::Doubled { what: "task types", name, first, second });
                }
                None => drop(self.types.insert(name, new)),
            },
        }
        self
    }

    fn kind(mut self, name: &'static str, kind: RecordKind) -> Self {
        match Name::new(name) {
            Ok(name) => self.put_kind(name, kind),
            Err(source) => {
                self.wrong(RegistryError::Name { of: kind.rust_name(), name, source });
                self
            }
        }
    }

    fn put_kind(mut self, name: Name, kind: RecordKind) -> Self {
        if let Some(there) = self.kind_of(&name) {
            let (first, second) = (there.rust_name(), kind.rust_name());
            self.wrong(RegistryError::Doubled { what: "kinds of records", name, first, second });
        } else {
            self.kinds.push((name, kind));
        }
        self
    }

    fn wrong(&mut self, error: RegistryError) {
        self.wrong.get_or_insert(error);
    }
}

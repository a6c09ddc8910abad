//! What a process has noted of which types workers outside ask for, so that it does not note it with every claim.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{clock::Timestamp, ids::Id};

/// For how long a process does not note again what it has noted.
const NOTED_FOR: Duration = Duration::from_secs(60);

/// The most that a process remembers to have noted; beyond, all is noted anew.
const MOST_NOTED: usize = 10_000;

/// Of which type and pool it is, and whether it is that workers ask, or that tasks wait.
pub(crate) type Noted = (Id, bool);

/// What this process has noted, and when. All copies remember together.
#[derive(Clone, Debug, Default)]
pub struct Noticed {
    noted: Arc<Mutex<HashMap<Noted, Timestamp>>>,
}

impl Noticed {
    pub(crate) fn is_news(&self, of: &Noted, now: Timestamp) -> bool {
        let noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(of).is_none_or(|at| now < *at || now.since(*at) >= NOTED_FOR)
    }

    pub(crate) fn note(&self, of: Noted, now: Timestamp) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= MOST_NOTED {
            noted.clear();
        }
        noted.insert(of, now);
    }
}

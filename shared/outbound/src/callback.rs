//! The token of a callback: who bears it may say how one execution of one task went, and nothing else.
//!
//! It has no end of its own: it is worth something as long as its fence is, and the task says how long that is. It is a
//! credential, so no log line, span or message has it.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use errand::{Name, TaskKey, spi::lifecycle::Fence};
use ring::{digest::SHA256_OUTPUT_LEN, hmac};
use uuid::Uuid;

use crate::secrets::Keyring;

/// The form of what is signed: the execution, the worker, the task, and whose it is.
const FORM: u8 = 1;

/// Which execution of which task a token speaks of.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// The task.
    pub task: TaskKey,
    /// The execution, as it was claimed.
    pub fence: Fence,
}

/// The worker's id is what nobody else may know.
impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callback({}, {})", self.task.id, self.fence.executions)
    }
}

impl Callback {
    /// Its token: letters, digits, `-` and `_`.
    pub fn token(&self, keyring: &Keyring) -> String {
        let said = self.said();
        let mac = hmac::sign(&keyring.callbacks, &said);
        BASE64.encode([&said, mac.as_ref()].concat())
    }

    /// What `token` speaks of, if this installation made it.
    pub fn read(keyring: &Keyring, token: &str) -> Option<Self> {
        let bytes = BASE64.decode(token).ok()?;
        let (said, mac) = bytes.split_at_checked(bytes.len().checked_sub(SHA256_OUTPUT_LEN)?)?;
        hmac::verify(&keyring.callbacks, said, mac).ok()?; // takes as long wherever they differ
        let (form, said) = said.split_first()?;
        let (executions, said) = said.split_first_chunk()?;
        let (worker, said) = said.split_first_chunk()?;
        let (id, tenant) = said.split_first_chunk()?;
        let fence = Fence { executions: u32::from_be_bytes(*executions), worker: Uuid::from_bytes(*worker) };
        let tenant = Name::new(str::from_utf8(tenant).ok()?).ok()?;
        (*form == FORM).then_some(Self { task: TaskKey { tenant, id: Uuid::from_bytes(*id) }, fence })
    }

    fn said(&self) -> Vec<u8> {
        let Self { task, fence } = self;
        let (executions, tenant) = (fence.executions.to_be_bytes(), task.tenant.as_str().as_bytes());
        [&[FORM], &executions[..], fence.worker.as_bytes(), task.id.as_bytes(), tenant].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Keyring {
        Keyring::read(&Keyring::new_key().unwrap()).unwrap()
    }

    fn callback(tenant: &'static str, executions: u32) -> Callback {
        let task = TaskKey { tenant: Name::of(tenant), id: Uuid::from_u128(7) };
        Callback { task, fence: Fence { executions, worker: Uuid::from_u128(9) } }
    }

    #[test]
    fn a_token_speaks_of_its_execution() {
        let keyring = fresh();
        for callback in [callback("default", 1), callback("a", u32::MAX)] {
            let token = callback.token(&keyring);
            assert_eq!(Callback::read(&keyring, &token), Some(callback));
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{token}");
        }
    }

    #[test]
    fn a_token_that_was_touched_or_made_elsewhere_speaks_of_nothing() {
        let keyring = fresh();
        let token = callback("acme", 3).token(&keyring);
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(Callback::read(&keyring, &String::from_utf8(other).unwrap()), None, "at {at}");
            assert_eq!(Callback::read(&keyring, &token[..at]), None, "cut at {at}");
        }
        assert_eq!(Callback::read(&fresh(), &token), None);
        assert_eq!(Callback::read(&keyring, &format!("{token}AAAA")), None);
    }

    #[test]
    fn a_token_does_not_show_in_what_is_printed() {
        let shown = format!("{:?}", callback("acme", 3));
        assert_eq!(shown, "Callback(00000000-0000-0000-0000-000000000007, 3)");
    }
}

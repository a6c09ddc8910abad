//! Rings when tasks that workers outside ask for may be there, so that who waits for some need not ask again and again.

use std::sync::Arc;

use tokio::sync::watch;

/// One for a process; all copies ring together. It tells only of what this process has done.
#[derive(Clone, Debug)]
pub struct Bell(Arc<watch::Sender<u64>>);

impl Default for Bell {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Bell {
    /// Tells everybody who listens.
    pub(crate) fn ring(&self) {
        self.0.send_modify(|rung| *rung = rung.wrapping_add(1));
    }

    /// From now on, every ring is heard: listen first, then look, then wait.
    pub fn listen(&self) -> Listening {
        Listening(self.0.subscribe())
    }
}

/// Hears a [`Bell`].
#[derive(Debug)]
pub struct Listening(watch::Receiver<u64>);

impl Listening {
    /// Until it has rung since it was listened to, or since this was answered last.
    pub async fn rung(&mut self) {
        // Its bell is gone: nothing will ever be heard.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

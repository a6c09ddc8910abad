//! What an installation decides, in one place, for tests that change some of it.

use std::sync::{Arc, LazyLock};

use errand::{App, Registry, Rules, Services, spi::listener::Listeners};
use errand_aws::relay::BusEvents;
use errand_models::Profiles;
use errand_outbound::{Allowance, Keyring, TargetClient};
use errand_schedules::with_schedules;
use errand_work::{Pushing, with_pushed_types};
use shared::handlers::{Installation, types};

/// See the module.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What goes for tasks.
    pub rules: Rules,
    /// Who hears of events.
    pub listeners: Listeners,
    /// Which changes of tasks are told on the bus.
    pub bus_events: BusEvents,
    /// What the task types work with.
    pub installation: Installation,
}

/// As they are by default, but that `scripted` tasks are taken, and that what is no model is named as one.
impl Default for Settings {
    fn default() -> Self {
        let mut installation = Installation { scripted: true, ..Installation::default() };
        let named = Profiles::read(r#"{"default": {"kind": "extractive"}}"#, |_| None);
        installation.agents.profiles = named.map_or_else(|error| panic!("{error}"), |(profiles, _)| profiles);
        let (rules, listeners, bus_events) = (Rules::default(), Listeners::default(), BusEvents::default());
        Self { rules, listeners, bus_events, installation }
    }
}

impl Settings {
    /// With these model backends.
    pub fn asking(profiles: Profiles) -> Self {
        let mut settings = Self::default();
        settings.installation.agents.profiles = profiles;
        settings
    }

    /// With these principals as verifiers.
    pub fn verified_by(principal: &str) -> Self {
        let mut settings = Self::default();
        settings.rules.verifiers = vec![principal.to_owned()];
        settings
    }

    /// A poller that takes up so many due items at a time.
    pub fn polling(page: usize) -> Self {
        let mut settings = Self::default();
        settings.rules.poll_page = page;
        settings
    }

    /// The task types of an installation with these settings.
    pub fn types(&self) -> Registry {
        types(&self.installation)
    }

    /// A process over the store, queue and clock of `services`, of an installation with these settings.
    pub fn app(&self, services: &Services) -> App {
        let mut services = services.clone();
        services.rules = Arc::new(self.rules.clone());
        services.listeners = self.listeners.clone();
        let offer = errand_mcp::Offer(&["scripted", "create_conversation_summary"]);
        let types =
            with_schedules(pushed(self.types())).with(offer).checked().unwrap_or_else(|error| panic!("{error}"));
        App::new(services, types)
    }
}

/// `types`, with those of users: what is pushed may be pushed to this machine.
fn pushed(types: Registry) -> Registry {
    // One for all tests, as a client takes a while to make; and with one key, as processes of one installation have.
    static WITH: LazyLock<(TargetClient, Arc<Keyring>)> = LazyLock::new(|| {
        let keyring = Keyring::read(&Keyring::new_key().expect("random bytes")).expect("a key");
        (TargetClient::new(Allowance::Loopback, None).expect("a client"), Arc::new(keyring))
    });
    let (caller, keyring) = WITH.clone();
    with_pushed_types(types, Pushing::new(caller, keyring.clone(), "https://errand.example".to_owned())).with(keyring)
}

//! The one-machine deployment: store, queues, functions and server in one process.

mod upkeep;

use std::{
    fs::{File, TryLockError},
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use errand::{
    App, Registry, Rules, Services,
    spi::{
        bell::Bell,
        clock::{Clock, SystemClock},
        environment::principals,
        listener::Listeners,
        queue::{MemoryQueue, QueueName},
        redact,
        rights::Scopes,
    },
};
use errand_mcp::{Mcp, TaskWatch};
use errand_models::http::Webhook;
use errand_outbound::{Allowance, SignedWebhooks, TargetClient};
use errand_schedules::{carry, with_schedules};
use errand_work::{Pushing, with_pushed_types};
use reqwest::Url;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tracing::{info, warn};

use crate::{
    mapping::Mapping,
    metrics::Metrics,
    options::Options,
    private, secret_key, server,
    sqlite::{self, SqliteStore},
};

/// How long what runs gets to be released, after the grace period.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// How many pushed tasks are in hand at the same time, of all types: each waits for its target, or for room.
const PUSHES: u16 = 4096;

/// A running server.
pub struct RunningServer {
    /// What its functions work with.
    pub app: App,
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    upkeep: JoinSet<()>,
    mappings: JoinSet<JoinSet<()>>,
    batches: Vec<JoinSet<()>>,
    grace: Duration,
    // Held as long as the server runs.
    _lock: File,
}

impl RunningServer {
    /// Opens the data directory, recovers what the last process left, and serves tasks of these `types`. Once it has
    /// returned, the secrets of `options` are masked wherever they appear.
    pub async fn start(options: &Options, types: Registry) -> anyhow::Result<Self> {
        Self::start_at(options, types, Arc::new(SystemClock)).await
    }

    /// The same by another clock, which tests move.
    pub async fn start_at(options: &Options, types: Registry, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        // What is wrong with them is told before anything is touched.
        types.clone().checked()?;
        // The first call counts: a program with more secrets has named all of them before.
        redact::know_secrets(options.secrets());
        let access = options.access()?;
        if !options.host.is_loopback() && access.is_none() {
            bail!(
                "listening on {} lets others in: set a token (--token, ERRAND_TOKEN) or a file of them (--tokens)",
                options.host
            );
        }
        let database = options.data.join("errand.db");
        private::prepare(&options.data, &database)
            .with_context(|| format!("the data directory {} could not be made ready", options.data.display()))?;
        let lock = lock(&options.data)?;
        let listener = bind(options.host, options.port).await?;
        let address = listener.local_addr()?;
        let keyring = Arc::new(secret_key::keyring(&options.data)?);
        let allowance = if options.allow_private_targets { Allowance::Private } else { Allowance::Loopback };
        let client = TargetClient::new(allowance, Some(address))?;
        let base = options.public_url.as_ref().map_or_else(|| format!("http://{address}"), Url::to_string);
        let pushing = Pushing::new(client.clone(), keyring.clone(), base);
        let types = with_schedules(with_pushed_types(types, pushing)).with(keyring.clone()).checked()?;
        let settings =
            sqlite::SqliteSettings { synchronous: options.synchronous.into(), retention: options.retention() };
        let metrics = Arc::new(Metrics::new()?);
        let store = Arc::new(SqliteStore::open_measured(&database, settings, Some(metrics.transactions()))?);
        let changed = store.changed();
        let recovered = store.recover(clock.now()).await?;
        let queue = Arc::new(MemoryQueue::new(clock.clone()));
        let mut services = Services::new(store.clone(), queue.clone(), clock);
        services.rules = Arc::new(rules(options)?);
        services.listeners = listeners(options)?;
        services.listeners.webhooks = Some(Arc::new(SignedWebhooks::new(client, keyring, services.clock.clone())));
        services.bell = Some(Bell::default());
        services.meter = metrics.meter();
        let app = App::new(services, types);
        carry(&app).await?;
        info!(%address, data = %options.data.display(), recovered, "errand serves");

        let (stop, stopped) = watch::channel(false);
        let mut mappings = JoinSet::new();
        let work = QueueName::WORK.map(|from| (from, options.workers));
        for (from, concurrency) in work.into_iter().chain([(QueueName::Pushed, PUSHES)]) {
            let (app, queue) = (app.clone(), queue.clone());
            let mapping = Mapping { app, queue, from, concurrency };
            mappings.spawn(mapping.run(told(stopped.clone())));
        }
        let mut upkeep = JoinSet::new();
        upkeep.spawn(upkeep::letters(queue, told(stopped.clone())));
        let interval = Duration::from_millis(options.poll_interval_ms);
        upkeep.spawn(upkeep::poll(app.clone(), interval, told(stopped.clone())));
        upkeep.spawn(upkeep::post(app.clone(), interval, told(stopped.clone())));
        upkeep.spawn(upkeep::prune(app.clock.clone(), store.clone(), options.retention(), told(stopped.clone())));
        let limits = options.limits();
        let waiting = TaskWatch { changed: changed.clone(), stop: stopped.clone() };
        let mcp = Mcp { waiting: Some(waiting), kept: options.retention(), resource: None };
        let following = server::Following { changed, stop: stopped.clone() };
        let measured = server::Measured { metrics, store, clock: app.clock.clone() };
        let router = server::router(app.clone(), access, &limits, &following, mcp, measured);
        let server = tokio::spawn(server::serve(listener, router, limits, told(stopped)));
        let grace = Duration::from_secs(options.grace_s);
        Ok(Self { app, address, stop, server, upkeep, mappings, batches: Vec::new(), grace, _lock: lock })
    }

    /// Returns, with an error, if a part of the server has ended that must not: without it tasks would wait for ever.
    pub async fn broken(&mut self) -> anyhow::Error {
        let (part, ended) = tokio::select! {
            Some(ended) = self.mappings.join_next() => ("a queue's deliveries", ended.map(drop)),
            Some(ended) = self.upkeep.join_next() => ("the poller, what posts events, or what looks after old tasks", ended),
            ended = &mut self.server => ("the HTTP server", ended),
        };
        let why = ended.err().map_or_else(|| "it returned".to_owned(), |error| error.to_string());
        anyhow::anyhow!("{part} has ended: {why}")
    }

    /// Takes no more requests and starts no more tasks; gives those that run the grace period to finish. What does
    /// not is released: the next start runs it again at once.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(self.grace, self.finish()).await.is_err() {
            let grace_s = self.grace.as_secs();
            warn!(grace_s, "tasks or requests still run after the grace period; they are released");
            self.server.abort();
            self.app.release.tell();
            if tokio::time::timeout(RELEASE_WITHIN, self.finish()).await.is_err() {
                warn!("some could not be released; the next start runs them again");
            }
        }
    }

    /// Waits for everything that runs.
    async fn finish(&mut self) {
        loop {
            tokio::select! {
                Some(mapping) = self.mappings.join_next() => self.batches.extend(mapping),
                Some(_) = next_of(&mut self.batches) => {}
                Some(_) = self.upkeep.join_next() => {}
                else => break,
            }
        }
        if !self.server.is_finished() {
            let _ = (&mut self.server).await; // it fails by a panic alone, which says so itself
        }
    }
}

/// The next of these batches that ends, if any is left.
async fn next_of(batches: &mut Vec<JoinSet<()>>) -> Option<()> {
    while let Some(last) = batches.last_mut() {
        if last.join_next().await.is_some() {
            return Some(());
        }
        batches.pop();
    }
    None
}

fn rules(options: &Options) -> anyhow::Result<Rules> {
    Ok(Rules {
        max_retries: options.max_retries,
        max_losses: options.max_losses,
        look_ahead: Duration::from_millis(options.poll_interval_ms).saturating_mul(3) / 2,
        verifiers: options.verifiers.iter().flat_map(|list| principals(list)).collect(),
        // The rights of a token stand in its file.
        scopes: Scopes::by_name(),
        poll_page: usize::try_from(options.tasks_per_poll)?,
    })
}

fn listeners(options: &Options) -> anyhow::Result<Listeners> {
    let webhook = options.webhook_url.clone().map(Webhook::new).transpose()?;
    let webhook = webhook.map(|webhook| match options.webhook_secret.clone() {
        Some(secret) => webhook.signed_by(secret),
        None => webhook,
    });
    Ok(Listeners { turn: Some(Arc::default()), ..webhook.map(Listeners::webhook).unwrap_or_default() })
}

/// Two processes on one file would each believe the queue to be theirs.
fn lock(data: &Path) -> anyhow::Result<File> {
    let path = data.join("errand.lock");
    let file = private::open(&path).with_context(|| format!("{} could not be opened", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another errand runs on {}; stop it or name another --data", data.display())
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} could not be locked", path.display()))
        }
    }
}

async fn bind(host: IpAddr, port: u16) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind((host, port)).await;
    bound.with_context(|| format!("{host}:{port} could not be listened on; name another --port"))
}

async fn told(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopped.wait_for(|stop| *stop).await;
}

//! A real browser for tests: Chromium, told what to do over WebDriver by plain HTTP.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{apt, venv::run};

/// How WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How long what is waited for in a page may take to come: it hangs, if not.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether `one` is in no dialog that is not open yet.
const SHOWN: &str = "!one.closest('dialog:not([open])')";

/// Why a click may miss what was found, and not miss it soon after.
const PASSING: [&str; 2] = ["stale element reference", "element click intercepted"];

/// What a script is answered that waits in a page which is left for another: that its time is over, before it is.
const LEFT: [&str; 2] = ["script timeout", "document unloaded"];

/// What Chromium is told so that it asks for nothing itself, and begins each time as if it were new.
const ARGUMENTS: [&str; 11] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    // Where `/dev/shm` is small, as in containers, a page would crash for want of it.
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,900",
];

/// Browsers that run at the same time: each takes a core.
static ROOM: Semaphore = Semaphore::const_new(2);

/// Whether Chromium and its driver are there, or why not.
static INSTALLED: LazyLock<Result<(), String>> = LazyLock::new(|| {
    let there = || ["chromium", "chromedriver"].iter().all(|name| run(Command::new(name).arg("--version")).is_ok());
    if there() {
        return Ok(());
    }
    apt::install(&["chromium", "chromium-driver"])
});

/// A window of a browser of its own; it ends with this.
pub struct Browser {
    driver: Child,
    session: String,
    http: reqwest::Client,
    clicks: AtomicUsize,
    _profile: TempDir,
    _room: SemaphorePermit<'static>,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser on being told to, not on being killed: by its group, for it has one of its own.
        let group = rustix::process::Pid::from_child(&self.driver);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// A new one, its reader wanting it dark or light.
    ///
    /// # Errors
    /// A sentence that says what to install.
    pub async fn start(dark: bool) -> Result<Self, String> {
        let room = ROOM.acquire().await.map_err(|error| error.to_string())?;
        tokio::task::spawn_blocking(|| INSTALLED.clone()).await.map_err(|error| error.to_string())??;
        let profile = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut command = Command::new("chromedriver");
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.arg("--port=0").env("HOME", profile.path()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Before: what is started is ended by what holds it.
        let http = errand_models::http::client(2 * PATIENCE).map_err(|error| error.to_string())?;
        let mut driver = command.spawn().map_err(|error| error.to_string())?;
        let said = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut said =
            said.filter_map(|line| line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok());
        let port: u16 = said.next().ok_or("chromedriver does not say where it listens")?;
        let url = format!("http://127.0.0.1:{port}/session");
        let mut browser =
            Self { driver, session: url, http, clicks: AtomicUsize::new(0), _profile: profile, _room: room };
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", browser._profile.path().join("profile").display()));
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let wanted = json!({
            "goog:chromeOptions": {"args": arguments, "perfLoggingPrefs": {"enableNetwork": true}},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            "timeouts": {"script": PATIENCE.as_millis()},
        });
        let session = browser.call("POST", "", json!({"capabilities": {"alwaysMatch": wanted}})).await;
        browser.session = format!("{}/{}", browser.session, session["sessionId"].as_str().unwrap());
        Ok(browser)
    }

    async fn try_call(&self, method: &str, path: &str, body: Value) -> Result<Value, Value> {
        let request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.session));
        let request = if method == "GET" { request } else { request.body(body.to_string()) };
        let response = request.send().await.unwrap();
        let ok = response.status().is_success();
        let mut answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let value = answer["value"].take();
        if ok { Ok(value) } else { Err(value) }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Value {
        self.try_call(method, path, body).await.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Opens `url`; to a place within the page that is open, it goes without loading it again.
    pub async fn open(&self, url: &str) {
        self.call("POST", "/url", json!({"url": url})).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.call("POST", "/refresh", json!({})).await;
    }

    /// What `script` returns, in the page.
    pub async fn run(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", json!({"script": script, "args": []})).await
    }

    /// What `script` returns once that is something: it is asked for in the page, or the one that comes after it, until then.
    pub async fn until(&self, script: &str) -> Value {
        let look = format!(
            "const done = arguments[arguments.length - 1];
             const look = () => {{ let found; try {{ found = (() => {{ {script} }})(); }} catch {{ found = null; }}
                                   found ? done(found) : setTimeout(look, 20); }};
             look();"
        );
        let begun = Instant::now();
        loop {
            let answered = self.try_call("POST", "/execute/async", json!({"script": look, "args": []})).await;
            match answered {
                Ok(found) => return found,
                Err(error)
                    if LEFT.iter().any(|said| error["message"].to_string().contains(said))
                        && begun.elapsed() < PATIENCE => {}
                Err(error) => panic!("never: {script}\n{error}\n{}", self.run("return document.body.innerText").await),
            }
        }
    }

    /// Waits until the page's text has `text`.
    pub async fn shows(&self, text: &str) {
        self.until(&format!("return document.body.innerText.includes({})", json!(text))).await;
    }

    /// Clicks, as a person does, what `css` finds and has `text` (any, if that is empty), once it is there to be seen.
    pub async fn click(&self, css: &str, text: &str) {
        let find = format!(
            "return [...document.querySelectorAll({})].find((one) => {SHOWN} && (one.innerText ?? one.textContent).includes({}) && !one.disabled)",
            json!(css),
            json!(text)
        );
        let begun = Instant::now();
        loop {
            let found = self.until(&find).await;
            let path = format!("/element/{}/click", found[ELEMENT].as_str().unwrap());
            match self.try_call("POST", &path, json!({})).await {
                Ok(_) => {
                    self.clicks.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                // Views are made anew as they are renewed, and what was said lies above them for a while.
                Err(error) if PASSING.iter().any(|one| error["error"] == *one) && begun.elapsed() < PATIENCE => {}
                Err(error) => panic!("{css} {text}: {error}"),
            }
        }
    }

    /// How many clicks there were since it was asked last.
    pub fn clicks(&self) -> usize {
        self.clicks.swap(0, Ordering::Relaxed)
    }

    /// Writes `text` into the field that `css` finds, in place of what is there, once it is there to be seen.
    pub async fn write(&self, css: &str, text: &str) {
        let found =
            self.until(&format!("return [...document.querySelectorAll({})].find((one) => {SHOWN})", json!(css))).await;
        let path = format!("/element/{}", found[ELEMENT].as_str().unwrap());
        self.call("POST", &format!("{path}/clear"), json!({})).await;
        self.call("POST", &format!("{path}/value"), json!({"text": text})).await;
    }

    /// Presses keys one after the other, wherever the focus is.
    pub async fn press(&self, keys: &[&str]) {
        let strokes = keys.iter().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})));
        let actions = json!([{"type": "key", "id": "keys", "actions": strokes.collect::<Vec<_>>()}]);
        self.call("POST", "/actions", json!({"actions": actions})).await;
    }

    /// Makes the window so large, whatever the least of the browser's own is.
    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        let command = json!({"cmd": "Emulation.setDeviceMetricsOverride", "params": size});
        self.call("POST", "/goog/cdp/execute", command).await;
    }

    /// What is to be seen, as a PNG.
    pub async fn picture(&self) -> Vec<u8> {
        STANDARD.decode(self.call("GET", "/screenshot", json!({})).await.as_str().unwrap()).unwrap()
    }

    /// What the console was told since it was asked last, warnings and errors alone.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", json!({"type": "browser"})).await;
        let lines =
            log.as_array().unwrap().iter().filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        lines.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Every address that was asked for over the network since this was asked last: not those of the browser's own pages.
    pub async fn asked_for(&self) -> Vec<String> {
        let log = self.call("POST", "/se/log", json!({"type": "performance"})).await;
        let told = log.as_array().unwrap().iter().filter_map(|line| {
            let told: Value = serde_json::from_str(line["message"].as_str()?).ok()?;
            let asked = told["message"]["method"] == "Network.requestWillBeSent";
            asked.then(|| told["message"]["params"]["request"]["url"].as_str().unwrap_or_default().to_owned())
        });
        told.filter(|address| !address.starts_with("chrome:") && !address.starts_with("data:")).collect()
    }
}

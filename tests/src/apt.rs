//! Debian's packages for tests.

use std::{path::Path, process::Command, sync::Mutex};

use crate::venv::run;

/// It works for one at a time.
static TURN: Mutex<()> = Mutex::new(());

/// Installs packages, if this is Debian and we are its root.
///
/// # Errors
/// A sentence that says what to install, or what apt said.
pub fn install(packages: &[&str]) -> Result<(), String> {
    let _turn = TURN.lock();
    if !Path::new("/etc/debian_version").exists() || !rustix::process::geteuid().is_root() {
        return Err(format!("install {0} (Debian: apt install {0})", packages.join(" ")));
    }
    let apt =
        |arguments: &[&str]| run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args(arguments));
    apt(&["update", "-q"])?;
    apt(&[&["install", "-qy", "--no-install-recommends"], packages].concat())
}

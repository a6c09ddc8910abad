//! Packages of npm for tests, in folders that the tests make themselves under `target/node`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::venv::{made_once, run};

/// The folder `name`, whose `node_modules` have exactly these `packages` (each `name@version`), made as a virtual environment
/// is: see [`crate::venv::venv`].
///
/// # Errors
/// A sentence that says what to install or what npm said.
pub fn packages(name: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/node");
    made_once(&folders, name, &packages.join("\n"), |folder| {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]).arg(folder).args(packages);
        run(&mut npm).map_err(|error| format!("{error}\ninstall Node.js 20 or newer with npm"))
    })
}

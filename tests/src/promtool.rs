//! `promtool`, which says of metrics and alerts whether Prometheus understands them.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::venv::{made_once, run};

/// Where it is: as it is installed, or else unpacked from Debian's package, which needs nobody's leave.
///
/// # Errors
/// A sentence that says what to install, or what `apt-get` said.
pub fn promtool() -> Result<PathBuf, String> {
    let installed = PathBuf::from("promtool");
    if run(Command::new(&installed).arg("--version")).is_ok() {
        return Ok(installed);
    }
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debian");
    let folder = made_once(&folders, "prometheus", "prometheus", |folder| {
        let unpacked = unpack(folder);
        unpacked.map_err(|error| format!("{error}\ninstall promtool (Debian: apt install prometheus)"))
    })?;
    Ok(folder.join("usr/bin/promtool"))
}

fn unpack(folder: &Path) -> Result<(), String> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let download = || run(Command::new("apt-get").args(["download", "-q", "prometheus"]).current_dir(folder));
    if download().is_err() {
        // A machine that has never been told what there is.
        run(Command::new("apt-get").args(["update", "-q"]))?;
        download()?;
    }
    let files = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let package = files.flatten().map(|file| file.path()).find(|path| path.extension().is_some_and(|of| of == "deb"));
    let package = package.ok_or("apt-get has downloaded no package")?;
    run(Command::new("dpkg").arg("-x").args([package.as_path(), folder]))
}

/// What it says to these arguments and this input, if it complains.
///
/// # Errors
/// What it says, or why it cannot be asked.
pub fn checked(arguments: &[&str], input: &str) -> Result<(), String> {
    let mut command = Command::new(promtool()?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot run promtool: {error}"))?;
    // Dropped at once: it reads to the end.
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("promtool: {error}"))?;
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    // It reads no input that it was not to check, and may have ended by then.
    drop(written);
    if output.status.success() { Ok(()) } else { Err(said) }
}

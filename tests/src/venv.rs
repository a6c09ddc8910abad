//! Python tools for tests, in virtual environments that the tests make themselves under `target/venvs`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// The virtual environment `name` with exactly what `requirements` (a pip file) lists, made if it is not there or
/// was made from another list. [`program`] finds its programs.
///
/// Tests and processes that ask at the same time share one: the first makes it, the others wait. The first call
/// downloads packages and may take a minute.
///
/// # Errors
/// A sentence that says what to install or what pip said.
pub fn venv(name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let venvs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venvs");
    venv_in(&venvs, name, requirements)
}

/// The folder `name`, in which the source distribution of a package of PyPI is unpacked (`name==version`), made as a virtual
/// environment is: see [`venv`]. Wheels have no tests in them.
///
/// # Errors
/// A sentence that says what to install or what pip said.
pub fn sources(name: &str, package: &str) -> Result<PathBuf, String> {
    let venvs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/venvs");
    let made = made_once(&venvs, name, package, |venv| {
        make(venv, None)?;
        let python = || Command::new(program(venv, "python"));
        let (sdist, of) = (venv.join("sdist"), package.split('=').next().unwrap_or(package));
        let mut pip = python();
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", of]);
        run(pip.arg(package).arg("--dest").arg(&sdist))?;
        let archive = sdist.join(format!("{}.tar.gz", package.replace("==", "-")));
        run(python().args(["-m", "tarfile", "-e"]).arg(archive).arg(&sdist))
    })?;
    Ok(made.join("sdist").join(package.replace("==", "-")))
}

/// The program `name` of a virtual environment.
pub fn program(venv: &Path, name: &str) -> PathBuf {
    venv.join("bin").join(name)
}

fn venv_in(venvs: &Path, name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let wanted = fs::read_to_string(requirements).map_err(|e| says("read", requirements, e))?;
    made_once(venvs, name, &wanted, |venv| make(venv, Some(requirements)))
}

/// The folder `name` in `folders`, as `make` makes it of what is `wanted`: once, whoever else asks.
pub(crate) fn made_once(
    folders: &Path,
    name: &str,
    wanted: &str,
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    fs::create_dir_all(folders).map_err(|e| says("create", folders, e))?;
    let folders = folders.canonicalize().map_err(|e| says("find", folders, e))?;
    let folder = folders.join(name);
    // Scripts in it name their interpreter by its full path, so a moved one is as useless as an outdated one.
    let wanted = format!("# {}\n{wanted}", folder.display());

    let lock_path = folders.join(format!("{name}.lock"));
    let lock = File::create(&lock_path).map_err(|e| says("create", &lock_path, e))?;
    lock.lock().map_err(|e| says("lock", &lock_path, e))?; // until it is dropped, or the process dies

    // Written last, so a half-made folder has none.
    let marker = folder.join("made-from.txt");
    if fs::read_to_string(&marker).is_ok_and(|made_from| made_from == wanted) {
        return Ok(folder);
    }
    make(&folder)?;
    fs::write(&marker, wanted).map_err(|e| says("write", &marker, e))?;
    Ok(folder)
}

fn says(what: &str, path: &Path, error: std::io::Error) -> String {
    format!("cannot {what} {}: {error}", path.display())
}

/// Makes the environment anew, whatever is there, with what `requirements` lists.
fn make(venv: &Path, requirements: Option<&Path>) -> Result<(), String> {
    let hint = "install Python 3.11 or newer with its venv module (Debian: apt install python3-venv)";
    let mut python = Command::new("python3");
    run(python.args(["-m", "venv", "--clear"]).arg(venv)).map_err(|e| format!("{e}\n{hint}"))?;
    let Some(requirements) = requirements else { return Ok(()) };
    let mut pip = Command::new(program(venv, "python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run(pip.arg(requirements))
}

/// Runs a command to its end; an error carries what it said.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|e| format!("cannot run {name}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{name} ended with {}\n{out}{err}", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, text: &str) -> PathBuf {
        let path = dir.join("requirements.txt");
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn an_environment_is_made_once_and_again_when_its_list_changes() {
        let dir = tempfile::tempdir().unwrap();
        let venvs = dir.path().join("venvs");
        let venv = venv_in(&venvs, "tools", &file(dir.path(), "# first\n")).unwrap();
        assert!(program(&venv, "python").exists());

        let trace = venv.join("trace");
        fs::write(&trace, "").unwrap();
        venv_in(&venvs, "tools", &file(dir.path(), "# first\n")).unwrap();
        assert!(trace.exists(), "made again though its list was the same");
        venv_in(&venvs, "tools", &file(dir.path(), "# second\n")).unwrap();
        assert!(!trace.exists(), "kept though its list had changed");
    }

    #[test]
    fn an_environment_that_pip_could_not_fill_is_not_taken_for_made() {
        let dir = tempfile::tempdir().unwrap();
        let list = file(dir.path(), "./no-such-package-here\n");
        for _ in 0..2 {
            let error = venv_in(dir.path(), "tools", &list).unwrap_err();
            assert!(error.contains("no-such-package-here"), "{error}");
        }
    }
}

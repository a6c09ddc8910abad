//! Somebody who types what a document shows.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::process::Server;

/// How the documents name the server.
const ADDRESS: &str = "127.0.0.1:8787";

/// A folder that looks as the repository's does after a build, in the places that are used, and a server of one's own.
pub(super) struct Reader {
    pub(super) server: Server,
    folder: TempDir,
}

/// Another terminal, in which something goes on until this is dropped.
pub(super) struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended already
        let _ = self.0.wait();
    }
}

impl Reader {
    pub(super) fn at(server: Server) -> Self {
        let (folder, root) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        let at = |place: &str| folder.path().join(place);
        for place in ["clients/python/errand_client", "target/release", "tests"] {
            fs::create_dir_all(at(place)).unwrap();
        }
        // Copies, since pip leaves things where it builds.
        let files = ["clients/python/pyproject.toml", "clients/python/README.md", "tests/outside_runner.py"];
        let files = files.map(|file| root.join(file)).into_iter();
        let package = fs::read_dir(root.join("clients/python/errand_client")).unwrap();
        for file in files.chain(package.map(|entry| entry.unwrap().path())).filter(|path| path.is_file()) {
            fs::copy(&file, folder.path().join(file.strip_prefix(&root).unwrap())).unwrap();
        }
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_errand"), at("target/release/errand")).unwrap();
        // Of what is refused people see that it was.
        fs::write(at(".curlrc"), "silent\nshow-error\nfail-with-body\nwrite-out = \"\\n\"\n").unwrap();
        Self { server, folder }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env_clear();
        command.env("HOME", self.folder.path()).env("ERRAND_URL", &self.server.url);
        command.env("PATH", format!("{}:{path}", self.folder.path().join("venv/bin").display()));
        // Where packages come from is the machine's to say.
        command.envs(std::env::vars().filter(|(name, _)| name.starts_with("PIP_") || name.ends_with("_PROXY")));
        command
    }

    /// What a block of commands prints, all of which must go well.
    pub(super) fn does(&self, commands: &str) -> String {
        if commands.starts_with("pip ") {
            self.ends_well(self.command("python3").args(["-m", "venv", "venv"]));
        }
        let typed = commands.replace(ADDRESS, self.server.url.strip_prefix("http://").unwrap());
        self.ends_well(self.command("sh").args(["-euc", &typed]))
    }

    fn ends_well(&self, command: &mut Command) -> String {
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command:?}\n{out}\n{err}");
        out.into_owned()
    }

    /// A program in Python, which goes on.
    pub(super) fn python(&self, program: &str) -> Terminal {
        let python = self.folder.path().join("venv/bin/python");
        Terminal(self.command(python).args(["-W", "error", "-c", program]).spawn().unwrap())
    }
}

/// The blocks of code of a document, each with its language, but for what is typed in neither a shell nor Python.
pub(super) fn blocks(document: &str) -> Vec<(&str, &str)> {
    let fenced = document.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    fenced.filter(|(language, _)| ["sh", "python"].contains(language)).collect()
}

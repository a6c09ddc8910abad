//! Somebody who types what a document shows.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::{fs::symlink, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
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
pub(super) struct Terminal {
    child: Child,
    said: Arc<Mutex<String>>,
    reading: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Its commands are a group of processes, which end together.
    fn with(command: &mut Command) -> Self {
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let (said, lines) = (Arc::default(), BufReader::new(child.stdout.take().unwrap()).lines());
        let keep: Arc<Mutex<String>> = Arc::clone(&said);
        let read = move |line: String| {
            eprintln!("{line}");
            keep.lock().unwrap().push_str(&(line + "\n"));
        };
        let reading = Some(thread::spawn(move || lines.map_while(Result::ok).for_each(read)));
        Self { child, said, reading }
    }

    /// Whether it has said this by now; one that has ended without it fails.
    pub(super) fn has_said(&self, text: &str) -> bool {
        let ended = self.reading.as_ref().is_none_or(JoinHandle::is_finished);
        let said = self.said.lock().unwrap();
        assert!(!ended || said.contains(text), "it has ended: {said}");
        said.contains(text)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status(); // it may have ended already
        let _ = self.child.kill(); // where there is no such program
        let _ = self.child.wait();
        let _ = self.reading.take().map(JoinHandle::join);
    }
}

impl Reader {
    pub(super) fn at(server: Server) -> Self {
        let (folder, root) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        let at = |place: &str| folder.path().join(place);
        for place in ["clients/python/errand_client", "target/release", "tests", "backups"] {
            fs::create_dir_all(at(place)).unwrap();
        }
        // Copies, since pip leaves things where it builds.
        let files = ["clients/python/pyproject.toml", "clients/python/README.md", "tests/outside_runner.py"];
        let files = files.map(|file| root.join(file)).into_iter();
        let package = fs::read_dir(root.join("clients/python/errand_client")).unwrap();
        for file in files.chain(package.map(|entry| entry.unwrap().path())).filter(|path| path.is_file()) {
            fs::copy(&file, folder.path().join(file.strip_prefix(&root).unwrap())).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_errand"), at("target/release/errand")).unwrap();
        symlink(server.data(), at("errand-data")).unwrap();
        // Of what is refused people see that it was.
        fs::write(at(".curlrc"), "silent\nshow-error\nfail-with-body\nwrite-out = \"\\n\"\n").unwrap();
        Self { server, folder }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let path = std::env::var_os("PATH").unwrap().into_string().unwrap();
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).env_clear();
        command.env("HOME", self.folder.path()).env("ERRAND_URL", &self.server.url);
        let programs = ["venv/bin", "target/release"].map(|place| self.folder.path().join(place).display().to_string());
        command.env("PATH", format!("{}:{path}", programs.join(":")));
        // Another server than that one has another port, and data of its own unless its command says which.
        command.env("ERRAND_PORT", "0").env("ERRAND_DATA", self.folder.path().join("another"));
        // Where packages come from is the machine's to say.
        command.envs(std::env::vars().filter(|(name, _)| name.starts_with("PIP_") || name.ends_with("_PROXY")));
        command
    }

    /// What a block of commands prints, all of which must go well.
    pub(super) fn does(&self, commands: &str) -> String {
        if commands.starts_with("pip ") {
            self.ends_well(self.command("python3").args(["-m", "venv", "venv"]));
        }
        self.ends_well(self.command("sh").args(["-euc", &self.typed(commands)]))
    }

    /// What goes on in another terminal; what it prints and what it says are one there.
    pub(super) fn goes_on(&self, commands: &str) -> Terminal {
        let typed = format!("exec 2>&1\n{}", self.typed(commands));
        Terminal::with(self.command("sh").args(["-euc", &typed]))
    }

    /// Commands, of this server and this folder.
    fn typed(&self, commands: &str) -> String {
        let backups = format!("{}/", self.folder.path().join("backups").display());
        commands.replace(ADDRESS, self.server.url.strip_prefix("http://").unwrap()).replace("/backups/", &backups)
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
        Terminal::with(self.command(python).args(["-W", "error", "-c", program]))
    }
}

/// The blocks of code of a document, each with its language, but for what is typed in neither a shell nor Python.
pub(super) fn blocks(document: &str) -> Vec<(&str, &str)> {
    let fenced = document.split("```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    fenced.filter(|(language, _)| ["sh", "python"].contains(language)).collect()
}

//! A copy of the file while a server writes to it: taken, checked, and only then given its name.

use std::{
    fs::{self, File, OpenOptions},
    io,
    ops::ControlFlow,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    backup::{Backup, StepResult},
};

use super::schema::{self, BUSY_TIMEOUT};

/// How many pages (4 KiB each) are copied at a time; progress is told in between.
const STEP_PAGES: i32 = 1024;

/// How long to wait where another process holds the file.
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// How many tasks the copy has.
    pub tasks: u64,
    /// How long its file is.
    pub bytes: u64,
}

/// How much of a copy is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How many bytes are in the copy.
    pub bytes: u64,
    /// How many there will be.
    pub of: u64,
}

/// Why there is no copy. Nothing is left of one that did not come about.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no database to copy.
    #[error("there is no {}: name the directory that the server has as --data", .0.display())]
    NoDatabase(PathBuf),
    /// A later version has written it.
    #[error("{} has schema {found}, but this version knows only up to {known}: run the version of the server", file.display())]
    NewerSchema {
        /// Which file.
        file: PathBuf,
        /// The schema it has.
        found: u32,
        /// The newest schema this version knows.
        known: u32,
    },
    /// Something has that name already, and may be a good copy.
    #[error("{} is there already, and is not written over", .0.display())]
    Exists(PathBuf),
    /// The directory that it is to be in is missing, or no one's to write to.
    #[error("{} cannot be made", file.display())]
    NoPlace {
        /// Which file.
        file: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// It was made, and could not be brought to the disk under its name.
    #[error("{} could not be kept", file.display())]
    Unkept {
        /// Which file.
        file: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// There is no room for it.
    #[error("there is not enough space for {}, which needs {bytes} bytes", file.display())]
    NoSpace {
        /// Which file.
        file: PathBuf,
        /// How many it needs.
        bytes: u64,
    },
    /// Reading the database or writing the copy failed.
    #[error("{} could not be copied to {}", from.display(), to.display())]
    Broken {
        /// What was read.
        from: PathBuf,
        /// What was written.
        to: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// Whoever is told of its steps wanted no more of it.
    #[error("the copy to {} was broken off", .0.display())]
    Stopped(PathBuf),
    /// The copy was read again, and is not what was copied.
    #[error("the copy of {} is not whole: {found}", from.display())]
    Torn {
        /// What was read.
        from: PathBuf,
        /// What is wrong with the copy.
        found: String,
    },
}

/// Copies the database `from` to the file `to`, which must not be there, as it is at the start. Servers go on meanwhile:
/// the copy reads one state of the file, as any reader does, and holds up no writer. `tell` hears of each step, and may
/// break it off there. Blocks.
///
/// The copy is one file in itself, for its owner alone. It has its name only once it was read again as a whole, and takes it
/// from nobody who was given it meanwhile.
pub fn backup(
    from: &Path,
    to: &Path,
    mut tell: impl FnMut(Copied) -> ControlFlow<()>,
) -> Result<BackedUp, BackupError> {
    if !from.is_file() {
        return Err(BackupError::NoDatabase(from.to_owned()));
    }
    free(to)?;
    let part = Part::begin(to)?;
    let mut needs = 0;
    let mut note = |copied: Copied| {
        needs = copied.of;
        tell(copied)
    };
    let tasks = copy(from, &part.0, &mut note).and_then(|tasks| part.checked(from, tasks));
    let tasks = tasks.map_err(|wrong| wrong.named(from, to, needs))?;
    let bytes = part.publish(to).map_err(|source| match source.kind() {
        // Another process has taken the name meanwhile.
        io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
        _ => BackupError::Unkept { file: to.to_owned(), source },
    })?;
    Ok(BackedUp { tasks, bytes })
}

fn free(to: &Path) -> Result<(), BackupError> {
    if fs::symlink_metadata(to).is_ok() { Err(BackupError::Exists(to.to_owned())) } else { Ok(()) }
}

/// What goes wrong on the way, before it is said of which files.
enum Wrong {
    Sqlite(rusqlite::Error),
    Newer(u32),
    Found(String),
    Stopped,
}

impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl Wrong {
    fn named(self, from: &Path, to: &Path, bytes: u64) -> BackupError {
        let (from, file) = (from.to_owned(), to.to_owned());
        match self {
            Wrong::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                BackupError::NoSpace { file, bytes }
            }
            Wrong::Sqlite(source) => BackupError::Broken { from, to: file, source },
            Wrong::Newer(found) => BackupError::NewerSchema { file: from, found, known: schema::VERSION },
            Wrong::Found(found) => BackupError::Torn { from, found },
            Wrong::Stopped => BackupError::Stopped(file),
        }
    }
}

/// A copy without its name yet; what is left of it goes when it is dropped.
struct Part(PathBuf);

impl Part {
    fn begin(to: &Path) -> Result<Self, BackupError> {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = to.with_file_name(name);
        // Before SQLite opens it: with the permissions of a database file, and an error that says what is missing.
        let made = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
        made.map(|_| Self(part)).map_err(|source| BackupError::NoPlace { file: to.to_owned(), source })
    }

    /// Reads all of the copy again: how many tasks it has, if they are as many as were copied.
    fn checked(&self, from: &Path, tasks: u64) -> Result<u64, Wrong> {
        let db = Connection::open_with_flags(&self.0, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if found != "ok" {
            return Err(Wrong::Found(found));
        }
        match count(&db)? {
            counted if counted == tasks => Ok(counted),
            counted => Err(Wrong::Found(format!("it has {counted} tasks, and {} had {tasks}", from.display()))),
        }
    }

    /// Gives it its name, on the disk; how long it is.
    fn publish(self, to: &Path) -> io::Result<u64> {
        let file = File::open(&self.0)?;
        file.sync_all()?;
        name(&self.0, to)?;
        // The name is on the disk when its directory is.
        let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()?;
        Ok(file.metadata()?.len())
    }
}

/// Gives `part` the name `to`, and writes over nothing: who looks first whether the name is free may be too late.
fn name(part: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(part, to) {
        // The name that it had goes with the rest of the part.
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Some file systems have no links: there the name is taken first, by a file that is empty until then.
        Err(_) => {
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
            fs::rename(part, to).inspect_err(|_| drop(fs::remove_file(to)))
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let mut file = self.0.clone().into_os_string();
            file.push(suffix);
            // Most are not there.
            let _ = fs::remove_file(file);
        }
    }
}

/// Copies all pages as they are in one state of the file; how many tasks there are in it.
fn copy(from: &Path, part: &Path, tell: &mut impl FnMut(Copied) -> ControlFlow<()>) -> Result<u64, Wrong> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    source.busy_timeout(BUSY_TIMEOUT)?;
    // Read in one transaction, all steps see one state. Else each write of the server would begin the copy anew.
    source.execute_batch("BEGIN")?;
    match schema::version(&source)? {
        0 => return Err(Wrong::Found("it is no database of Errand".into())),
        newer if newer > schema::VERSION => return Err(Wrong::Newer(newer)),
        _ => {}
    }
    let tasks = count(&source)?;
    let page_bytes: u32 = source.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let mut target = Connection::open(part)?;
    let backup = Backup::new(&source, &mut target)?;
    loop {
        let step = backup.step(STEP_PAGES)?;
        let progress = backup.progress();
        let bytes = |pages: i32| u64::try_from(pages).unwrap_or_default() * u64::from(page_bytes);
        let copied = Copied { bytes: bytes(progress.pagecount - progress.remaining), of: bytes(progress.pagecount) };
        if tell(copied).is_break() {
            return Err(Wrong::Stopped);
        }
        match step {
            StepResult::Done => break,
            StepResult::Busy | StepResult::Locked => std::thread::sleep(BUSY_PAUSE),
            _ => {}
        }
    }
    drop(backup);
    // One file, without a log beside it that could be forgotten. Who serves it has it keep one again.
    target.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    target.close().map_err(|(_, error)| error)?;
    Ok(tasks)
}

fn count(db: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = db.query_row("SELECT count(*) FROM tasks", [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

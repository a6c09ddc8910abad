//! The data directory and its files: for whoever runs the server, and nobody else on the machine.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Who runs the server may do everything, nobody else anything.
const DIRECTORY: u32 = 0o700;
const FILE: u32 = 0o600;

/// What all our files' names begin with.
const OURS: &str = "errand.";

/// And the key's, which is refused if others could read it: it may be known by then.
pub(crate) const KEY: &str = "secret.key";

/// Makes the directory `data` and, in it, the file `database`, so that SQLite finds it: what it puts beside it (its logs)
/// gets the permissions of the file. What is there already and let others in no longer does.
pub(crate) fn prepare(data: &Path, database: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(data)?;
    let mut ours_alone = true;
    for entry in fs::read_dir(data)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(OURS) {
            close(&entry.path(), FILE)?;
        } else if name != KEY {
            ours_alone = false;
        }
    }
    // One that holds other things may be somebody's home, or `/tmp`: whom it lets in is not ours to say.
    if ours_alone {
        close(data, DIRECTORY)?;
    }
    open(database).map(drop)
}

/// Opens a file for writing, making it if it is not there.
pub(crate) fn open(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(FILE).open(file)
}

fn close(path: &Path, mode: u32) -> io::Result<()> {
    let permissions = fs::metadata(path)?.permissions();
    // Its owner may have given it to others, and be another than we are: it is touched only where it must be.
    if permissions.mode() & 0o777 & !mode == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let data = home.path().join("a/b");
        let database = data.join("errand.db");
        prepare(&data, &database).unwrap();
        assert_eq!((mode(&data), mode(&home.path().join("a")), mode(&database)), (0o700, 0o700, 0o600));
    }

    #[test]
    fn what_others_could_read_they_no_longer_can() {
        let data = tempfile::tempdir().unwrap();
        let files = ["errand.db", "errand.db-wal", "errand.db-shm", "errand.lock"].map(|name| data.path().join(name));
        fs::write(data.path().join(KEY), "").unwrap();
        for file in &files {
            fs::write(file, "kept").unwrap();
            fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(data.path(), Permissions::from_mode(0o755)).unwrap();
        prepare(data.path(), &files[0]).unwrap();
        assert_eq!((mode(data.path()), files.each_ref().map(|file| mode(file))), (0o700, [0o600; 4]));
        assert_eq!(fs::read_to_string(&files[0]).unwrap(), "kept");
    }

    #[test]
    fn a_directory_that_holds_other_things_is_left_as_it_is() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("letter"), "").unwrap();
        fs::set_permissions(data.path(), Permissions::from_mode(0o755)).unwrap();
        let database = data.path().join("errand.db");
        prepare(data.path(), &database).unwrap();
        assert_eq!((mode(data.path()), mode(&database)), (0o755, 0o600));
    }
}

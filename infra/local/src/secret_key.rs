//! The installation's key on one machine: a file beside the data, made at the first start.
//!
//! It is no part of the database, so no copy of that has it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use anyhow::{Context, bail};
use errand_outbound::Keyring;

use crate::private::KEY;

/// What it is called until it is whole.
const UNFINISHED: &str = "secret.key.new";

/// The keyring of the data directory `data`, which one process uses at a time.
///
/// # Errors
/// If somebody but its owner may read or write the file, or if it holds no key: to make another would make useless what
/// is sealed already.
pub(crate) fn keyring(data: &Path) -> anyhow::Result<Keyring> {
    let file = data.join(KEY);
    let metadata = match fs::metadata(&file) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(data).with_context(|| format!("{} could not be written", file.display()))?;
            fs::metadata(&file)?
        }
        Err(error) => return Err(error).with_context(|| format!("{} could not be read", file.display())),
    };
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "others can read {} (mode {mode:o}): take that from them (chmod 600), or begin with another",
            file.display()
        );
    }
    let text = fs::read_to_string(&file).with_context(|| format!("{} could not be read", file.display()))?;
    Keyring::read(&text).with_context(|| format!("{} holds no key", file.display()))
}

/// Writes a new key. It has its name once it is on the disk: whatever happens meanwhile, there is a whole one or none.
fn make(data: &Path) -> anyhow::Result<()> {
    let unfinished = data.join(UNFINISHED);
    // Of a process that was killed: whom that file lets in is not known.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&unfinished)?;
    file.write_all(format!("{}\n", Keyring::new_key()?).as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, data.join(KEY))?;
    Ok(File::open(data)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;
    use errand::{Id, Name, spi::store::RecordKey};

    fn of() -> RecordKey {
        RecordKey { tenant: Name::default(), kind: Name::of("webhook"), id: Id::of("audit") }
    }

    #[test]
    fn the_key_of_a_data_directory_stays_the_same_and_is_its_owners_alone() {
        let data = tempfile::tempdir().unwrap();
        let sealed = keyring(data.path()).unwrap().seal(&of(), "s3cret").unwrap();
        assert_eq!(fs::metadata(data.path().join(KEY)).unwrap().mode() & 0o777, 0o600);
        assert_eq!(keyring(data.path()).unwrap().open(&of(), &sealed).unwrap(), "s3cret");
        let elsewhere = tempfile::tempdir().unwrap();
        assert!(keyring(elsewhere.path()).unwrap().open(&of(), &sealed).is_err());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let data = tempfile::tempdir().unwrap();
        keyring(data.path()).unwrap();
        let file = data.path().join(KEY);
        for mode in [0o604, 0o640, 0o602, 0o666] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let error = keyring(data.path()).unwrap_err().to_string();
            assert!(error.starts_with("others can read ") && error.contains(&format!("(mode {mode:o})")), "{error}");
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_not_written_over() {
        let data = tempfile::tempdir().unwrap();
        // Begun by a process that was killed.
        fs::write(data.path().join(UNFINISHED), "abc").unwrap();
        keyring(data.path()).unwrap();
        let file = data.path().join(KEY);
        fs::write(&file, "").unwrap();
        assert!(keyring(data.path()).unwrap_err().to_string().ends_with("secret.key holds no key"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "");
    }
}

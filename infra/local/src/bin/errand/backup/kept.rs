//! The copies that are made again and again: what they are named, and which are kept.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use errand::Timestamp;

/// How the time stands in a name: in UTC, so that names are in the order of time. `20260131T093000Z`.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// `errand.db` as of `now`: `errand-20260131T093000Z.db`.
pub(super) fn named(file: &Path, now: Timestamp) -> PathBuf {
    let at = jiff::Timestamp::from_millisecond(now.as_millis()).unwrap_or_default();
    let (before, after) = parts(file);
    let mut name = before;
    name.push(at.strftime(TIME).to_string());
    name.push(after);
    file.with_file_name(name)
}

/// Removes all copies of this name but the newest `keep`.
pub(super) fn remove_all_but(file: &Path, keep: u32) -> io::Result<()> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    older(file, names, keep).into_iter().try_for_each(|name| fs::remove_file(directory.join(name)))
}

/// Which of `names` are copies of `file` older than its newest `keep`.
fn older(file: &Path, names: Vec<OsString>, keep: u32) -> Vec<OsString> {
    let mut copies: Vec<OsString> = names.into_iter().filter(|name| is_copy(file, name)).collect();
    copies.sort();
    copies.truncate(copies.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX)));
    copies
}

/// What stands before and after the time in a name.
fn parts(file: &Path) -> (OsString, OsString) {
    let mut before = file.file_stem().unwrap_or_default().to_owned();
    before.push("-");
    let mut after = OsString::new();
    if let Some(ending) = file.extension() {
        after.push(".");
        after.push(ending);
    }
    (before, after)
}

/// Nothing else is ever removed.
fn is_copy(file: &Path, name: &OsString) -> bool {
    let (before, after) = parts(file);
    let (Some(name), Some(before), Some(after)) = (name.to_str(), before.to_str(), after.to_str()) else {
        return false;
    };
    let time = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    time.is_some_and(|time| jiff::civil::DateTime::strptime(TIME, time).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_its_time_in_its_name() {
        let at = Timestamp::from_millis(1_769_851_800_999);
        assert_eq!(named(Path::new("/b/errand.db"), at), Path::new("/b/errand-20260131T093000Z.db"));
        assert_eq!(named(Path::new("copy"), at), Path::new("copy-20260131T093000Z"));
    }

    #[test]
    fn the_newest_are_kept_and_nothing_else_is_touched() {
        let others =
            ["errand.db", "errand-20260131.db", "errand-20260131T093000Z", "other-20260131T093000Z.db", "errand-x.db"];
        let copies = ["errand-20260131T103000Z.db", "errand-20251231T235959Z.db", "errand-20260131T093000Z.db"];
        let names = || others.iter().chain(&copies).map(OsString::from).collect::<Vec<_>>();
        let file = Path::new("/b/errand.db");
        assert_eq!(older(file, names(), 1), ["errand-20251231T235959Z.db", "errand-20260131T093000Z.db"]);
        assert_eq!(older(file, names(), 2), ["errand-20251231T235959Z.db"]);
        assert!(older(file, names(), 3).is_empty());
    }
}

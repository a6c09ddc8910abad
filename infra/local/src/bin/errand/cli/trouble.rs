//! What goes wrong, what is said of it, and the exit code that says so.

use std::{io, process::ExitCode};

use errand_client::{Code, Refusal, RemoteError};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It was asked wrongly.
    Usage(String),
    /// Nobody answers, or somebody else does.
    Unreachable(String),
    /// What was asked failed.
    Failed(String),
    /// It came to an end that is not a good one, and was told already.
    BadEnd,
    /// Nobody reads what is printed any more, and nobody minds.
    Unread,
}

impl Trouble {
    /// Says it on standard error.
    pub(crate) fn told(self) -> ExitCode {
        let (code, message) = match self {
            Trouble::Usage(message) => (2, message),
            Trouble::Unreachable(message) => (3, message),
            Trouble::Failed(message) => (1, message),
            Trouble::BadEnd => return ExitCode::from(1),
            Trouble::Unread => return ExitCode::SUCCESS,
        };
        eprintln!("error: {message}");
        ExitCode::from(code)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Unread,
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<RemoteError> for Trouble {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Unreachable { ref url, ref source } => {
                let cause = innermost(source);
                let is_here = ["//127.0.0.1", "//localhost", "//[::1]"].iter().any(|host| url.contains(host));
                let next =
                    if is_here { "start one with `errand`" } else { "is the address right? See `errand context ls`" };
                Self::Unreachable(format!("{error} ({cause}): {next}"))
            }
            RemoteError::Foreign { .. } => Self::Unreachable(format!("{error}: is the address right?")),
            RemoteError::Refused(refusal) => Self::Failed(format!("{refusal}{}", next(&refusal))),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// The last cause, which says most in the fewest words.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// What to do about it, where that is not plain.
fn next(refusal: &Refusal) -> String {
    match &refusal.code {
        Code::Unauthorized => {
            ": give a token by ERRAND_TOKEN, --token or a context (`errand context set --help`)".into()
        }
        Code::Forbidden => ": the token may lack a right, or the tenant is another's".into(),
        Code::Busy | Code::Unavailable => match refusal.retry_after {
            Some(after) => format!(": ask again in {} s", after.as_secs()),
            None => ": ask again in a moment".into(),
        },
        _ => String::new(),
    }
}

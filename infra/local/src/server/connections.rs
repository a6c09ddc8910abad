//! Takes connections, so many at a time, and ends those on which nothing comes.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tracing::{error, warn};

use super::ConnectionLimits;

/// The most bytes of a connection that are read ahead, and the most of a request's head: as much memory may each hold.
const READ_AHEAD_BYTES: usize = 64 * 1024;

/// How long to take none after the system had no room for one.
const NO_ROOM: Duration = Duration::from_secs(1);

/// How often it is logged that connections were refused.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Serves `router` to whoever connects to `listener`, until `stop` completes and the last request is answered.
pub async fn serve(listener: TcpListener, router: Router, limits: ConnectionLimits, stop: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.idle).max_buf_size(READ_AHEAD_BYTES);
    let (open, told) = (Arc::new(Open::default()), Arc::new(Told::default()));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener) => accepted,
        };
        let Some((stream, address)) = accepted else { continue };
        let place = match Place::take(&open, &limits, address) {
            Ok(place) => place,
            Err(full) => {
                told.refused(full, address);
                continue;
            }
        };
        takes_answers(&stream, limits.idle);
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let (connection, told) = (graceful.watch(connection), told.clone());
        tokio::spawn(async move {
            let _place = place;
            // Whatever else ends a connection is its client's business.
            if connection.await.is_err_and(|error| error.is_timeout()) {
                told.refused("it said nothing, or no whole request, for too long", address);
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The next connection; none where one came to nothing.
async fn accept(listener: &TcpListener) -> Option<(TcpStream, IpAddr)> {
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, address.ip().to_canonical())),
        Err(gone) if is_the_clients(&gone) => None,
        Err(problem) => {
            error!(error = %problem, "no connection can be taken");
            sleep(NO_ROOM).await;
            None
        }
    }
}

/// Has the system end the connection of a client that takes nothing of an answer for so long. Where the system cannot,
/// as none but Linux can, such a client keeps its place.
fn takes_answers(stream: &TcpStream, within: Duration) {
    #[cfg(target_os = "linux")]
    if let Err(problem) = socket2::SockRef::from(stream).set_tcp_user_timeout(Some(within)) {
        warn!(error = %problem, "a client that takes no answer will not be noticed");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, within);
}

fn is_the_clients(problem: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(problem.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// How many connections there are, by address.
#[derive(Default)]
struct Open(Mutex<HashMap<IpAddr, usize>>);

/// One of them; counted until it is dropped.
struct Place {
    open: Arc<Open>,
    address: IpAddr,
}

impl Open {
    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A place for one more from `address`, or why there is none.
    fn take(open: &Arc<Open>, limits: &ConnectionLimits, address: IpAddr) -> Result<Self, &'static str> {
        let mut by_address = open.by_address();
        if by_address.values().sum::<usize>() >= limits.connections {
            return Err("there are as many as may be");
        }
        let of_this = by_address.entry(address).or_default();
        if *of_this >= limits.per_address {
            return Err("there are as many as may be of one address");
        }
        *of_this += 1;
        Ok(Self { open: open.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_address = self.open.by_address();
        if let Some(of_this) = by_address.get_mut(&self.address) {
            *of_this -= 1;
            if *of_this == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// What was logged of each reason to refuse a connection: when, and how many there were since.
#[derive(Default)]
struct Told(Mutex<HashMap<&'static str, (Option<Instant>, u64)>>);

impl Told {
    /// Logs it, or counts it for the next line.
    fn refused(&self, reason: &'static str, address: IpAddr) {
        if let Some(count) = self.due(reason, Instant::now()) {
            warn!(reason, %address, count, "connections were refused or ended");
        }
    }

    /// How many were refused for this reason since that was last logged, this one included, if it is to be logged now:
    /// whoever makes many connections makes few lines.
    fn due(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, count) = told.entry(reason).or_default();
        *count += 1;
        let is_due = last.is_none_or(|last| now.duration_since(last) >= TELL_EVERY);
        is_due.then(|| {
            *last = Some(now);
            std::mem::take(count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let open = Arc::new(Open::default());
        let limits = ConnectionLimits { connections: 3, per_address: 2, ..ConnectionLimits::of(0, Duration::ZERO) };
        let from = |last: u8| Place::take(&open, &limits, IpAddr::from([127, 0, 0, last]));
        let (one, _two) = (from(1).unwrap(), from(1).unwrap());
        assert!(from(1).is_err_and(|reason| reason.ends_with("of one address")));
        let third = from(2).unwrap();
        assert!(from(3).is_err_and(|reason| reason.ends_with("may be")));
        drop((one, third));
        assert!(from(1).is_ok() && from(3).is_ok());
        assert_eq!(open.by_address().len(), 1, "nobody is remembered who has none");
    }

    #[test]
    fn whoever_is_refused_often_makes_a_line_now_and_then_with_how_often_that_was() {
        let (told, now) = (Told::default(), Instant::now());
        let soon = now + TELL_EVERY / 2;
        assert_eq!([now, soon, soon].map(|at| told.due("full", at)), [Some(1), None, None]);
        assert_eq!(told.due("silent", soon), Some(1), "another reason is another line");
        assert_eq!([now + TELL_EVERY, now + TELL_EVERY].map(|at| told.due("full", at)), [Some(3), None]);
    }
}

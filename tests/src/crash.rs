//! A process that ends, or hears wrong answers, at each of its calls in turn.

use std::sync::Arc;

use crate::faults::{Fault, Faults};

/// A story with more calls than this has no end.
const MOST_CALLS: usize = 200;

/// Runs `act` on what `prepare` makes, with each fault at each of its calls, until it comes to its end without one; each
/// time `check` recovers, and looks at what came of it. Who acts asks [`Faults::crashed`] whenever it waits, and stops then.
pub async fn at_every_call<S>(
    prepare: impl AsyncFn() -> S,
    act: impl AsyncFn(&S, &Arc<Faults>),
    check: impl AsyncFn(&S),
) {
    for fault in Fault::ALL {
        for nth in 0..MOST_CALLS {
            let story = prepare().await;
            let faults = Faults::at(nth, fault);
            act(&story, &faults).await;
            #[allow(clippy::print_stdout)] // shown if what follows fails
            {
                println!("{fault:?} at call {nth}");
            }
            check(&story).await;
            if faults.calls() <= nth {
                assert!(nth > 0, "nothing was called");
                break;
            }
            assert!(nth + 1 < MOST_CALLS, "it never came to its end");
        }
    }
}

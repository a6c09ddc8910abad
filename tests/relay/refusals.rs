//! What the bus refuses, while it takes the rest.

use std::{sync::Arc, time::Duration};

use super::events::{HEAD_START, setup};
use errand::Rules;

#[tokio::test]
async fn an_event_that_the_bus_refuses_holds_up_no_other_and_is_offered_less_and_less_often() {
    let setup = setup();
    let refused = setup.published("refuse me").await;
    setup.world.clock.advance(Duration::from_millis(1));
    setup.published("hello").await;
    setup.bus.refuse("refuse me");
    let mut tries = 0;
    for _ in 0..60 {
        setup.world.clock.advance(Duration::from_secs(60));
        setup.poll().await;
        tries += setup.bus.refusals();
    }
    assert_eq!(setup.taken().len(), 1, "the other one, once");
    assert!((5..15).contains(&tries), "{tries} tries in an hour");
    setup.bus.refuse("");
    setup.world.clock.advance(Duration::from_secs(600));
    assert_eq!(setup.poll().await, 1);
    assert_eq!(setup.taken()[1], refused.key.id.to_string());
}

#[tokio::test]
async fn an_event_that_the_bus_refuses_closes_it_to_none_that_the_poll_comes_to_later() {
    let mut setup = setup();
    setup.published("refuse me").await;
    setup.world.clock.advance(Duration::from_millis(1));
    let next = setup.published("hello").await;
    setup.bus.refuse("refuse me");
    setup.app.rules = Arc::new(Rules { poll_page: 1, ..Rules::default() });
    setup.world.clock.advance(HEAD_START);
    assert_eq!(setup.poll().await, 1);
    assert_eq!((setup.bus.refusals(), setup.taken()), (1, vec![next.key.id.to_string()]));
}

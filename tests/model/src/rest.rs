//! What becomes of a system that is left alone: no fault comes any more, and nobody asks for anything.

use stateright::Model;

/// More steps than any system of the bounds at hand takes. One that takes them all turns in a circle.
const MANY: usize = 400;

/// Who is behind an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The system itself, by what it does next.
    Own,
    /// A handler that does its work.
    Work,
    /// A look at what has a `wake_at`, or the end of a lease.
    Look,
    /// Something goes wrong.
    Fault,
    /// Somebody outside asks for something, or what is waited for happens.
    Outside,
}

/// Where `model` comes to rest from `state` if only actions of these causes happen, the first that is possible each time;
/// `None`: it does not come to rest. So the check says "always possible": from every state that can be reached there is
/// *this* way to rest. Any other way differs from it in the order of steps alone, and each of its states is checked, too.
pub fn rest<M: Model>(
    model: &M,
    state: &M::State,
    cause: impl Fn(&M::Action) -> Cause,
    among: &[Cause],
) -> Option<M::State>
where
    M::State: Clone,
{
    let mut state = state.clone();
    let mut actions = Vec::new();
    for _ in 0..MANY {
        model.actions(&state, &mut actions);
        let mut wanted = actions.drain(..).filter(|action| among.contains(&cause(action)));
        match wanted.find_map(|action| model.next_state(&state, action)) {
            Some(next) => state = next,
            None => return Some(state),
        }
    }
    None
}

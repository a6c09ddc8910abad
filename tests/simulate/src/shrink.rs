//! Finds a shorter plan that breaks something, too.

use crate::{plan::Plan, stage::run};

/// How many plans are tried.
const MOST_TRIES: usize = 4000;

/// `plan`, which breaks something, with as few steps as it takes: first large parts are left out, then ever smaller ones.
pub fn shrink(plan: Plan) -> Plan {
    let mut best = plan;
    let mut tries = 0;
    let mut part = best.steps.len().div_ceil(2);
    while part > 0 {
        let mut from = 0;
        let mut shorter = false;
        while from < best.steps.len() && tries < MOST_TRIES {
            tries += 1;
            let steps = best.steps.iter().take(from).chain(best.steps.iter().skip(from + part)).cloned().collect();
            let without = Plan { steps, ..best.clone() };
            if run(&without, false).broken.is_some() {
                best = without;
                shorter = true;
            } else {
                from += part;
            }
        }
        if part > 1 {
            part = part.div_ceil(2).min(part - 1);
        } else if !shorter || tries >= MOST_TRIES {
            break;
        }
    }
    best
}

//! Agent runs as a whole: every turn paid for once, every end complete, whatever crashes and whoever ends them.

mod crashes;
mod ends;
mod erased;
mod holders;
mod journeys;
mod line;
mod lives;
mod memory;
mod paid;
mod reads;
mod secrecy;
mod stage;
mod steering;
mod turns;
mod verdicts;
mod whole;
mod writers;

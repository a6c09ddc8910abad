//! The dashboard in a real browser: what its views show, and what its buttons do, read back by `/v1`.

mod acts;
mod deployed;
mod flows;
mod issuer;
mod live;
mod looks;
mod many;
mod others;
mod safe;
mod sign_in;
mod stage;
mod ways;

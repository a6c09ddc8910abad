//! What the functions serve of agent runs; and every route of an installation.

pub mod control;
pub mod status;

use std::sync::LazyLock;

use errand_http::Route;

/// Every route of an installation.
pub static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let tables = [errand_http::enqueue::routes(), status::routes(), control::routes()];
    tables.into_iter().flatten().collect()
});

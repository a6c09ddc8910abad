//! Requests by route.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

use super::{Metrics, registered};
use crate::method::known_method;

/// The route of what is asked of none.
const NO_ROUTE: &str = "none";

/// Seconds by which requests are told apart.
const ANSWERED_S: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// See the module.
pub(super) struct Requests {
    answered: IntCounterVec,
    time: HistogramVec,
    /// What is counted of each route and status: as many as our routes have answers.
    of: RwLock<HashMap<(String, u16), (IntCounter, Histogram)>>,
}

impl Requests {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let answered = Opts::new("errand_http_requests_total", "Requests that were answered");
        let time =
            HistogramOpts::new("errand_http_time_seconds", "From a request's head to the beginning of its answer");
        Ok(Self {
            answered: registered(registry, IntCounterVec::new(answered, &["route", "status"])?)?,
            time: registered(registry, HistogramVec::new(time.buckets(ANSWERED_S.to_vec()), &["route"])?)?,
            of: RwLock::default(),
        })
    }

    fn count(&self, route: String, status: StatusCode, took_s: f64) {
        let place = (route, status.as_u16());
        let known = self.of.read().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        let (answered, time) = known.unwrap_or_else(|| {
            let (route, status) = (place.0.as_str(), status.as_str());
            let of = (self.answered.with_label_values(&[route, status]), self.time.with_label_values(&[route]));
            self.of.write().unwrap_or_else(PoisonError::into_inner).insert(place, of.clone());
            of
        });
        answered.inc();
        time.observe(took_s);
    }
}

/// Counts a request, once it is answered, by the route's own text: what stands in the path in its place is in no label.
pub(crate) async fn measured(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let path = path.filter(|_| response.status() != StatusCode::METHOD_NOT_ALLOWED);
    let asked = path.zip(known_method(&method));
    let route = asked.map_or_else(|| NO_ROUTE.to_owned(), |(path, method)| format!("{method} {}", path.as_str()));
    metrics.requests.count(route, response.status(), begun.elapsed().as_secs_f64());
    response
}

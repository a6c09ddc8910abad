//! What is counted agrees with what is told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use errand_aws::meter::EmbeddedMetrics;
use integration_tests::world::World;
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};

use super::everything_happens;

/// The values of every metric, with its labels.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<BTreeMap<String, Vec<f64>>>>);

/// One metric of them.
struct One(String, Counted);

impl CounterFn for One {
    fn increment(&self, by: u64) {
        self.record(by as f64);
    }

    fn absolute(&self, _: u64) {
        unreachable!("what is written out is what was added since the last time");
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        self.1.0.lock().unwrap().entry(self.0.clone()).or_default().push(value);
    }
}

impl Counted {
    fn one(&self, key: &Key) -> Arc<One> {
        let labels: Vec<_> = key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        Arc::new(One(format!("{}{}", key.name(), labels.concat()), self.clone()))
    }
}

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        unreachable!("a gauge is written out again and again: {key}")
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}

#[tokio::test]
async fn what_happens_is_counted_once() {
    let counted = Counted::default();
    let _guard = metrics::set_default_local_recorder(&counted);
    let mut world = World::new();
    world.app.meter = Arc::new(EmbeddedMetrics);
    everything_happens(&world).await;
    let counted = counted.0.lock().unwrap();
    let all = counted.iter().map(|(metric, values)| {
        let most = values.iter().copied().fold(0.0, f64::max);
        // How often it was polled is chance: retries have jitter.
        let sum = (!["Polls", "OldestDue"].contains(&metric.as_str())).then(|| values.iter().sum::<f64>());
        (metric.clone(), (sum, most))
    });
    insta::assert_json_snapshot!(all.collect::<BTreeMap<_, _>>());
}

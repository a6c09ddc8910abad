//! Faults between the store and DynamoDB, from within the SDK: answers lost on their way, and made-up refusals.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
    },
    error::BoxError,
};

/// What happens to a write.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// It is made, but its answer is lost; the SDK sees a server's error, as a gateway would give it.
    LoseAnswer,
    /// It is made and answered.
    None,
    /// It is not made, and this is the answer (a 400 with this body).
    Refuse(String),
}

/// The faults that are still to come, for writes only, in order; then none.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    to_come: VecDeque<Fault>,
    now: Option<Fault>,
    /// How many writes pass before the first of them.
    spared: usize,
    writes: usize,
}

impl Faults {
    pub(super) fn then(&self, faults: impl IntoIterator<Item = Fault>) {
        self.0.lock().unwrap().to_come.extend(faults);
    }

    /// Loses the answer of the write after so many.
    pub(super) fn lose_answer(&self, after: usize) {
        self.0.lock().unwrap().spared = after;
        self.then([Fault::LoseAnswer]);
    }

    /// How many writes were sent since this was last asked.
    pub(super) fn writes(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().writes)
    }
}

impl Intercept for Faults {
    fn name(&self) -> &'static str {
        "faults"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        let target = headers.get("x-amz-target").unwrap_or_default().to_owned();
        let mut state = self.0.lock().unwrap();
        state.now = None;
        if ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"].iter().any(|write| target.ends_with(write)) {
            state.writes += 1;
            state.now = if state.spared > 0 { None } else { state.to_come.pop_front() };
            state.spared = state.spared.saturating_sub(1);
        }
        if let Some(Fault::Refuse(_)) = state.now {
            headers.insert("x-amz-target", "DynamoDB_20120810.Nothing");
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (status, body) = match self.0.lock().unwrap().now.take() {
            None | Some(Fault::None) => return Ok(()),
            Some(Fault::LoseAnswer) => (500, String::new()),
            Some(Fault::Refuse(body)) => (400, body),
        };
        let answer = context.response_mut();
        *answer.status_mut() = status.try_into()?;
        answer.headers_mut().remove("x-amzn-errortype");
        *answer.body_mut() = body.into();
        Ok(())
    }
}

/// The body of a transaction's cancellation for these codes.
pub(super) fn cancelled(codes: &[&str]) -> String {
    let reasons: Vec<_> = codes.iter().map(|code| serde_json::json!({ "Code": code, "Message": "as told" })).collect();
    refusal("TransactionCanceledException", serde_json::json!(reasons))
}

/// The body of an error.
pub(super) fn refusal(code: &str, reasons: serde_json::Value) -> String {
    let code = format!("com.amazonaws.dynamodb.v20120810#{code}");
    serde_json::json!({ "__type": code, "Message": "as told", "CancellationReasons": reasons }).to_string()
}

//! Events as Lambda hands them to the functions: HTTP requests (payload format 2.0) and SQS batches, made as JSON and
//! read as the functions read them.

use aws_lambda_events::{
    apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse},
    encodings::Body,
    sqs::SqsEvent,
};
use aws_sdk_sqs::types::Message;
use errand::App;
use errand_agents::ROUTES;
use errand_http::{Function, Route};
use futures::FutureExt;
use serde_json::{Map, Value, json};

use crate::described::assert_described;

/// The request id of every event.
pub const REQUEST_ID: &str = "request-1";

/// An HTTP request, before API Gateway makes it an event.
#[derive(Clone, Debug)]
pub struct Call {
    method: &'static str,
    path: String,
    query: Map<String, Value>,
    headers: Map<String, Value>,
    authorizer: Value,
    body: Option<String>,
    is_base64: bool,
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// The JSON in the body.
    pub body: Value,
}

impl Call {
    fn new(method: &'static str, path: &str, body: Option<String>) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
        let headers = Map::from_iter([("host".to_owned(), json!("api.example"))]);
        Self { method, path: path.to_owned(), query, headers, authorizer: Value::Null, body, is_base64: false }
    }

    /// `GET path?query`; nothing in it is percent-encoded.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path, None)
    }

    /// `method path?query`, without a body.
    pub fn to(method: &'static str, path: &str) -> Self {
        Self::new(method, path, None)
    }

    /// `POST path` with a JSON body.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path, Some(body.to_string()))
    }

    /// `PUT path` with a JSON body.
    pub fn put(path: &str, body: &Value) -> Self {
        Self::new("PUT", path, Some(body.to_string()))
    }

    /// `PATCH path` with a JSON body.
    pub fn patch(path: &str, body: &Value) -> Self {
        Self::new("PATCH", path, Some(body.to_string()))
    }

    /// The same with this text for a body.
    pub fn text(self, body: &str) -> Self {
        Self { body: Some(body.to_owned()), ..self }
    }

    /// The same with this body, said to be base64.
    pub fn base64(self, body: &str) -> Self {
        Self { is_base64: true, ..self.text(body) }
    }

    /// The same with a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    /// The same, signed for AWS by `user_arn`.
    pub fn signed_by(self, user_arn: &str) -> Self {
        Self { authorizer: json!({"iam": {"userArn": user_arn, "accountId": "123456789012"}}), ..self }
    }

    /// The same under a token with these claims.
    pub fn token(self, claims: &Value) -> Self {
        Self { authorizer: json!({"jwt": {"claims": claims, "scopes": null}}), ..self }
    }

    /// Its path, without what follows `?`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it only looks.
    pub fn is_read(&self) -> bool {
        self.method == "GET"
    }

    /// The request before any gateway, to a server at `base`.
    pub fn http(&self, base: &str) -> http::Request<String> {
        let pairs = self.query.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let mut request = http::Request::builder().method(self.method).uri(format!("{base}{}?{query}", self.path));
        // Whoever sends it names the host.
        for (name, value) in self.headers.iter().filter(|(name, _)| *name != "host") {
            request = request.header(name, value.as_str().unwrap());
        }
        request.body(self.body.clone().unwrap_or_default()).unwrap()
    }

    /// The route that API Gateway finds for it.
    pub fn route(&self) -> &'static Route {
        route(self.method, &self.path).unwrap_or_else(|| panic!("no route {} {}", self.method, self.path))
    }

    /// The event.
    pub fn event(&self) -> ApiGatewayV2httpRequest {
        serde_json::from_value(self.json()).unwrap()
    }

    /// The event as API Gateway sends it.
    pub fn json(&self) -> Value {
        let info = self.route();
        json!({
            "version": "2.0",
            "routeKey": info.key(),
            "rawPath": self.path,
            "rawQueryString": "",
            "headers": self.headers,
            "queryStringParameters": self.query,
            "pathParameters": parameters(info.path, &self.path),
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api",
                "authorizer": self.authorizer,
                "domainName": "api.example",
                "domainPrefix": "api",
                "http": {
                    "method": self.method, "path": self.path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                    "userAgent": "tests",
                },
                "requestId": REQUEST_ID,
                "routeKey": info.key(),
                "stage": "$default",
                "time": "20/Nov/2026:09:00:00 +0000",
                "timeEpoch": 1_795_165_200_000_u64,
            },
            "body": self.body,
            "isBase64Encoded": self.is_base64,
        })
    }

    /// What the function that serves the route answers, working with `app`. It must be as it is described.
    pub async fn answer(&self, app: &App) -> Answered {
        let (info, event) = (self.route(), self.event());
        // Boxed: unoptimised, whoever asks has room on its stack for every future that it ever waits for.
        let answer = match info.function {
            Function::Enqueue => enqueue::http(app, event).boxed(),
            Function::Status => status::http(app, event).boxed(),
            Function::Control => control::http(app, event).boxed(),
        };
        let answered = Answered::from(answer.await);
        assert_described(info, answered.status, &answered.body);
        answered
    }
}

/// The route of a path, if there is one.
pub fn route(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|info| info.method == method && parameters(info.path, path).is_some())
}

/// What `path` gives for the parameters of `pattern`, if it fits.
fn parameters(pattern: &str, path: &str) -> Option<Map<String, Value>> {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    let mut found = Map::new();
    if pattern.len() != path.len() {
        return None;
    }
    for (pattern, part) in pattern.into_iter().zip(path) {
        match pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => _ = found.insert(name.to_owned(), part.into()),
            None if pattern == part => {}
            None => return None,
        }
    }
    Some(found)
}

impl From<ApiGatewayV2httpResponse> for Answered {
    fn from(response: ApiGatewayV2httpResponse) -> Self {
        assert_eq!(response.headers["content-type"], "application/json");
        let Some(Body::Text(text)) = response.body else { panic!("{response:?} has no text") };
        let status = u16::try_from(response.status_code).unwrap();
        let after = response.headers.get("retry-after").map(|it| it.to_str().unwrap().parse::<u64>().unwrap());
        assert_eq!(after.is_some_and(|seconds| seconds > 0), [429, 503].contains(&status), "{status} {after:?}");
        Self { status, body: serde_json::from_str(&text).unwrap() }
    }
}

impl Answered {
    /// The body of an answer that must have this status.
    pub fn body(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// The sentence of an error, if it is one.
    pub fn sentence(&self) -> Option<&str> {
        self.body["error"]["message"].as_str()
    }

    /// Status, code, field and sentence of an error; the field is empty if none is to blame.
    pub fn error(&self) -> (u16, String, String, String) {
        let error = &self.body["error"];
        assert_eq!(error["request_id"], REQUEST_ID, "{error}");
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("code"), text("field"), text("message"))
    }
}

/// The batch that a mapping makes of what it received from the queue with this ARN.
pub fn sqs_event(arn: &str, messages: &[Message]) -> SqsEvent {
    serde_json::from_value(sqs_json(arn, messages)).unwrap()
}

/// The same as Lambda sends it.
pub fn sqs_json(arn: &str, messages: &[Message]) -> Value {
    let records: Vec<Value> = messages.iter().map(|message| record(arn, message)).collect();
    json!({ "Records": records })
}

fn record(arn: &str, message: &Message) -> Value {
    let system = message.attributes().into_iter().flatten();
    let system: Map<_, _> = system.map(|(name, value)| (name.as_str().to_owned(), value.as_str().into())).collect();
    let own = message.message_attributes().into_iter().flatten();
    let own = own.map(|(name, value)| {
        let value = json!({
            "stringValue": value.string_value(), "stringListValues": [], "binaryListValues": [],
            "dataType": value.data_type(),
        });
        (name.clone(), value)
    });
    json!({
        "messageId": message.message_id(),
        "receiptHandle": message.receipt_handle(),
        "body": message.body(),
        "attributes": system,
        "messageAttributes": own.collect::<Map<_, _>>(),
        "md5OfBody": message.md5_of_body(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": "us-east-1",
    })
}

/// Whether a path is one of agent runs, whose routes have tests of their own.
pub fn is_of_agents(path: &str) -> bool {
    ["runs", "commands", "sessions", "agents", "backends"].contains(&path.split('/').nth(2).unwrap_or_default())
}

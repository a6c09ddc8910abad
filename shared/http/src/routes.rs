//! Every route: its method and path, and which function serves it. The template's routes are compared with these.

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the table below says what each is
pub enum Route {
    EnqueueTask,
    EnqueueBatch,
    GetTask,
    GetTaskLog,
    ListTasks,
    ListQueues,
    QueueStats,
    Commander,
    GetHealth,
    ListTaskTypes,
    GetRecord,
    ListRecords,
    ListEvents,
    ListRuns,
    GetRun,
    RunEvents,
    RunCommands,
    RunJobs,
    ListSessions,
    GetSession,
    SessionTrace,
    SessionOutput,
    ListAgents,
    GetAgent,
    ListRunners,
    ListBackends,
    CancelTask,
    RetryTask,
    ProcessTask,
    RescheduleTask,
    ReadTask,
    PutRecord,
    PatchRecord,
    ListDeadLetters,
    RedriveDeadLetters,
    RunPoll,
    GetOpenApi,
    StartRun,
    CancelRun,
    ClaimRun,
    HeartbeatRun,
    FinishRun,
    AppendEvents,
    GiveCommand,
    MakeJob,
    AckCommand,
    FinishCommand,
    CancelCommand,
    FinishJob,
    ReadSession,
    KillAgent,
    RegisterRunner,
}

/// The function that serves a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// Takes tasks.
    Enqueue,
    /// Every read.
    Status,
    /// Every other write.
    Control,
}

/// A route.
#[derive(Clone, Copy, Debug)]
pub struct RouteInfo {
    /// What is asked.
    pub route: Route,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, parameters in braces.
    pub path: &'static str,
    /// Which function serves it.
    pub function: Function,
    /// Whether only the one-machine server has it.
    pub one_machine: bool,
}

const fn on(function: Function, method: &'static str, path: &'static str, route: Route) -> RouteInfo {
    RouteInfo { route, method, path, function, one_machine: false }
}

/// Every route.
pub const ROUTES: [RouteInfo; 52] = [
    on(Function::Enqueue, "POST", "/v1/tasks", Route::EnqueueTask),
    on(Function::Enqueue, "POST", "/v1/tasks/batch", Route::EnqueueBatch),
    on(Function::Status, "GET", "/v1/tasks", Route::ListTasks),
    on(Function::Status, "GET", "/v1/tasks/{id}", Route::GetTask),
    on(Function::Status, "GET", "/v1/tasks/{id}/log", Route::GetTaskLog),
    on(Function::Status, "GET", "/v1/queues", Route::ListQueues),
    on(Function::Status, "GET", "/v1/queues/{queue}/stats", Route::QueueStats),
    on(Function::Status, "GET", "/v1/commander", Route::Commander),
    on(Function::Status, "GET", "/v1/health", Route::GetHealth),
    on(Function::Status, "GET", "/v1/task-types", Route::ListTaskTypes),
    on(Function::Status, "GET", "/v1/openapi.json", Route::GetOpenApi),
    on(Function::Status, "GET", "/v1/dead-letters", Route::ListDeadLetters),
    on(Function::Status, "GET", "/v1/records/{kind}", Route::ListRecords),
    on(Function::Status, "GET", "/v1/records/{kind}/{id}", Route::GetRecord),
    // The order of events is exact only with one deliverer; on AWS they are delivered by the webhook.
    RouteInfo { one_machine: true, ..on(Function::Status, "GET", "/v1/events", Route::ListEvents) },
    on(Function::Status, "GET", "/v1/runs", Route::ListRuns),
    on(Function::Status, "GET", "/v1/runs/{id}", Route::GetRun),
    on(Function::Status, "GET", "/v1/runs/{id}/events", Route::RunEvents),
    on(Function::Status, "GET", "/v1/runs/{id}/commands", Route::RunCommands),
    on(Function::Status, "GET", "/v1/runs/{id}/jobs", Route::RunJobs),
    on(Function::Status, "GET", "/v1/sessions", Route::ListSessions),
    on(Function::Status, "GET", "/v1/sessions/{id}", Route::GetSession),
    on(Function::Status, "GET", "/v1/sessions/{id}/trace", Route::SessionTrace),
    on(Function::Status, "GET", "/v1/sessions/{id}/output", Route::SessionOutput),
    on(Function::Status, "GET", "/v1/agents", Route::ListAgents),
    on(Function::Status, "GET", "/v1/agents/{id}", Route::GetAgent),
    on(Function::Status, "GET", "/v1/runners", Route::ListRunners),
    on(Function::Status, "GET", "/v1/backends", Route::ListBackends),
    on(Function::Control, "POST", "/v1/tasks/{id}/cancel", Route::CancelTask),
    on(Function::Control, "POST", "/v1/tasks/{id}/retry", Route::RetryTask),
    on(Function::Control, "POST", "/v1/tasks/{id}/process", Route::ProcessTask),
    on(Function::Control, "POST", "/v1/tasks/{id}/reschedule", Route::RescheduleTask),
    on(Function::Control, "POST", "/v1/tasks/{id}/read", Route::ReadTask),
    on(Function::Control, "POST", "/v1/dead-letters/redrive", Route::RedriveDeadLetters),
    on(Function::Control, "POST", "/v1/poll", Route::RunPoll),
    on(Function::Control, "PUT", "/v1/records/{kind}/{id}", Route::PutRecord),
    on(Function::Control, "PATCH", "/v1/records/{kind}/{id}", Route::PatchRecord),
    on(Function::Control, "POST", "/v1/runs", Route::StartRun),
    on(Function::Control, "POST", "/v1/runs/{id}/cancel", Route::CancelRun),
    on(Function::Control, "POST", "/v1/runs/{id}/claim", Route::ClaimRun),
    on(Function::Control, "POST", "/v1/runs/{id}/heartbeat", Route::HeartbeatRun),
    on(Function::Control, "POST", "/v1/runs/{id}/finish", Route::FinishRun),
    on(Function::Control, "POST", "/v1/runs/{id}/events", Route::AppendEvents),
    on(Function::Control, "POST", "/v1/runs/{id}/commands", Route::GiveCommand),
    on(Function::Control, "POST", "/v1/runs/{id}/jobs", Route::MakeJob),
    on(Function::Control, "POST", "/v1/commands/{id}/ack", Route::AckCommand),
    on(Function::Control, "POST", "/v1/commands/{id}/finish", Route::FinishCommand),
    on(Function::Control, "POST", "/v1/commands/{id}/cancel", Route::CancelCommand),
    on(Function::Control, "POST", "/v1/jobs/{id}/finish", Route::FinishJob),
    on(Function::Control, "POST", "/v1/sessions/{id}/read", Route::ReadSession),
    on(Function::Control, "POST", "/v1/agents/{id}/kill", Route::KillAgent),
    on(Function::Control, "POST", "/v1/runners", Route::RegisterRunner),
];

impl RouteInfo {
    /// The route's key as API Gateway names it: `GET /v1/tasks/{id}`.
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The route with this key.
    pub fn find(key: &str) -> Option<&'static RouteInfo> {
        let (method, path) = key.split_once(' ')?;
        ROUTES.iter().find(|info| info.method == method && info.path == path)
    }
}

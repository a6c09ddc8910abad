//! Errand as a whole, and what surrounds its code, in one binary so that it links once and shares one MiniStack.

#![cfg(test)] // always so here; it tells clippy that helpers too are test code

mod agent_api;
mod alarms;
mod aws;
mod bad_input;
mod bedrock;
mod clients;
mod crash;
mod deliveries;
mod drift;
mod dynamo;
mod endings;
mod fencing;
mod handlers;
mod interleavings;
mod layers;
mod listing;
mod mcp;
mod modules;
mod openapi;
mod operations;
mod original_faults;
mod outbox;
mod patience;
mod polling;
mod processes;
mod processing;
mod readme;
mod redrive;
mod relay;
mod rights;
mod runs;
mod second_life;
mod signatures;
mod slots;
mod sqlite;
mod sqs;
mod stores;
mod stories;
mod switched_off;
mod telemetry;
mod template;
mod tenants;
mod watching;
mod work;

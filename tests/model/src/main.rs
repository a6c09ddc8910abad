//! Walks through a model as far as is asked for, with a line of progress each second.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use errand_model_check::{GroupModel, TaskModel, check::Walked};

/// Checks what Errand promises in every state that its model can reach.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The protocol of one task.
    Task {
        /// Crashes, lost answers, messages lost or doubled, workers thought dead; at most.
        #[arg(long, default_value_t = 2)]
        faults: u8,
        /// How often operators cancel or redrive.
        #[arg(long, default_value_t = 2)]
        wishes: u8,
        /// How many processes act at the same time.
        #[arg(long, default_value_t = 2)]
        actors: usize,
        /// How often a drive tries again.
        #[arg(long, default_value_t = 1)]
        retries: u8,
        /// The log's row rides in the task's item, and is copied after the commit.
        #[arg(long)]
        rows_ride: bool,
    },
    /// A group with its parent and members.
    Group {
        /// Members that the handler makes, 1 to 4.
        #[arg(long, default_value_t = 3)]
        members: usize,
        /// Crashes, lost answers, workers thought dead; at most.
        #[arg(long, default_value_t = 1)]
        faults: u8,
        /// How often somebody cancels, redrives, gives up or adds a member.
        #[arg(long, default_value_t = 2)]
        wishes: u8,
        /// How many act at the same time.
        #[arg(long, default_value_t = 3)]
        actors: usize,
    },
}

fn main() -> io::Result<ExitCode> {
    let found = match Arguments::parse().what {
        What::Task { faults, wishes, actors, retries, rows_ride } => {
            TaskModel { wrong: None, faults, wishes, actors, retries, rows_ride }.everything(true)
        }
        What::Group { members, faults, wishes, actors } => {
            GroupModel { wrong: None, members: members.clamp(1, 4), faults, wishes, actors }.everything(true)
        }
    };
    let mut out = io::stdout();
    for (promise, steps) in &found.broken {
        writeln!(out, "broken: {promise}\n{steps}")?;
    }
    for sight in &found.missed {
        writeln!(out, "never seen: {sight}")?;
    }
    writeln!(out, "{} states, {} on the longest way", found.states, found.depth)?;
    Ok(if found.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

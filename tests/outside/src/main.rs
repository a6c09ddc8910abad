//! Serves what `outside` knows on this machine.

fn main() -> std::process::ExitCode {
    errand_local::main(outside::types(outside::Mailer::default()))
}

use std::process::ExitCode;

fn main() -> ExitCode {
    k8s_await_election::main()
}

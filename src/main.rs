//! The `blend` command.

fn main() -> std::process::ExitCode {
    blend::cli::main()
}

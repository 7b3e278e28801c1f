//! The binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    fezz_server::cli::main()
}
